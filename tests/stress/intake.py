"""``uv run python -m tests.stress.intake [--kills N] [--agents M]``: what agents tell, and kill -9.

Agents tell by all ways at once: by the hook that leaves its event in the spool, by the hook that
speaks HTTP and falls back on the spool, by lines of their transcripts, and by exports of OTLP.
Meanwhile the real daemon is killed at random moments, also while it is starting. At the end the
store is compared with what the agents themselves noted: nothing that was acknowledged, or stands in
the spool or in a transcript, may be lost, and nothing may be there twice.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from math import inf
from pathlib import Path
from time import monotonic, sleep, time_ns
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
from anyio import to_thread
from rich.console import Console
from tests.integration.homes import open_home
from tests.integration.http_home import start_daemon
from tests.waiting import eventually

from iterm_mcp.agents.hook_spool import spool_command
from iterm_mcp.clock import SystemClock
from iterm_mcp.hook_relay import hook_command
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import EventKind
from iterm_mcp.store.events import open_event_store
from iterm_mcp.store.events.verifying import verify_events

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.integration.homes import Home

EACH_SECONDS = 2.0
"""How often each agent tells something by each way."""
STARTING_SHARE = 0.15
"""Of the daemons, that are killed at some moment of their start; the others while they take in."""
STARTING_SECONDS = 2.0
UP_SECONDS = 60.0
WORKING_SECONDS = 1.5
LOOK_SECONDS = 0.005
SETTLE_SECONDS = 600.0
STILL_SECONDS = 3.0
"""For so long nothing new must have come, when all has been taken."""
STILL_LOOKS = 6
AGAIN_SECONDS = 0.3
WORD = "told-"
"""Begins every text, so that nothing else is taken for one."""


@dataclass
class Account:
    """What agents noted, and what the store has.

    Attributes:
        tried: All that was told, acknowledged or not.
        owed: What must be kept, by the way it was told.
        kept: How often the store has each.
        unfinished: Daemons that were killed before they had answered.
    """

    tried: set[str] = field(default_factory=set)
    owed: dict[str, str] = field(default_factory=dict)
    kept: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    unfinished: int = 0
    unsound: tuple[str, ...] = ()

    @property
    def lost(self) -> list[str]:
        """What is owed and not there."""
        return sorted(one for one in self.owed if one not in self.kept)

    @property
    def twice(self) -> list[str]:
        """What is there more than once."""
        return sorted(one for one, times in self.kept.items() if times > 1)

    @property
    def foreign(self) -> list[str]:
        """What nobody told."""
        return sorted(one for one in self.kept if one not in self.tried)

    def faults(self) -> list[str]:
        """Return what was not as it should be."""
        named = (("lost", self.lost), ("twice", self.twice), ("never told", self.foreign))
        found = [f"{len(these)} {what}: {', '.join(these[:5])}" for what, these in named if these]
        return found + list(self.unsound)


class Teller:
    """An agent that tells something now and then, by every way."""

    def __init__(self, home: Home, account: Account, name: str) -> None:
        self._home = home
        self._account = account
        self._name = name
        self._numbers = count(1)
        project = Path(home.environ["HOME"], ".claude", "projects", "p")
        project.mkdir(parents=True, exist_ok=True)
        self._transcript = project / f"{name}.jsonl"
        spool = ("/bin/sh", "-c", spool_command(home.paths.spool, "claude"))
        relay = (*hook_command(home.paths.state), "claude")
        self._ways: dict[str, Callable[[str], Awaitable[bool]]] = {
            "spool": lambda text: self._hook(spool, text),
            "http": lambda text: self._hook(relay, text),
            "transcript": self._write,
            "otlp": self._export,
        }

    async def run(self, stop: anyio.Event, pause: float) -> None:
        """Tell until it is over; what was begun is told to its end."""
        async with anyio.create_task_group() as group:
            for way in self._ways:
                group.start_soon(self._tell, way, stop, pause)

    async def _tell(self, way: str, stop: anyio.Event, pause: float) -> None:
        while not stop.is_set():
            text = f"{WORD}{way}-{self._name}-{next(self._numbers)}"
            self._account.tried.add(text)
            if await self._ways[way](text):
                self._account.owed[text] = way
            with anyio.move_on_after(pause):
                await stop.wait()

    async def _hook(self, command: tuple[str, ...], text: str) -> bool:
        told = {"session_id": self._name, "hook_event_name": "Notification", "message": text}
        done = await anyio.run_process(
            list(command),
            input=json.dumps(told).encode() + b"\n",
            env=self._home.environ,
            stderr=subprocess.PIPE,
            check=False,
        )
        return done.returncode == 0 and not done.stderr

    async def _write(self, text: str) -> bool:
        line = {
            "type": "user", "sessionId": self._name, "promptId": f"p-{text}",
            "timestamp": "2026-01-01T00:00:00Z", "message": {"content": text},
        }  # fmt: skip

        def write() -> None:
            with self._transcript.open("a") as file:
                file.write(json.dumps(line) + "\n")

        await to_thread.run_sync(write)
        return True

    async def _export(self, text: str) -> bool:
        """Export a record, again and again until it is taken, as exporters do."""
        attributes = [
            {"key": name, "value": {"stringValue": value}}
            for name, value in (("event.name", "user_prompt"), ("prompt", text))
        ]
        record = {"timeUnixNano": str(time_ns()), "attributes": attributes}
        body: dict[str, Any] = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
        while True:
            with suppress(httpx2.HTTPError, OSError, ValueError):
                token = {"Authorization": f"Bearer {self._home.token()}"}
                async with httpx2.AsyncClient(timeout=10, headers=token) as client:
                    url = f"{self._home.http_url()}/v1/logs"
                    answer = await client.post(url, json=body)
                if answer.status_code == httpx2.codes.OK:
                    return True
            await anyio.sleep(AGAIN_SECONDS)


def kill_at_random(
    home: Home, account: Account, kills: int, dice: random.Random, ends_at: float
) -> None:
    """Start the daemon and kill it, so many times or until then; it is down between. Blocks."""
    log, info = Path(home.paths.state, "daemon.out"), Path(home.paths.daemon_info)
    while account.kills < kills and monotonic() < ends_at:
        info.unlink(missing_ok=True)
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "iterm_mcp", "daemon", "run"],
                env=home.environ, stdout=out, stderr=out,
            )  # fmt: skip
        starting = dice.random() < STARTING_SHARE
        until = monotonic() + (dice.uniform(0.1, STARTING_SECONDS) if starting else UP_SECONDS)
        while monotonic() < until and process.poll() is None:
            if not starting and info.exists():  # from now on it is there; any moment will do
                starting, until = True, monotonic() + dice.uniform(0.0, WORKING_SECONDS)
            sleep(LOOK_SECONDS)
        ended, up = process.poll() is not None, info.exists()
        process.kill()
        process.wait()
        if ended or not (up or starting):
            account.unsound = (f"the daemon ended, or never was up: {log.read_text()[-400:]}",)
            return
        account.kills += 1
        account.unfinished += not up


async def settle(home: Home) -> None:
    """Start the daemon once more, and wait until it has taken all there is."""
    await start_daemon(home)
    spool = Path(home.paths.spool)
    seen: list[int] = []

    async def is_still() -> bool:
        headers = {"Authorization": f"Bearer {home.token()}"}
        async with httpx2.AsyncClient(timeout=30, headers=headers) as client:
            health = (await client.get(f"{home.http_url()}/health")).json()
        left = await to_thread.run_sync(lambda: [one.name for one in spool.iterdir()])
        seen.append(health["events"]["newest"])
        await anyio.sleep(STILL_SECONDS / STILL_LOOKS)
        quiet = len(seen) > STILL_LOOKS and len(set(seen[-STILL_LOOKS:])) == 1
        return quiet and all(name.startswith(".") for name in left)

    await eventually(is_still, within_seconds=SETTLE_SECONDS)


async def read_back(home: Home, account: Account) -> None:
    """Note what the store has, and whether it is sound; no daemon may run."""
    kinds = frozenset(
        {EventKind.AGENT_NOTIFIED, EventKind.PROMPT_SUBMITTED, EventKind.LOG_REPORTED}
    )
    async with open_event_store(home.paths.events, SystemClock()) as store:
        cursor = ""
        while True:
            query = EventQuery(kinds=kinds, newest_first=False, limit=1000, cursor=cursor)
            page = await store.query(query)
            account.kept.update(
                one.event.text for one in page.events if one.event.text.startswith(WORD)
            )
            cursor = page.cursor
            if not cursor:
                break
    report = await to_thread.run_sync(verify_events, Path(home.paths.events))
    account.unsound += report.problems


async def tell_and_kill(
    home: Home, kills: int, agents: int, seed: int, seconds: float = inf
) -> Account:
    """Do all of it in a home, and return the account."""
    account, stop = Account(), anyio.Event()
    await start_daemon(home)  # from now on transcripts are looked at, and hooks have a spool
    await home.kill_daemon()
    async with anyio.create_task_group() as group:
        for number in range(agents):
            teller = Teller(home, account, f"agent{number}")
            group.start_soon(teller.run, stop, EACH_SECONDS)
        dice = random.Random(seed)
        ends_at = monotonic() + seconds
        await to_thread.run_sync(kill_at_random, home, account, kills, dice, ends_at)
        stop.set()
        await settle(home)  # exports that were not taken wait for a daemon
    await home.stop()
    await read_back(home, account)
    return account


async def run(kills: int, agents: int, seed: int, seconds: float) -> int:
    """Run it in a home of its own; return the exit code."""
    console = Console(highlight=False, width=160, soft_wrap=True)
    began = monotonic()
    async with open_home("headless") as home:
        account = await tell_and_kill(home, kills, agents, seed, seconds)
    ways = Counter(account.owed.values())
    console.print(
        f"{account.kills} kills, {account.unfinished} of them before the daemon was up;"
        f" {agents} agents, {monotonic() - began:.0f} s"
    )
    for way, owed in sorted(ways.items()):
        there = sum(1 for text in account.kept if account.owed.get(text) == way)
        console.print(f"  {way}: {owed} acknowledged, {there} of them kept")
    extra = sum(1 for one in account.kept if one not in account.owed)
    console.print(f"  kept without having been acknowledged: {extra}")
    problems = account.faults()
    for problem in problems:
        console.print(f"[red]{problem}")
    if not problems:
        console.print("[green]Nothing was lost, and nothing is there twice.")
    return 1 if problems else 0


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress.intake", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=inf, help="end the killing after so long")
    given = parser.parse_args()
    return anyio.run(run, given.kills, given.agents, given.seed, given.seconds)


if __name__ == "__main__":
    sys.exit(main())
