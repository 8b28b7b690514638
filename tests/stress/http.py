"""``uv run python -m tests.stress.http [--seconds N] [--rates R …]``: HTTP under load.

Reads and writes come at steady rates, whether answers come or not; how long one takes counts from
the moment at which it was due. Then comes several times more than can be worked on: what is refused
must say when to come again, and afterwards all is as before. Beside each rate stands what a request
cost the daemon in CPU, which a busy machine changes less than it does times.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import psutil
from rich.console import Console
from tests.integration.homes import open_home
from tests.integration.http_home import start_daemon
from tests.stress.http_load import LAST_SECONDS, SHED, Figures, Task

if TYPE_CHECKING:
    from tests.integration.homes import Home

PROCESSES = 2
CONNECTIONS = 32
"""Of each process, at a steady rate."""
FLOOD_CONNECTIONS = 250
"""Of each process, when too much comes."""
SPARE_SECONDS = 30.0
NORMAL = {200, 304}


@dataclass
class Phase:
    """What came of the requests of one part.

    Attributes:
        cpu_seconds: What the daemon used, all threads.
        grown_bytes: Of its memory.
    """

    what: str
    allowed: frozenset[int]
    parts: list[Figures] = field(default_factory=list)
    cpu_seconds: float = 0.0
    grown_bytes: int = 0

    @property
    def statuses(self) -> Counter[int]:
        """How often each status came."""
        found: Counter[int] = Counter()
        for one in self.parts:
            found.update({int(status): many for status, many in one.statuses.items()})
        return found

    def told(self) -> str:
        """Return a line about it."""
        late = sorted(one for part in self.parts for one in part.late)
        p50, p95, p99 = (_at(late, share) for share in (0.5, 0.95, 0.99))
        total = sum(self.statuses.values())
        seconds = max(one.seconds for one in self.parts)
        unasked = sum(one.unasked for one in self.parts)
        shed = sum(many for status, many in self.statuses.items() if status in SHED)
        cpu = 1e6 * self.cpu_seconds / max(total, 1)
        return (
            f"{self.what}: {total} answers, {total / seconds:.0f}/s; p50 {p50:.1f} ms, "
            f"p95 {p95:.1f} ms, p99 {p99:.1f} ms; {shed} refused, {dict(self.statuses)}, "
            f"{unasked} not asked; "
            f"{cpu:.0f} µs CPU each, {self.grown_bytes / 2**20:+.1f} MB, "
            f"load {os.getloadavg()[0]:.1f}"
        )

    def faults(self) -> list[str]:
        """Return what was not as it should be; how long things took is for people to judge."""
        wrong = {status: n for status, n in self.statuses.items() if status not in self.allowed}
        unanswered = sum(one.unanswered for one in self.parts)
        silent = sum(one.without_retry for one in self.parts)
        return [
            *([f"{self.what}: {wrong}"] if wrong else []),
            *([f"{self.what}: {unanswered} unanswered"] if unanswered else []),
            *([f"{self.what}: {silent} refusals say not when to come again"] if silent else []),
        ]


def _at(ordered: list[int], share: float) -> float:
    """Return the milliseconds within which a share was answered."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] / 1000 if ordered else 0.0


async def ask(
    home: Home, phase: Phase, seconds: float, rate: float, connections: int = CONNECTIONS
) -> Phase:
    """Ask from several processes at once, together at a rate."""
    parts = urlsplit(home.http_url())
    daemon = psutil.Process(home.daemon_pid())

    def used() -> tuple[float, int]:
        times = daemon.cpu_times()
        return times.user + times.system, daemon.memory_info().rss

    async def work(seed: int) -> None:
        task = Task(
            str(parts.hostname), int(parts.port or 0), home.token(),
            seconds, rate / PROCESSES, connections, seed, patient=SHED.isdisjoint(phase.allowed),
        )  # fmt: skip
        done = await anyio.run_process(
            [sys.executable, "-m", "tests.stress.http_load"],
            input=json.dumps(asdict(task)).encode(),
            stderr=None,
        )
        phase.parts.append(Figures(**json.loads(done.stdout)))

    cpu, rss = used()
    with anyio.fail_after(seconds + LAST_SECONDS + SPARE_SECONDS):
        async with anyio.create_task_group() as group:
            for seed in range(PROCESSES):
                group.start_soon(partial(work, seed))
    after = used()
    phase.cpu_seconds, phase.grown_bytes = after[0] - cpu, after[1] - rss
    return phase


@dataclass(frozen=True)
class Plan:
    """What is asked, and for how long.

    Attributes:
        seconds: At each rate.
        rates: Requests a second, one part each.
        flood: Requests a second, more than can be worked on.
        edge_seconds, edge_rate: Of the parts before and behind all these.
        most_at_once: The daemon's own bound.
    """

    seconds: float = 300.0
    rates: tuple[float, ...] = (1000.0,)
    flood: float = 5000.0
    flood_seconds: float = 10.0
    edge_seconds: float = 3.0
    edge_rate: float = 50.0
    most_at_once: int = 128

    def phases(self) -> list[tuple[Phase, float, float, int]]:
        """Return the parts: each with its seconds, its rate, and its connections."""
        normal, shed = frozenset(NORMAL), frozenset(NORMAL | SHED)
        return [
            (Phase("warming", shed), self.edge_seconds, self.edge_rate, CONNECTIONS),
            *((Phase(f"{one:g}/s", normal), self.seconds, one, CONNECTIONS) for one in self.rates),
            (
                Phase(f"{self.flood:g}/s, too much", shed),
                self.flood_seconds, self.flood, FLOOD_CONNECTIONS,
            ),
            (Phase("after", normal), self.edge_seconds, self.edge_rate, CONNECTIONS),
        ]  # fmt: skip


async def run(plan: Plan, console: Console) -> list[Phase]:
    """Run all parts in a home of its own; return what came of them."""
    done: list[Phase] = []
    async with open_home("headless") as home:
        home.environ |= {
            "ITERM_MCP_HTTP_REQUESTS_PER_SECOND": "0",
            "ITERM_MCP_HTTP_MOST_AT_ONCE": str(plan.most_at_once),
        }
        await start_daemon(home)
        for phase, seconds, rate, connections in plan.phases():
            done.append(await ask(home, phase, seconds, rate, connections))
            console.print(phase.told())
    return done


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress.http", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="at each rate")
    parser.add_argument("--rates", type=float, nargs="*", default=[1000.0], help="a second")
    parser.add_argument("--flood", type=float, default=5000.0, help="a second, at the end")
    parser.add_argument("--most-at-once", type=int, default=128, help="the daemon's own bound")
    given = parser.parse_args()
    plan = Plan(given.seconds, tuple(given.rates), given.flood, most_at_once=given.most_at_once)
    console = Console(highlight=False, width=160, soft_wrap=True)
    problems = [one for phase in anyio.run(run, plan, console) for one in phase.faults()]
    for problem in problems:
        console.print(f"[red]{problem}")
    if not problems:
        console.print("[green]No error; what was too much was told to come again.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
