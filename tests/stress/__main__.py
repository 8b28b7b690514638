"""``uv run python -m tests.stress [--opens N] [--output BYTES]``: a day's churn in minutes."""

from __future__ import annotations

import argparse
import subprocess
import sys

import anyio
from rich.console import Console
from tests.integration.homes import open_home
from tests.stress.churn import Churn, Look, faults


def row(look: Look) -> str:
    return (
        f"{look.seconds:8.1f} s  {look.opened:6d} opened  {look.printed / 1e9:7.2f} GB printed  "
        f"{look.memory / (1 << 20):7.1f} MiB  {look.descriptors:4d} descriptors  "
        f"{look.children:3d} children"
    )


async def run(opens: int, output: int, looks: int) -> int:
    """Run the churn in a home of its own; return the exit code."""
    console = Console(highlight=False, width=120)
    async with open_home("headless") as home:
        await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "host", "start"],
            env=home.environ,
            stdout=subprocess.DEVNULL,
        )
        seen: list[Look] = []
        async for look in Churn(home, opens, output, looks).run():
            seen.append(look)
            console.print(row(look))
    problems = faults(seen)
    for problem in problems:
        console.print(f"[red]{problem}")
    if not problems:
        console.print("[green]Memory, descriptors and children stayed flat.")
    return 1 if problems else 0


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--opens", type=int, default=10_000, help="sessions to open and close")
    parser.add_argument("--output", type=int, default=10_000_000_000, help="bytes to print")
    parser.add_argument("--looks", type=int, default=10, help="lines of the report")
    given = parser.parse_args()
    return anyio.run(run, given.opens, given.output, given.looks)


if __name__ == "__main__":
    sys.exit(main())
