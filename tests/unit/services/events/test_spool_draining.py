"""What is spooled gets into the store, once, and tells how agents are while it is fresh."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread
from tests.unit.services.events.shelf import Shelf, until

from iterm_mcp.agents.events.claude_hook_events import ClaudeHookEvents
from iterm_mcp.agents.hook_spool import BELL
from iterm_mcp.errors import NotFoundError, StoreError
from iterm_mcp.services.events import spool_draining
from iterm_mcp.services.events.hook_events import HookEvents
from iterm_mcp.services.events.spool import Spool
from iterm_mcp.services.events.spool_draining import SpoolDrain
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iterm_mcp.services.approvals.hook_intake import HookSender

HOOK = {"session_id": "c-1", "hook_event_name": "UserPromptSubmit", "prompt_id": "p-1"}


class Den:
    """A spool with what empties it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.spool = Spool(str(folder))
        self.spool.make()
        self.shelf = Shelf()
        self.states: list[tuple[str, str]] = []
        self.past: list[tuple[str, str, datetime]] = []
        self.counted: list[tuple[str, str]] = []
        self.mentioned: list[str] = []
        self.unknown = False
        self.drain = self.drained_by(ClaudeHookEvents())

    def drained_by(self, reader: ClaudeHookEvents) -> SpoolDrain:
        hooks = HookEvents(
            self.shelf, {"claude": reader}, lambda _kind, path: self.mentioned.append(path)
        )
        return SpoolDrain(self.spool, hooks, self.clock, self, self)

    async def take(self, kind: str, payload: Mapping[str, object], sender: HookSender) -> None:
        if self.unknown or not payload:
            raise NotFoundError("agent", "x", hint="None.")
        self.states.append((kind, sender.session))

    async def take_past(
        self, kind: str, payload: Mapping[str, object], sender: HookSender, at: datetime
    ) -> None:
        assert payload
        self.past.append((kind, sender.session, at))

    def hook_taken(self, kind: str, outcome: str) -> None:
        self.counted.append((kind, outcome))

    def leave(
        self, prompt: str, *, name: str = "claude.1", age: float = 1.0, agent: str = "", **more: str
    ) -> None:
        payload = json.dumps(HOOK | {"prompt": prompt} | more)
        path = self.folder / name
        path.write_text(f"{agent}\t\ts-1\t\n{payload}\n")
        at = self.clock.now().timestamp() - age
        os.utime(path, (at, at))


@pytest.fixture
def den(tmp_path: Path) -> Den:
    return Den(tmp_path / "spool")


async def test_an_event_is_kept_and_gone(den: Den) -> None:
    den.leave("hello", transcript_path="/t.jsonl")
    assert await den.drain.drain() == 1
    (event,) = den.shelf.events.values()
    assert (event.text, event.links.session) == ("hello", "s-1")
    assert (den.clock.now() - event.at).total_seconds() == 1
    assert den.mentioned == ["/t.jsonl"]
    assert await den.drain.drain() == 0
    assert den.counted == [("claude", "kept")]


async def test_nothing_is_lost_while_nothing_can_be_kept(den: Den) -> None:
    den.shelf.full = True
    den.leave("hello")
    with pytest.raises(StoreError):
        await den.drain.drain()
    den.shelf.full = False
    assert await den.drained_by(ClaudeHookEvents()).drain() == 1
    assert den.shelf.texts == ["hello"]


async def test_kept_but_not_gone_is_kept_once(den: Den, monkeypatch: pytest.MonkeyPatch) -> None:
    den.leave("hello", hook_event_name="Notification", message="hm")
    with monkeypatch.context() as context:
        context.setattr(den.spool, "release", lambda _file: None)  # as when it is killed there
        await den.drain.drain()
    await den.drained_by(ClaudeHookEvents()).drain()
    assert den.shelf.texts == ["hm"]
    assert await den.drain.drain() == 0


