"""Commands of agents, seen only as they are told of, and what they left in real directories."""

from __future__ import annotations

import subprocess
from contextlib import asynccontextmanager
from datetime import timedelta
from time import time_ns
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread

from iterm_mcp.clock import SystemClock
from iterm_mcp.models.events import Event, EventKind, EventNumber, Kept, Links, event_key
from iterm_mcp.services.events import shell_changes
from iterm_mcp.services.events.looking import Looker
from iterm_mcp.services.events.shell_changes import ShellChanges
from iterm_mcp.services.events.trees import SLACK_NS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.models.observations import Json

KEPT = Kept(1, 0, EventNumber(1))


class Told:
    """What was recorded."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, *events: Event) -> None:
        self.events += events

    def files(self) -> dict[str, str]:
        return {
            one.subject.rpartition("/")[2]: str(one.payload["change"])
            for one in self.events
            if one.kind is EventKind.FILE_CHANGED
        }


class Agent:
    """An agent that runs commands in a directory, and tells of it."""

    def __init__(self, directory: Path, name: str = "c1") -> None:
        self.directory = directory
        self.told = Told()
        self.name = name
        self.changes = ShellChanges(self.told, SystemClock(), Looker(), self._begun_in)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Agent]:
        async with self.changes.running():
            yield self

    async def _begun_in(self, conversation: str) -> str:
        assert conversation.startswith("c")
        return str(self.directory)

    async def prompt(self) -> None:
        await self.tell(self.event(EventKind.PROMPT_SUBMITTED, ""))

    async def begin(self, call: str, tool: str = "Bash", **given: Json) -> None:
        await self.tell(self.event(EventKind.TOOL_STARTED, call, tool=tool, input=given))

    async def end(self, call: str, tool: str = "Bash", *others: Event) -> None:
        await self.tell(*others, self.event(EventKind.TOOL_ENDED, call, tool=tool))

    async def tell(self, *events: Event) -> None:
        self.changes.events_kept(events, KEPT)
        with anyio.fail_after(30):
            while self.changes.busy:
                await anyio.lowlevel.checkpoint()

    async def run(self, call: str, *commands: str) -> dict[str, str]:
        """Run a shell's commands as a tool; return what is told of files."""
        before = len(self.told.events)
        await self.begin(call)
        for command in commands:
            await self.shell(command)
        await self.end(call)
        self.told.events, past = self.told.events[before:], self.told.events[:before]
        try:
            return self.told.files()
        finally:
            self.told.events = past + self.told.events

    async def shell(self, command: str) -> str:
        done = await to_thread.run_sync(
            lambda: subprocess.run(
                ("sh", "-c", command),
                cwd=self.directory,
                check=True,
                capture_output=True,
                text=True,
            )
        )
        return done.stdout

    async def later(self, path: Path) -> None:
        """Wait until a file is older than file systems' dates are vague."""
        changed_ns = (await anyio.Path(path).stat()).st_ctime_ns
        with anyio.fail_after(10):
            while time_ns() - changed_ns <= SLACK_NS:
                await anyio.lowlevel.checkpoint()

    def event(self, kind: EventKind, call: str, **payload: Json) -> Event:
        links = Links(conversation=self.name, kind="claude", call=call)
        return Event(f"{kind}{call}", SystemClock().now(), kind, "test", "", "", links, payload)

    def wrote(self, call: str, name: str) -> Event:
        path = str(self.directory / name)
        return self.event(EventKind.FILE_CHANGED, call, path=path, change="modified")


BEGIN = (
    "git init -q -b main && git config user.name Ada && git config user.email a@example.org"
    " && git config commit.gpgSign false && echo one > kept && git add . && git commit -q -m Begin"
)


@pytest.fixture
async def agent(tmp_path: Path) -> Agent:
    one = Agent(tmp_path)
    await one.shell(BEGIN)
    return one


async def test_files_and_commits_of_a_command_are_told(agent: Agent) -> None:
    async with agent.working():
        await agent.prompt()
        found = await agent.run("b1", "echo two >> kept; echo new > new; echo x > gone")
        assert found == {"kept": "modified", "new": "created", "gone": "created"}
        found = await agent.run("b2", "rm gone; git add -A; git commit -q -m 'Do it'")
        assert found == {"gone": "deleted"}
    kept = next(one for one in agent.told.events if one.subject.endswith("/kept"))
    path = str(agent.directory / "kept")
    assert kept.key == event_key("claude", "c1", "file", "b1", path)
    assert kept.payload == {
        "path": path, "change": "modified", "tool": "Bash", "bytes_before": 4, "bytes_after": 8,
        "evidence": "git", "lines_added": 1, "lines_removed": 0,
    }  # fmt: skip
    (commit,) = [one for one in agent.told.events if one.kind is EventKind.COMMIT_MADE]
    assert (commit.text, commit.payload["branch"], commit.links.call) == ("Do it", "main", "b2")


