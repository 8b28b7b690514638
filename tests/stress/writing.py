"""``uv run python -m tests.stress.writing``: fifty clients type into two hundred sessions at once.

Afterwards no byte is lost, no text stands amid another, and each client's come in its order.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from time import monotonic

import anyio
from rich.console import Console
from tests.integration.frames import write_at_random
from tests.integration.homes import open_home


async def run(clients: int, sessions: int, frames: int) -> int:
    """Run in a home of its own; return the exit code."""
    console = Console(highlight=False, width=120)
    with tempfile.TemporaryDirectory() as folder:
        async with open_home("headless") as home:
            began = monotonic()
            problems = await write_at_random(
                home, Path(folder), clients=clients, sessions=sessions, frames=frames
            )
    console.print(
        f"{clients} clients, {sessions} sessions, {clients * frames} texts, "
        f"{monotonic() - began:.1f} s"
    )
    for problem in problems:
        console.print(f"[red]{problem}")
    if not problems:
        console.print("[green]Every text came whole, once, and in its client's order.")
    return 1 if problems else 0


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress.writing", description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--frames", type=int, default=40, help="texts of each client")
    given = parser.parse_args()
    return anyio.run(run, given.clients, given.sessions, given.frames)


if __name__ == "__main__":
    sys.exit(main())