async def test_an_event_that_can_never_be_kept_keeps_no_other(den: Den) -> None:
    den.shelf.hated = "bad"
    for index, prompt in enumerate(("one", "bad", "two")):
        den.leave(prompt, name=f"claude.{index}")
    await den.drain.drain()
    assert den.shelf.texts == ["one", "two"]
    assert await to_thread.run_sync(lambda: den.spool.torn) == 1
    assert den.counted.count(("", "torn")) == 1
    assert await den.drain.drain() == 0


async def test_hooks_of_a_kind_that_nobody_reads_are_not_kept(den: Den) -> None:
    den.leave("hello", name="strange.1")
    assert await den.drain.drain() == 1
    assert not den.shelf.events


@pytest.mark.parametrize(
    ("name", "age", "agent", "told"),
    [
        ("claude.1", 1.0, "", 1), ("claude.1", 60.0, "", 0), ("claude.1-own", 1.0, "", 0),
        ("claude.1", 1.0, "ann", 1),
    ],
)  # fmt: skip
async def test_fresh_hooks_that_nobody_else_has_told_tell_how_agents_are(
    den: Den, name: str, age: float, agent: str, told: int
) -> None:
    den.leave("hello", name=name, age=age, agent=agent)
    await den.drain.drain()
    assert len(den.states) == told
    assert den.shelf.texts == ["hello"]


async def test_hooks_that_were_left_while_no_daemon_ran_tell_what_was(den: Den) -> None:
    den.leave("hello", age=60)
    await den.drain.drain()
    assert den.past == [("claude", "s-1", den.clock.now() - timedelta(seconds=60))]
    assert not den.states


async def test_an_agent_of_ours_asks_over_http_and_is_heard_there(den: Den) -> None:
    den.leave("", hook_event_name="PermissionRequest", agent="ann", tool_name="Bash")
    await den.drain.drain()
    assert not den.states
    assert den.shelf.events


async def test_how_an_agent_is_is_told_once_though_its_event_cannot_be_kept(den: Den) -> None:
    den.shelf.full = True
    den.leave("hello")
    for _ in range(2):
        with pytest.raises(StoreError):
            await den.drain.drain()
    assert len(den.states) == 1
    den.shelf.full = False
    await den.drain.drain()
    assert len(den.states) == 1


async def test_who_leaves_an_event_calls_and_is_heard_before_the_next_look(den: Den) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(den.drain.run, 3600.0)
        await to_thread.run_sync(den.spool.write, "claude", json.dumps(HOOK).encode(), "ans", "d")
        await until(lambda: den.shelf.events)
        group.cancel_scope.cancel()


async def test_an_event_that_is_written_slower_than_it_is_told_of_is_waited_for(den: Den) -> None:
    bell = await to_thread.run_sync(den.spool.hang_bell)
    assert bell is not None
    async with anyio.create_task_group() as group:
        group.start_soon(den.drain.run, 3600.0)
        den.leave("", name="claude.2", age=0)
        await until(lambda: den.shelf.events)
        path = den.folder / "claude.1"
        path.write_text("\t\ts-1\t\n")
        os.write(bell, b".")
        await anyio.wait_all_tasks_blocked()
        den.leave("late", age=0)
        await until(lambda: "late" in den.shelf.texts)
        group.cancel_scope.cancel()
    os.close(bell)


def test_without_named_pipes_nobody_is_called(den: Den) -> None:
    (den.folder / BELL).write_text("no pipe")
    assert den.spool.hang_bell() is None
    (den.folder / BELL).unlink()
    den.folder.rename(den.folder.with_name("elsewhere"))
    assert den.spool.hang_bell() is None


async def test_a_state_that_is_not_taken_is_no_reason_to_lose_the_event(den: Den) -> None:
    den.unknown = True
    den.leave("hello")
    await den.drain.drain()
    assert den.shelf.texts == ["hello"]


async def test_it_runs_on_after_trouble(den: Den, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_draining, "AGAIN_SECONDS", 0.001)
    den.shelf.full = True
    den.leave("hello")
    async with anyio.create_task_group() as group:
        group.start_soon(den.drain.run, 0.001)
        await until(lambda: den.drain.problem)
        den.shelf.full = False
        await until(lambda: not (den.drain.problem or not den.shelf.events))
        group.cancel_scope.cancel()
    assert den.shelf.texts == ["hello"]
