"""``uv run python -m tests.benchmarks [--quick]``: all figures, beside their baselines."""

from __future__ import annotations

import argparse

import anyio
from rich.console import Console
from tests.benchmarks import client_figures, echo_figures, host_figures
from tests.benchmarks.figures import Figure, table
from tests.benchmarks.home import temporary_home


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repetitions: a smoke test")
    quick = parser.parse_args().quick
    console = Console(width=160)
    sessions = 5 if quick else 100
    figures: list[Figure] = []
    with temporary_home() as home:
        figures += client_figures.measure(
            home, rounds=3 if quick else 20, calls=40 if quick else 2000, sessions=sessions
        )
    with temporary_home() as home:
        figures += anyio.run(host_figures.measure, home, sessions, 0.5 if quick else 32.0)
    figures += echo_figures.spawn_figures(sessions)
    figures += echo_figures.measure(
        counts=[1, 3] if quick else [1, 10, 100, 1000], keys=20 if quick else 1000
    )
    console.print(table(figures))


if __name__ == "__main__":
    main()
