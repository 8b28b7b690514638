"""Run all checks and tests, and say in a table what became of each.

``uv run scripts/check.py``         everything, with the coverage gate; what CI runs.
``uv run scripts/check.py --fast``  the static gates and the unit tests, for while you work.

Exits with 1 when a gate is red. A gate whose tool is not installed is shown as skipped, and is
red where ``CI`` is set: CI must not lose a gate without anybody noticing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 1800
PYTHON = sys.executable

Command = Sequence[str]


@dataclass(frozen=True)
class Gate:
    """A name and the commands behind it.

    Attributes:
        live: Prints while it runs.
        elsewhere: CI has a job of its own for it.
    """

    name: str
    commands: Sequence[Command]
    live: bool = False
    elsewhere: bool = False


STATIC = [
    Gate("lint", [["ruff", "check", "."]]),
    Gate("format", [["ruff", "format", "--check", "."]]),
    Gate("types", [["mypy"]]),
    Gate("imports", [["lint-imports"]]),
    Gate("generated files", [[PYTHON, "-m", "scripts.generate", "--check"]]),
    Gate("workflows", [["actionlint"]], elsewhere=True),
]
UNIT = Gate("unit tests", [[PYTHON, "-m", "pytest", "-q", "tests/unit"]], live=True)
# Most of a test is waiting for other processes, so there may be more of them than processors.
SIDE_BY_SIDE = ["-n", str((os.cpu_count() or 1) + 1), "--dist", "worksteal"]
TESTS = Gate(
    "tests",
    [[PYTHON, "-m", "coverage", "run", "-m", "pytest", "-q", "--durations=10", *SIDE_BY_SIDE]],
    live=True,
)
COVERAGE = Gate(
    "coverage",
    [
        [PYTHON, "-m", "coverage", "combine", "--quiet"],
        [PYTHON, "-m", "coverage", "report"],
    ],
)


def run(gate: Gate, environ: Mapping[str, str]) -> tuple[bool, str]:
    """Run the gate's commands up to the first that fails."""
    for command in gate.commands:
        if shutil.which(command[0]) is None:
            return gate.elsewhere or not environ.get(
                "CI"
            ), f"skipped: {command[0]} is not installed"
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environ,
            check=False,
            timeout=TIMEOUT_SECONDS,
            text=True,
            stdout=None if gate.live else subprocess.PIPE,
            stderr=None if gate.live else subprocess.STDOUT,
        )
        if done.returncode:
            print(f"\n== {gate.name}: {' '.join(command)}\n{done.stdout or ''}", flush=True)
            return False, f"failed with {done.returncode}"
    return True, "ok"


def run_all(gates: Iterator[Gate], environ: Mapping[str, str]) -> bool:
    """Run every gate, red ones notwithstanding; print the table."""
    rows = []
    for gate in gates:
        print(f"… {gate.name}", flush=True)
        started = perf_counter()
        green, words = run(gate, environ)
        rows.append((green, gate.name, words, perf_counter() - started))
    print()
    for green, name, words, seconds in rows:
        print(f"{'✓' if green else '✗'} {name:<16} {seconds:6.1f} s  {words}")
    return all(row[0] for row in rows)


def main() -> int:
    """Run the gates that were asked for; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--fast", action="store_true", help="static gates and unit tests only")
    fast = parser.parse_args().fast
    with tempfile.TemporaryDirectory(prefix="im-check-") as folder:
        environ = {
            **os.environ,
            "COVERAGE_FILE": f"{folder}/coverage",
            # The state of whoever runs this is not the tests' to read or to change.
            "ITERM_MCP_HOME": f"{folder}/home",
        }
        gates = [*STATIC, UNIT] if fast else [*STATIC, TESTS, COVERAGE]
        return 0 if run_all(iter(gates), environ) else 1


if __name__ == "__main__":
    sys.exit(main())
