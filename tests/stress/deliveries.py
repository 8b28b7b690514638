"""``uv run python -m tests.stress.deliveries``: none lost, none twice, no receipt wrong."""

from __future__ import annotations

import argparse
import sys

import anyio
from rich.console import Console
from tests.integration.homes import open_home
from tests.stress.messages import Storm


async def run(agents: int, messages: int, kills: int, seed: int) -> int:
    """Run in a home of its own; return the exit code."""
    console = Console(highlight=False, width=120)
    async with open_home("headless") as home:
        outcome = await Storm(home, agents=agents, messages=messages, kills=kills, seed=seed).run()
    console.print(
        f"{outcome.sent} messages to {agents} agents, {outcome.kills} times kill -9, "
        f"{outcome.took:.1f} s"
    )
    console.print(", ".join(f"{count} {stage}" for stage, count in outcome.stages.most_common()))
    console.print(
        f"{outcome.arrived_unknown} of the unknown ones did arrive; accepted to submitted "
        f"p50 {outcome.quantile(0.5):.2f} s, p95 {outcome.quantile(0.95):.2f} s"
    )
    for fault in outcome.faults[:50]:
        console.print(f"[red]{fault}")
    if not outcome.faults:
        console.print("[green]None was lost, none came twice, and no receipt was wrong.")
    return 1 if outcome.faults else 0


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress.deliveries", description=__doc__)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--messages", type=int, default=10_000, help="to all agents together")
    parser.add_argument("--kills", type=int, default=40, help="kill -9 of the daemon")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    return anyio.run(run, given.agents, given.messages, given.kills, given.seed)


if __name__ == "__main__":
    sys.exit(main())
