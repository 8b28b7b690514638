"""Agents tell by hooks and transcripts while what takes it in is killed: all is kept, once."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.waiting import eventually

from iterm_mcp.agents.events.claude_transcript_events import ClaudeTranscriptEvents
from iterm_mcp.agents.hook_spool import spool_command
from iterm_mcp.clock import SystemClock
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.opening import open_events
from iterm_mcp.services.events.sources import open_sources
from iterm_mcp.services.events.spool import Spool
from iterm_mcp.services.events.transcripts import TranscriptRoot
from iterm_mcp.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.services.events.opening import Events

TAKE_IN = """
import anyio, sys
from tests.integration.events.test_intake_crash import Intake

async def main():
    async with Intake(sys.argv[1]):
        print("up", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


class Intake:
    """What a daemon takes events in with, in a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Events:
        clock, folder, enter = SystemClock(), self._folder, self._stack.enter_async_context
        store = await enter(open_store(f"{folder}/state.db", clock))
        events = await enter(
            open_events(f"{folder}/events", f"{folder}/no-prices", clock, store.agents)
        )
        root = TranscriptRoot("claude", Path(folder, "projects"), ClaudeTranscriptEvents)
        await enter(
            open_sources(
                f"{folder}/spool", events.intake, store.positions, clock, (root,),
                store=events.store,
            )
        )  # fmt: skip
        return events

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


class Told:
    """What agents have told: hooks that ended with 0, and whole lines of their transcripts."""

    def __init__(self, folder: str, agents: int, pause: float) -> None:
        self._command = spool_command(f"{folder}/spool", "claude")
        self._projects = Path(folder, "projects", "p")
        self._projects.mkdir(parents=True)
        self._agents = agents
        self._pause = pause
        self._stop = threading.Event()
        self.hooks: set[str] = set()
        self.lines: set[str] = set()

    @contextmanager
    def telling(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._tell, args=(one,))  # noqa: TID251 - as agents: beside us
            for one in range(self._agents)
        ]
        for one in threads:
            one.start()
        try:
            yield
        finally:
            self._stop.set()
            for one in threads:
                one.join(60)

    def _tell(self, who: int) -> None:
        number = 0
        with (self._projects / f"c-{who}.jsonl").open("a") as transcript:
            while not self._stop.wait(self._pause):
                number += 1
                text = f"{who}-{number}"
                hook = {
                    "session_id": f"c-{who}", "hook_event_name": "Notification", "message": text,
                }  # fmt: skip
                done = subprocess.run(
                    ["/bin/sh", "-c", self._command],
                    input=json.dumps(hook).encode() + b"\n", capture_output=True, timeout=60,
                    check=False,
                )  # fmt: skip
                if not done.returncode:
                    self.hooks.add(text)
                line = {
                    "type": "user", "sessionId": f"c-{who}", "promptId": f"p-{text}",
                    "timestamp": "2026-01-01T00:00:00Z", "message": {"content": text},
                }  # fmt: skip
                transcript.write(json.dumps(line) + "\n")
                transcript.flush()
                self.lines.add(text)


def take_in_and_kill(folder: str, dice: random.Random) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TAKE_IN, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        sleep(dice.uniform(0.0, 1.0))  # no condition: any moment will do
        process.kill()


async def kept(events: Events, kind: EventKind) -> list[str]:
    found, cursor = [], ""
    while True:
        query = EventQuery(kinds=frozenset({kind}), newest_first=False, limit=1000, cursor=cursor)
        page = await events.store.query(query)
        found += [one.event.text for one in page.events]
        cursor = page.cursor
        if not cursor:
            return found


async def kill_while_agents_tell(folder: str, kills: int, agents: int) -> None:
    Spool(f"{folder}/spool").make()
    async with Intake(folder):
        pass  # from now on transcripts are looked at
    told, dice = Told(folder, agents, agents / 40), random.Random(kills)

    def work() -> None:
        with told.telling():
            for _ in range(kills):
                take_in_and_kill(folder, dice)

    await anyio.to_thread.run_sync(work)
    assert len(told.hooks) > agents
    async with Intake(folder) as events:

        async def all_there() -> bool:
            by_hook = await kept(events, EventKind.AGENT_NOTIFIED)
            by_line = await kept(events, EventKind.PROMPT_SUBMITTED)
            return len(by_hook) >= len(told.hooks) and len(by_line) >= len(told.lines)

        await eventually(all_there, within_seconds=600)
        assert sorted(await kept(events, EventKind.AGENT_NOTIFIED)) == sorted(told.hooks)
        assert sorted(await kept(events, EventKind.PROMPT_SUBMITTED)) == sorted(told.lines)


@pytest.fixture
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="im-") as home:
        yield home


async def test_nothing_is_lost_and_nothing_kept_twice(folder: str) -> None:
    await kill_while_agents_tell(folder, kills=2, agents=3)


@pytest.mark.long
@pytest.mark.timeout(3000)
async def test_two_hundred_kills_while_twenty_agents_tell(folder: str) -> None:
    await kill_while_agents_tell(folder, kills=200, agents=20)
