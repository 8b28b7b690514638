"""``uv run python -m tests.fuzz api|output|http [--seconds N] [--seed S]``: look for what breaks.

The exit code is 1 when something was found. ``--replay FILE`` tries a finding again.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import zlib

import anyio
from rich.console import Console
from tests.fuzz.api import ApiRun
from tests.fuzz.http import try_http
from tests.fuzz.output import OutputRun


async def run(given: argparse.Namespace) -> int:
    """Run one kind; return the exit code."""
    console = Console(highlight=False, markup=False, width=120, soft_wrap=True)
    folder = given.folder or tempfile.mkdtemp(dir="/tmp", prefix="im-fuzz-")
    console.print(f"seed {given.seed}, {given.seconds:g} s, findings in {folder}")
    if given.kind == "http":
        return await run_http(given, console)
    fuzz = (
        OutputRun(folder, given.seed, given.seconds, block=given.block, plant=given.plant)
        if given.kind == "output"
        else ApiRun(folder, given.seed, given.seconds, plant=given.plant)
    )
    if given.replay:
        await fuzz.replay(given.replay)
    else:
        await fuzz.run()
    fuzz.report(console)
    for one in fuzz.findings.all:
        console.print(f"\nFOUND: {one.what}\n{one.details.rstrip()}")
        console.print(f"again: python -m tests.fuzz {given.kind} --replay {one.file}")
    if not fuzz.findings.all:
        console.print("Nothing was found.")
    return 1 if fuzz.findings.all else 0


async def run_http(given: argparse.Namespace, console: Console) -> int:
    """Try the HTTP interface; return the exit code."""
    trial = await try_http(given.seconds, zlib.crc32(given.seed.encode()))
    console.print(trial.report)
    for line in trial.crashes:
        console.print(f"CRASHED: {line}")
    if not (trial.found or trial.crashes):
        console.print("Nothing was found.")
        return 0
    return 1


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=["api", "output", "http"])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", default=secrets.token_hex(4), help="gives the same input again")
    parser.add_argument("--replay", default="", metavar="FILE", help="try a finding again")
    parser.add_argument("--folder", default="", help="where findings go")
    parser.add_argument(
        "--block", type=float, default=1.0, help="processor seconds that a call may take (output)"
    )
    parser.add_argument("--plant", default="", help="look for a fault planted on purpose")
    return anyio.run(run, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
