"""``uv run python -m tests.benchmarks [--quick | --full]``: all figures, beside their baselines."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from tests.benchmarks import (
    agent_figures,
    client_figures,
    echo_figures,
    echo_wire,
    event_figures,
    hook_figures,
    host_figures,
    metric_figures,
    task_figures,
    trace_figures,
    worktree_figures,
)
from tests.benchmarks.figures import Figure, table
from tests.benchmarks.home import temporary_home

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    rounds: int
    calls: int
    sessions: int
    many: int
    idle_seconds: float
    counts: tuple[int, ...]
    keys: int
    agents: int
    agents_seconds: float
    events: int
    hooks: int
    worktrees: tuple[int, int]  # of so many files
    scraped: tuple[int, int, int]  # sessions, agents, tasks
    tasks: tuple[int, int, int, int, float]  # see `task_figures.measure`


SCRAPED = (200, 100, 1000)
TASKS = (30, 1500, 1000, 200, 20.0)
QUICK = Scale(
    3, 40, 5, 5, 0.0, (3,), 20, 3, 1.0, 4000, 10, (3, 200), (2, 2, 3), (3, 20, 20, 5, 1.0)
)
USUAL = Scale(
    20, 2000, 100, 100, 40.0, (1, 10, 100), 1000, 100, 30.0, 50_000, 300, (40, 5000), SCRAPED, TASKS
)
FULL = Scale(
    20,
    2000,
    100,
    1000,
    90.0,
    (1, 100, 1000),
    1000,
    100,
    60.0,
    1_000_000,
    300,
    (40, 5000),
    SCRAPED,
    TASKS,
)


def _client(scale: Scale) -> Iterator[Figure]:
    with temporary_home() as home:
        yield from client_figures.measure(
            home, rounds=scale.rounds, calls=scale.calls, sessions=scale.sessions
        )
    yield from echo_figures.spawn_figures(scale.sessions)


def _host(scale: Scale) -> Iterator[Figure]:
    with temporary_home() as home:
        yield from host_figures.measure(
            home, sessions=scale.sessions, many=scale.many, idle_seconds=scale.idle_seconds
        )


def _echo(scale: Scale) -> Iterator[Figure]:
    yield from echo_figures.measure(counts=list(scale.counts), keys=scale.keys)
    with temporary_home() as home:
        yield from echo_wire.measure(home, counts=list(scale.counts), keys=scale.keys)


def _agents(scale: Scale) -> Iterator[Figure]:
    with temporary_home() as home:
        yield from agent_figures.measure(
            home, rounds=scale.rounds, agents=scale.agents, idle_seconds=scale.agents_seconds
        )


def _events(scale: Scale) -> Iterator[Figure]:
    yield from event_figures.measure(scale.events, files=10)


def _hooks(scale: Scale) -> Iterator[Figure]:
    with temporary_home() as home:
        yield from hook_figures.measure(home, hooks=scale.hooks)


def _metrics(scale: Scale) -> Iterator[Figure]:
    sessions, agents, tasks = scale.scraped
    with temporary_home() as home:
        yield from metric_figures.measure(
            home, calls=scale.calls, sessions=sessions, agents=agents, tasks=tasks
        )


def _tasks(scale: Scale) -> Iterator[Figure]:
    yield from task_figures.measure(*scale.tasks)


def _worktrees(scale: Scale) -> Iterator[Figure]:
    yield from worktree_figures.measure(*scale.worktrees)


def _traces(scale: Scale) -> Iterator[Figure]:
    yield from trace_figures.measure(scale.calls)


PARTS = {
    "client": _client, "host": _host, "echo": _echo, "agents": _agents, "events": _events,
    "hooks": _hooks, "metrics": _metrics, "tasks": _tasks, "worktrees": _worktrees,
    "traces": _traces,
}  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="few repetitions: a smoke test")
    size.add_argument("--full", action="store_true", help="up to 1000 sessions too: half an hour")
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    chosen = parser.parse_args()
    scale = QUICK if chosen.quick else FULL if chosen.full else USUAL
    figures: list[Figure] = []
    for name, measure in PARTS.items():
        if chosen.only in {None, name}:
            for figure in measure(scale):  # a long run may be ended early
                sys.stderr.write(f"{figure.shown()}\n")
                figures.append(figure)
    Console(width=170).print(table(figures))


if __name__ == "__main__":
    main()