async def test_a_file_that_is_moved_tells_where_to_and_from_where(agent: Agent) -> None:
    async with agent.working():
        await agent.prompt()
        found = await agent.run("b1", "mkdir deep; mv kept deep/renamed")
        assert found == {"kept": "deleted", "renamed": "created"}
    old, new = str(agent.directory / "kept"), str(agent.directory / "deep" / "renamed")
    moved = {one.subject: one.payload for one in agent.told.events}
    assert (moved[old]["moved_to"], moved[new]["moved_from"]) == (new, old)


async def test_what_the_tool_itself_tells_is_not_told_twice(agent: Agent) -> None:
    async with agent.working():
        await agent.prompt()
        await agent.begin("b1")
        await agent.shell("echo two > kept; git commit -q -a -m Two; echo three > other")
        sha = (await agent.shell("git rev-parse --short HEAD")).strip()
        commit = agent.event(EventKind.COMMIT_MADE, "b1", sha=sha)
        await agent.end("b1", "Bash", agent.wrote("b1", "kept"), commit)
    assert agent.told.files() == {"other": "created"}
    assert len(agent.told.events) == 1


async def test_commands_at_the_same_time_tell_each_change_once(agent: Agent) -> None:
    async with agent.working():
        await agent.prompt()
        await agent.begin("b1")
        await agent.begin("b2", "exec_command", workdir=str(agent.directory))
        await agent.shell("echo a > a")
        await agent.end("b1")
        await agent.shell("echo b > b")
        await agent.end("b2", "exec_command")
    assert [one.subject.rpartition("/")[2] for one in agent.told.events] == ["a", "b"]
    assert [one.links.call for one in agent.told.events] == ["b1", "b2"]


async def test_what_others_changed_before_is_not_the_commands(agent: Agent) -> None:
    async with agent.working():
        await agent.prompt()
        await agent.shell("echo by hand > mine")
        await agent.later(agent.directory / "mine")
        assert await agent.run("b1", "echo x > x") == {"x": "created"}
        assert await agent.run("b2", "true") == {}


async def test_commits_that_are_only_fetched_were_not_made(agent: Agent) -> None:
    await agent.shell(
        "git checkout -q -b other; echo o > o; git add o;"
        " GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' git commit -q -m Old; git checkout -q main"
    )
    async with agent.working():
        await agent.prompt()
        assert await agent.run("b1", "git merge -q --ff-only other") == {"o": "created"}
    assert [one.kind for one in agent.told.events] == [EventKind.FILE_CHANGED]


async def test_a_directory_without_git_is_followed_and_so_is_where_it_goes(
    tmp_path: Path,
) -> None:
    agent = Agent(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with agent.working():
        await agent.prompt()
        assert await agent.run("b1", "echo a > a") == {"a": "created"}
        moved: dict[str, Json] = {"new_cwd": str(elsewhere)}
        await agent.tell(agent.event(EventKind.HOOK_FIRED, "", event="CwdChanged", told=moved))
        agent.directory = elsewhere
        await agent.prompt()
        assert await agent.run("b2", "echo b > b") == {"b": "created"}
        gone: dict[str, Json] = {"new_cwd": str(tmp_path / "none")}
        await agent.tell(agent.event(EventKind.HOOK_FIRED, "", event="CwdChanged", told=gone))
        assert await agent.run("b3", "echo c > c") == {}
    assert {one.payload["evidence"] for one in agent.told.events} == {"files"}


async def test_what_is_too_large_is_left_alone(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.changes = ShellChanges(agent.told, SystemClock(), Looker(most_files=3), agent._begun_in)
    async with agent.working():
        for name in ("b1", "b2"):
            assert await agent.run(name, "touch 1 2 3 4 5") == {}


async def test_old_events_and_other_tools_are_not_followed(agent: Agent) -> None:
    async with agent.working():
        started = agent.event(EventKind.TOOL_STARTED, "b1", tool="Bash")
        old = Event(started.key, started.at - timedelta(hours=1), *_rest(started))
        await agent.tell(old)
        await agent.shell("echo x > x")
        await agent.end("b1")
        await agent.begin("b2", "Read")
        await agent.shell("echo y > y")
        await agent.end("b2", "Read")
    assert agent.told.events == []
    await agent.prompt()  # nothing is looked at any more
    assert not agent.changes.busy


async def test_beyond_so_many_looks_some_are_left_out(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell_changes, "MOST_JOBS", 1)
    async with agent.working():
        both = (agent.event(EventKind.PROMPT_SUBMITTED, one) for one in ("", "again"))
        await agent.tell(*both)
    assert agent.changes.skipped == 1


def _rest(event: Event) -> tuple[EventKind, str, str, str, Links, dict[str, Json]]:
    return event.kind, event.source, "", "", event.links, dict(event.payload)
