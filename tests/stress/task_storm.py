"""Tasks all the time, under a daemon, a terminal's connection and a database that are cut off.

All chance comes from the seed: which tasks there are, who is the next victim, and when. Only the
moments are the machine's.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread
from tests.stress.task_account import Account, Wanted, settle
from tests.waiting import eventually

from iterm_mcp.models.tasks import ACTIVE, SETTLED, TaskState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.tasks.postgres import Postgres
    from tests.stress.task_site import Site

DAEMON, HOST, DATABASE = "daemon", "host", "database"

SORTS = (
    *(["quick"] * 8), *(["long"] * 4), "fails", "dead", "leaves", "cancelled",
    "claude", "claude-tree", "codex", "codex-tree",
)  # fmt: skip
"""What tasks there are, and how many of each among twenty."""

TOGETHER = 5
"""Tasks of a graph; of some graphs the last one needs the first."""

BACKLOG = 5
LOOK_SECONDS = 0.2
UP_SECONDS = 90.0
QUIET_SECONDS = 150.0
"""How long it may take until one more task has settled."""

FULL_SECONDS = 30.0
LEFT_SECONDS = 45.0
WORKING_SECONDS = 2.5
ON_SECONDS = 30.0
ON_SHARE = 0.5
"""Of the kills, before which something has come to its end since the last one: on a slow machine
all others befall attempts that only begin."""
STARTING_SHARE = 0.2
"""Of the kills of the daemon, that are followed by one more while it starts."""
DOWN_SHARE = 0.3
"""Of the falls of the database, during which the daemon is killed as well."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a storm shall be.

    Attributes:
        kills: How often anything is killed or cut off.
        at_once: How many attempts are in flight all the time.
        seconds: Nothing more is killed after so long.
        most: No more tasks than so many.
        sorts: Of which tasks are.
    """

    kills: int
    at_once: int
    victims: tuple[str, ...]
    seed: int
    seconds: float = inf
    most: int = 1_000_000
    sorts: tuple[str, ...] = SORTS


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        in_flight: How many attempts were under way, whenever anything was killed.
        left: What attempts have left open.
    """

    account: Account = field(default_factory=Account)
    killed: Counter[str] = field(default_factory=Counter)
    sorts: Counter[str] = field(default_factory=Counter)
    in_flight: list[int] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def faults(self) -> list[str]:
        """All that must not be."""
        return [*self.account.faults, *(f"left over: {one}" for one in self.left)]


