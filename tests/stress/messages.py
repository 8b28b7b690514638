"""Messages by the thousand to agents that misbehave, from a daemon that is killed at any moment.

All chance comes from the seed: who is told what in which round, which misfortune it brings, and
what befalls the daemon and the terminal meanwhile. Only the moments are the machine's.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from tests.integration.line_client import open_client
from tests.stress.storm_account import Account, read_store, settle
from tests.stress.storm_crew import Crew
from tests.stress.storm_messages import CRASHES, ORDERS, make_message, possible
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.homes import Home
    from tests.stress.storm_messages import Sent

BACKLOG = 4
"""How many messages may be under way for each agent, before more are sent."""

ANSWER_SECONDS = 180.0
"""How long a cascade may take; a client that goes away earlier cancels what was not yet typed."""

LANES = 4
"""How many rounds are being sent at the same time."""

MOST_CRASHES = 2
"""How often messages may make one agent crash: five times in 15 minutes are a quarantine."""

QUIET_SECONDS = 150.0
"""How long it may take until one more message comes to its end: longer than an agent is believed to
be busy of which nothing else is heard, see `BUSY_SECONDS` of the states' evidence."""

UNDER_WAY = "('accepted', 'leased', 'written', 'submitted', 'queued', 'started')"
LOOK_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Plan:
    """What a storm shall be.

    Attributes:
        messages: To all agents together.
        kills: How often the daemon is killed.
        drops: How often the terminal sends its clients away, and how often a process is ended or
            stopped from outside.
        seconds: No more is sent after so long; None for no such end.
        each: Bring about every misfortune once at first, before chance has its way.
    """

    agents: int
    messages: int
    kills: int
    drops: int
    seed: int
    seconds: float | None = None
    each: bool = False

    @property
    def rounds(self) -> int:
        """How often every agent is told something."""
        return max(1, self.messages // self.agents)


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        faults: How often each misfortune was brought about, by its name.
        happened: What the agents wrote down of them.
    """

    account: Account = field(default_factory=Account)
    sent: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)


class Storm:
    """One run.

    Args:
        folder: Where the agents live; a run that is broken off can be taken up there.
        tell: Is called with a line of progress now and then.
    """

    def __init__(
        self, home: Home, folder: Path, plan: Plan, tell: Callable[[str], None] | None = None
    ) -> None:
        self._home = home
        self._plan = plan
        self._tell = tell or (lambda _line: None)
        self._crew = Crew(home, folder)
        self._done = folder / "rounds"
        self._sent: list[Sent] = []
        self._rounds: Iterator[int] = iter(())
        self._finished: set[int] = set()
        self._began = monotonic()
        self._wanted = list(ORDERS) if plan.each else []
        self._person = random.Random(f"{plan.seed} person")
        self.outcome = Outcome()

    async def run(self) -> Outcome:
        """Send everything, wait for all ends, and compare."""
        began = monotonic()
        self._crew.prepare()
        try:
            await self._crew.start(self._plan.agents)
            self._tell(f"{self._plan.agents} agents are ready, {monotonic() - began:.0f} s")
            self._began = monotonic()
            async with anyio.create_task_group() as group:
                group.start_soon(self._be_there)
                await self._send_all()
                await self._settle()
                group.cancel_scope.cancel()
            await anyio.to_thread.run_sync(self._compare)
        finally:
            self._crew.end()
        self.outcome.seconds = monotonic() - began
        return self.outcome

    # What is sent, and what befalls those who send and take it.

    async def _send_all(self) -> None:
        """Send round after round, a few at a time."""
        done = int(self._done.read_text()) if self._done.exists() else 0
        for number in range(done):
            self._note(self._messages(number))
        self._rounds = iter(range(done, self._plan.rounds))
        self._finished = set(range(done))
        async with anyio.create_task_group() as group:
            for _ in range(LANES):
                group.start_soon(self._send_some)

    async def _send_some(self) -> None:
        plan, befalls = self._plan, self._fates()
        for number in self._rounds:
            messages = self._messages(number)  # at once: what comes later depends on it
            await self._room()
            if plan.seconds is not None and monotonic() - self._began > plan.seconds:
                return
            self._note(messages)
            async with anyio.create_task_group() as group:
                for fate in befalls.get(number, ()):
                    dice = random.Random(f"{plan.seed} {number} {fate}")
                    group.start_soon(self._befall, fate, dice)
                await self._send({one.agent: one.text for one in messages}, number)
            self._finished.add(number)
            first = next(one for one in range(plan.rounds + 1) if one not in self._finished)
            self._done.write_text(str(first))
            if number % 10 == 0:
                took = monotonic() - self._began
                self._tell(f"round {number + 1} of {plan.rounds}, {took:.0f} s")

    def _fates(self) -> dict[int, list[str]]:
        """Return in which rounds what befalls."""
        plan, dice = self._plan, random.Random(f"{self._plan.seed} fates")
        found: dict[int, list[str]] = {}
        for fate, count in (
            ("kill -9 of the daemon", plan.kills),
            ("clients sent away by the terminal", plan.drops),
            ("kill -9 of an agent", plan.drops),
            ("agent stopped for a while", plan.drops),
        ):
            for number in dice.sample(range(plan.rounds), min(count, plan.rounds)):
                found.setdefault(number, []).append(fate)
        return found

    def _messages(self, number: int) -> list[Sent]:
        dice = random.Random(f"{self._plan.seed} {number}")
        messages = []
        for member in self._crew.members:
            able = possible(member.kind)
            fault = next((one for one in self._wanted if one in able), "")
            if fault:
                self._wanted.remove(fault)
            may_crash = member.crashes < MOST_CRASHES
            one = make_message(
                dice, member.name, member.kind, number, may_crash=may_crash, fault=fault
            )
            member.crashes += one.fault in CRASHES
            messages.append(one)
        return messages

    def _note(self, messages: list[Sent]) -> None:
        self._sent += messages
        self.outcome.sent += len(messages)
        self.outcome.faults.update(one.fault for one in messages if one.fault)

    async def _send(self, texts: dict[str, str], number: int) -> None:
        """Repeat a cascade with its key until it is answered."""

        async def answered() -> bool:
            try:
                async with open_client(self._home.environ, seconds=ANSWER_SECONDS) as relay:
                    await relay.greet()
                    result = await relay.call(
                        "cascade_message", agents=texts, idempotency_key=f"round-{number}"
                    )
            except (AssertionError, TimeoutError):  # the daemon went away under the call
                return False
            return not result.get("isError")

        await eventually(answered, within_seconds=3 * ANSWER_SECONDS)

    async def _befall(self, fate: str, dice: random.Random) -> None:
        await anyio.sleep(dice.random() * 2)  # any moment will do
        self.outcome.faults[fate] += 1
        if fate == "kill -9 of the daemon":
            if self._home.daemon_pid():
                await self._home.kill_daemon()
            await anyio.sleep(dice.random())
            await self._run("daemon", "start")  # as any client does that comes next
        elif fate == "clients sent away by the terminal":
            await self._run("host", "upgrade")
        else:
            member = dice.choice(self._crew.members)
            pid = member.pid()
            if pid is None or (fate == "kill -9 of an agent" and member.killed >= MOST_CRASHES):
                return
            with suppress(ProcessLookupError):
                if fate == "kill -9 of an agent":
                    member.killed += 1
                    os.kill(pid, signal.SIGKILL)
                else:
                    os.kill(pid, signal.SIGSTOP)
                    await anyio.sleep(dice.random() * 8)
                    os.kill(pid, signal.SIGCONT)

    async def _run(self, *words: str) -> None:
        await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", *words],
            env=self._home.environ,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    async def _be_there(self) -> None:
        """Read what the agents write down, and be the person who answers them."""
        while True:
            await anyio.sleep(LOOK_SECONDS)
            await anyio.to_thread.run_sync(self._crew.read)
            for member in self._crew.members:
                if value := member.answer(self._person):
                    self.outcome.faults[f"answer {value}"] += 1

    # The end.

    def _under_way(self) -> int:
        query = f"SELECT count(*) FROM deliveries WHERE stage IN {UNDER_WAY}"
        plain = " AND NOT (agent LIKE 'lines-%' AND stage IN ('written', 'submitted'))"
        with closing(sqlite3.connect(self._home.paths.database, timeout=30)) as database:
            return int(database.execute(query + plain).fetchone()[0])

    async def _room(self) -> None:
        """Wait until there is room for more."""
        if self._sent:
            await self._until_left(BACKLOG * self._plan.agents)

    async def _settle(self) -> None:
        """Wait until nothing is on its way any more."""
        await self._until_left(1)

    async def _until_left(self, fewer: int) -> None:
        """Wait until fewer messages are on their way, or nothing has moved for long."""
        left, since = -1, monotonic()
        while monotonic() - since < QUIET_SECONDS:
            await anyio.sleep(LOOK_SECONDS)
            found = await anyio.to_thread.run_sync(self._under_way)
            if found < fewer:
                return
            if found != left:
                left, since = found, monotonic()

    def _compare(self) -> None:
        self._crew.read()
        kept = read_store(self._home.paths.database)
        self.outcome.account = settle(self._sent, self._crew.members, kept)
        self.outcome.happened = self._crew.happened()
