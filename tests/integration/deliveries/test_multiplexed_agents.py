"""Agents in tmux in a session: what is known of them, and that nobody who scrolls is disturbed."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest
from anyio import to_thread
from tests.integration.deliveries.crew import SECONDS, Told, agent_home
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.integration.tool_client import Json, ToolClient

pytestmark = [
    pytest.mark.headless,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux"),
]


class Within:
    """A fake agent in a tmux of its own, in a session of ours."""

    def __init__(self, agent: Told, run: Callable[..., str]) -> None:
        self.agent = agent
        self._run = run

    async def tmux(self, *words: str) -> str:
        """Give tmux a command."""
        return await to_thread.run_sync(lambda: self._run(*words))

    async def state(self) -> Json:
        """Return what is known of the agent."""
        listed = await self.agent.tools.data("list_agents")
        return next(dict(one) for one in listed["agents"] if one["name"] == self.agent.name)

    async def why_it_waits(self) -> str:
        """Return what is said of the one message that waits."""
        found = await self.agent.tools.data(
            "manage_messages", action="waiting", agent=self.agent.name
        )
        return str([one.get("reason") for one in found["messages"]])


@contextmanager
def server(folder: str) -> Iterator[Callable[..., str]]:
    """Yield what gives commands to a tmux that ends with the block."""

    def run(*words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", f"{folder}/tmux", *words], check=False, capture_output=True, text=True,
            timeout=SECONDS,
        )  # fmt: skip
        return done.stdout

    try:
        yield run
    finally:
        run("kill-server")


@pytest.fixture
async def within(tools: ToolClient) -> AsyncIterator[Within]:
    with agent_home() as (folder, programs), server(str(folder.path)) as run:
        environ = folder.environ(
            FAKE_AGENT_TRUTH=str(folder.path / "truth.jsonl"),
            FAKE_AGENT_CONTROL=str(folder.control),
        )
        session_id = await tools.open(
            command=shutil.which("tmux"),
            args=[
                "-f",
                "/dev/null",
                "-S",
                f"{folder.path}/tmux",
                "new-session",
                programs["claude"],
            ],
            directory=str(folder.project),
            environment=environ,
        )
        name = f"within-{folder.path.name[-6:]}"
        agent = Told(tools, name, session_id, folder)
        await agent.happens("state", state="ready")
        await tools.data("register_agent", name=name, session_id=session_id, kind="claude")
        one = Within(agent, run)
        await eventually(one.state, lambda found: found["state"] == "ready", within_seconds=SECONDS)
        yield one


async def test_an_agent_in_tmux_is_told_by_what_its_screen_shows(within: Within) -> None:
    agent = within.agent

    end = await agent.ends(await agent.tell("hello [[work 1]]"), until="submitted")

    assert end["stage"] in {"submitted", "queued", "started", "ended"}
    await agent.happens("received")
    assert agent.received() == ["hello [[work 1]]"]
    explained = await agent.tools.result("explain_agent", name=agent.name)
    assert "screen activity" in str(explained)


async def test_a_message_waits_while_somebody_scrolls_in_tmux_and_comes_afterwards(
    within: Within,
) -> None:
    agent = within.agent
    await within.tmux("copy-mode")
    await agent.sees("[0/0]")

    waiting = await agent.tell("not into the history")
    held = await eventually(
        within.why_it_waits, lambda found: "scrolls" in found, within_seconds=SECONDS
    )
    received = agent.received()
    await within.tmux("send-keys", "-X", "cancel")
    await agent.ends(waiting, until="submitted")
    await agent.happens("received")

    assert "tmux" in held
    assert received == []
    assert agent.received() == ["not into the history"]


def has_ended(process: psutil.Process) -> bool:
    """Tell whether a process has ended, reaped or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_an_agent_that_has_left_tmux_s_shell_is_not_typed_into(within: Within) -> None:
    agent = within.agent
    await within.tmux("set-option", "-g", "remain-on-exit", "on")
    process = psutil.Process((await agent.happens("started"))["pid"])
    agent.folder.order("crash 1")
    await eventually(lambda: has_ended(process), within_seconds=20)

    receipt = await agent.tell("rm -rf nothing", expires_seconds=3)
    end = await agent.ends(receipt, until="ended")

    assert end["stage"] in {"refused", "expired"}
    assert agent.received() == []