class TaskStorm:
    """One run at a site whose daemon does not run yet.

    Args:
        server: That keeps the tasks; None where they are in a file.
    """

    def __init__(
        self,
        site: Site,
        plan: Plan,
        server: Postgres | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._site = site
        self._plan = plan
        self._server = server
        self._tell = tell or (lambda _line: None)
        self._wanted: dict[str, Wanted] = {}
        self._cancels: list[tuple[float, str]] = []
        self._dice = random.Random(f"{plan.seed} tasks")
        self._bag: list[str] = []
        self._graphs = 0
        self._killing = True
        self._settled = 0
        self._standing = anyio.Lock()  # a connection that is half made when a server falls leaks
        self.outcome = Outcome()

    async def run(self) -> Outcome:
        """Submit and kill, wait until all has settled, and compare."""
        began = monotonic()
        site = self._site
        await to_thread.run_sync(site.prepare)
        try:
            await to_thread.run_sync(site.start)
            await self._until_up()
            async with anyio.create_task_group() as group:
                group.start_soon(self._kill_all)
                await self._feed()
            await self._settle()
            await self._compare()
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(site.close)
        self.outcome.seconds = monotonic() - began
        return self.outcome

    # What is asked for.

    async def _feed(self) -> None:
        """Have as many in flight as may be, as long as anything is killed."""
        plan = self._plan
        while self._killing or self._cancels:
            counts = await self._counts()
            known = counts is not None or not self._graphs
            room = known and _open(counts) < plan.at_once + BACKLOG
            if self._killing and room and len(self._wanted) < plan.most:
                await self._submit()
                continue
            await self._cancel_due()
            await anyio.sleep(LOOK_SECONDS)

    async def _submit(self) -> None:
        number = self._graphs
        self._graphs += 1
        names = {f"{sort}-{number}-{place}": sort for place, sort in enumerate(self._draw())}
        tasks = {name: self._made(sort) for name, sort in names.items()}
        first, last = next(iter(names)), next(reversed(names))
        if first != last and names[first] in {"quick", "long"} and number % 3 == 0:
            tasks[last]["needs"] = [first]
        document = {
            "graph": f"storm-{number}",
            "defaults": {
                "directory": str(self._site.work), "retry": {"attempts": 3, "backoff": 0.5},
            },
            "tasks": tasks,
        }  # fmt: skip
        made = await self._site.ask(
            "POST", "/tools/submit_tasks", document=json.dumps(document), key=f"storm-{number}"
        )
        for name, task_id in made["tasks"].items():
            sort = names[name]
            self._wanted[task_id] = _wanted(sort)
            self.outcome.sorts[sort] += 1
            if sort == "cancelled":
                self._cancels.append((monotonic() + self._dice.uniform(0, 6), task_id))

    def _draw(self) -> list[str]:
        count = min(TOGETHER, self._plan.most - len(self._wanted))
        while len(self._bag) < count:
            fresh = [*self._plan.sorts]
            self._dice.shuffle(fresh)
            self._bag += fresh
        drawn, self._bag = self._bag[:count], self._bag[count:]
        return drawn

    def _made(self, sort: str) -> dict[str, Any]:
        kind, _, tree = sort.partition("-")
        if kind in {"claude", "codex"}:
            seconds = round(self._dice.uniform(0.2, 4), 1)
            order = f'Count them. [[work {seconds}]] [[say {{"count": 42}}]]'
            place = {"worktree": True, "directory": str(self._site.repository)} if tree else {}
            # Told as its terminal falls, an agent may have been told, and its attempt has failed;
            # at a kill every few seconds that befalls some three times in a row.
            return {"kind": kind, "prompt": order, "retry": {"attempts": 10}, **place}
        note = f'echo "$ITERM_MCP_ATTEMPT %s $(date +%%s.%%N)" >>{self._site.starts}'
        began, ended = note % "began", note % "ended"
        most = {"long": (5, 15), "cancelled": (600, 601)}.get(sort, (0.2, 3.0))
        middle = {
            "fails": 'case "$ITERM_MCP_ATTEMPT" in *~1) exit 9;; esac',
            "dead": "exit 9",
            "leaves": "setsid nohup sleep 900 >/dev/null 2>&1 &",
        }.get(sort, ":")
        run = f"{began}\nsleep {self._dice.uniform(*most):.2f}\n{middle}\n{ended}"
        more = {"retry": {"attempts": 2, "backoff": 0.3}} if sort == "dead" else {}
        return {"run": run, **more}

    async def _cancel_due(self) -> None:
        due = [one for one in self._cancels if one[0] <= monotonic()]
        self._cancels = [one for one in self._cancels if one not in due]
        for _, task_id in due:
            await self._site.ask("POST", f"/tasks/{task_id}/cancel", reason="no need")

    # What befalls them.

    async def _kill_all(self) -> None:
        plan = self._plan
        dice = random.Random(f"{plan.seed} kills")
        ends_at = monotonic() + plan.seconds
        await self._until_full()
        while self.outcome.killed.total() < plan.kills and monotonic() < ends_at:
            victim = dice.choice(plan.victims)
            if dice.random() < ON_SHARE:
                await self._until_on()
            counts = await self._counts()
            if counts is not None:
                self.outcome.in_flight.append(_active(counts))
            await {DAEMON: self._fell, HOST: self._cut, DATABASE: self._outage}[victim](dice)
            self._settled = _settled(await self._counts()) or self._settled
            await anyio.sleep(dice.uniform(0, WORKING_SECONDS))
            done = self.outcome.killed.total()
            if done % 10 == 0:
                self._tell(f"{done} kills, {len(self._wanted)} tasks: {counts}")
        self._killing = False

    async def _until_full(self) -> None:
        """Wait until as many are in flight as may be, or all that there are."""
        wanted = min(self._plan.at_once, self._plan.most)

        until = monotonic() + FULL_SECONDS
        while monotonic() < until:
            if _active(await self._counts()) >= wanted * 0.8:
                return
            await anyio.sleep(LOOK_SECONDS)

    async def _until_on(self) -> None:
        """Wait until one more task has settled than when something was last killed, or for long."""
        until = monotonic() + ON_SECONDS
        while monotonic() < until:
            if _settled(await self._counts()) > self._settled:
                return
            await anyio.sleep(LOOK_SECONDS)

    async def _fell(self, dice: random.Random) -> None:
        """The daemon is killed, sometimes once more while it starts."""
        again = dice.random() < STARTING_SHARE and self._plan.kills > 1
        await self._kill_daemon()
        await anyio.sleep(dice.uniform(0, 1.0))
        await to_thread.run_sync(self._site.start)
        if again:
            await anyio.sleep(dice.uniform(0.1, 2.5))
            await self._kill_daemon()
            await to_thread.run_sync(self._site.start)
        await self._until_up()

    async def _kill_daemon(self) -> None:
        await to_thread.run_sync(self._site.kill)
        self.outcome.killed[DAEMON] += 1

    async def _cut(self, _dice: random.Random) -> None:
        """The terminal sends its clients away."""
        await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "host", "upgrade"],
            env=self._site.home.environ, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.outcome.killed[HOST] += 1

    async def _outage(self, dice: random.Random) -> None:
        """The database falls, and is away for a while."""
        assert self._server is not None
        both = dice.random() < DOWN_SHARE
        async with self._standing:
            await to_thread.run_sync(self._server.kill)
            self.outcome.killed[DATABASE] += 1
            await anyio.sleep(dice.uniform(0, 3.0))
            if both:
                await self._kill_daemon()
                await to_thread.run_sync(self._site.start)
            await to_thread.run_sync(self._server.start)
        await self._until_up()

    async def _counts(self) -> dict[str, int] | None:
        async with self._standing:
            return await to_thread.run_sync(self._site.counts)

    async def _until_up(self) -> None:
        await eventually(
            lambda: self._site.is_up() or self._site.has_ended(), within_seconds=UP_SECONDS
        )
        assert not self._site.has_ended(), "the daemon has ended by itself"

    # The end.

    async def _settle(self) -> None:
        """Wait until all has settled, or nothing has for long."""
        last: dict[str, int] = {}
        since = monotonic()
        while monotonic() - since < QUIET_SECONDS:
            counts = await self._counts()
            if counts is not None and not _open(counts):
                return
            if counts != last:
                last, since = counts or {}, monotonic()
            await anyio.sleep(LOOK_SECONDS)

    async def _compare(self) -> None:
        kept = await to_thread.run_sync(self._site.read)
        own = await to_thread.run_sync(self._site.own)
        self.outcome.account = settle(self._wanted, kept or {}, own, self._plan.at_once)
        until = monotonic() + LEFT_SECONDS
        while True:
            self.outcome.left = await self._site.left()
            if not self.outcome.left or monotonic() > until:
                return
            await anyio.sleep(1)


def _wanted(sort: str) -> Wanted:
    agent = sort.partition("-")[0] in {"claude", "codex"}
    state = {"dead": TaskState.DEAD, "cancelled": TaskState.CANCELLED}.get(
        sort, TaskState.SUCCEEDED
    )
    return Wanted(state, 2 if sort in {"fails", "dead"} else 1, agent)


def _active(counts: dict[str, int] | None) -> int:
    return sum((counts or {}).get(state, 0) for state in ACTIVE)


def _settled(counts: dict[str, int] | None) -> int:
    return sum(many for state, many in (counts or {}).items() if state in SETTLED)


def _open(counts: dict[str, int] | None) -> int:
    return sum(many for state, many in (counts or {}).items() if state not in SETTLED)
