"""A process that is killed loses nothing that it said was stored, and types nothing twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.streams.text import TextReceiveStream

from iterm_mcp.clock import SystemClock
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.messages import Cascade
from iterm_mcp.services.deliveries.messages import MessageService
from iterm_mcp.services.deliveries.service import make_deliveries
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.store import open_store
from iterm_mcp.testing import FakeTerminal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

REGISTER = """
import sys, anyio
from iterm_mcp.clock import SystemClock
from iterm_mcp.models.agents import Agent
from iterm_mcp.store import open_store

async def main():
    clock = SystemClock()
    async with open_store(sys.argv[1], clock) as store:
        for number in range(1_000_000):
            name = f"agent-{number}"
            await store.agents.add_agent(Agent(name, "shell", f"s-{number}", (), "", clock.now()))
            print(name, flush=True)

anyio.run(main)
"""

DELIVER = """
import sys, anyio
from iterm_mcp.clock import SystemClock
from iterm_mcp.models.messages import Cascade
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.agents.service import AgentService
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.services.deliveries.service import make_deliveries
from iterm_mcp.services.deliveries.messages import MessageService
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.store import open_store
from iterm_mcp.testing import FakeTerminal

async def main():
    clock, terminal = SystemClock(), FakeTerminal()
    async with open_store(sys.argv[1], clock) as store:
        session = await terminal.open_session(Program())
        await AgentService(terminal, store, clock).register_agent("ada", session.session_id)
        writers, states = SessionWriters(), AgentStateService(store, clock)
        deliveries = make_deliveries(terminal, store, clock, writers, states)
        service = MessageService(terminal, store, deliveries, writers, clock)
        gate = terminal.hold("send_text")
        async with deliveries.running(), anyio.create_task_group() as group:
            async def send():
                await service.cascade(Cascade("echo hi"), idempotency_key="key")
            group.start_soon(send)
            await gate.wait_arrived()
            print("typing", flush=True)

anyio.run(main)
"""


@pytest.fixture
def path() -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="im-") as folder:
        yield str(Path(folder) / "state.db")


@asynccontextmanager
async def lines_of(program: str, path: str) -> AsyncIterator[AsyncIterator[str]]:
    """Run a program and yield the lines it prints; at the end it is killed in the act."""
    process = await anyio.open_process(
        [sys.executable, "-c", program, path], stdin=subprocess.DEVNULL, stderr=None
    )
    assert process.stdout is not None
    text = TextReceiveStream(process.stdout)

    async def lines() -> AsyncGenerator[str, None]:
        rest = ""
        async for chunk in text:
            *whole, rest = (rest + chunk).split("\n")
            for line in whole:
                yield line

    printed = lines()
    try:
        yield printed
    finally:
        with anyio.CancelScope(shield=True):
            await printed.aclose()
            process.kill()
            await process.wait()
            await process.stdout.aclose()


async def test_every_agent_that_was_reported_as_stored_is_there_after_kill_9(path: str) -> None:
    reported: list[str] = []
    with anyio.fail_after(30):
        async with lines_of(REGISTER, path) as lines:
            async for line in lines:
                reported.append(line)
                if len(reported) == 50:
                    break

    def check() -> str:
        with closing(sqlite3.connect(path)) as database:
            (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
        return str(verdict)

    assert await anyio.to_thread.run_sync(check) == "ok"
    async with open_store(path, SystemClock()) as store:
        stored = {agent.name for agent in (await store.agents.load()).agents}
    assert stored >= set(reported)
    assert len(reported) == 50


async def test_a_cascade_that_kill_9_cut_short_is_unknown_and_is_not_typed_again(
    path: str,
) -> None:
    with anyio.fail_after(30):
        async with lines_of(DELIVER, path) as lines:
            assert await anext(lines) == "typing"

    clock, terminal = SystemClock(), FakeTerminal()
    terminal.lose()  # whoever tries to type will fail
    async with open_store(path, clock) as store:
        writers = SessionWriters()
        deliveries = make_deliveries(
            terminal, store, clock, writers, AgentStateService(store, clock)
        )
        service = MessageService(terminal, store, deliveries, writers, clock)
        async with deliveries.running():
            result = await service.cascade(Cascade("echo hi"), idempotency_key="key")

    assert result.replayed
    assert [(one.agent, one.state) for one in result.receipts] == [(AgentName("ada"), "unknown")]
