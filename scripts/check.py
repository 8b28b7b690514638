"""Run all checks and tests, and say in a table what became of each.

``uv run scripts/check.py``             everything; what CI runs for each change.
``uv run scripts/check.py --fast``      the static gates and the unit tests, for while you work.
``uv run scripts/check.py --coverage``  all tests, and the gate of what they cover; each night.

Exits with 1 when a gate is red. A gate whose tool is not installed is shown as skipped, and is
red where ``CI`` is set: CI must not lose a gate without anybody noticing.

A few tests that fail while others run beside them are run once more, alone. One that fails again is
red; one that passes is unsteady, which the table says by name: it is a fault to be mended, of the
test or of the product, but no reason to distrust everything else that was shown.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 1800
TOOK_TOO_LONG = 124  # as the program `timeout` says it
UNSTEADY_LIMIT = 15
"""More failures than these, of thousands, are no accident, and are not looked at again."""
PYTHON = sys.executable

Command = Sequence[str]


@dataclass(frozen=True)
class Gate:
    """A name and the commands behind it.

    Attributes:
        live: Prints while it runs.
        elsewhere: CI has a job of its own for it.
        again: Runs once more what failed, if it was little; see `failed_tests`.
    """

    name: str
    commands: Sequence[Command]
    live: bool = False
    elsewhere: bool = False
    again: Command = ()


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
PYTEST = [PYTHON, "-m", "pytest", "-q"]
MEASURED = [PYTHON, "-m", "coverage", "run", "-m", "pytest", "-q"]
CACHE = "ITERM_MCP_CHECK_CACHE"
"""The variable that says where this run notes its failures."""


def all_tests(pytest: Command) -> Gate:
    """Return the gate of all tests, run by this command."""
    noting = [*pytest, "-o", f"cache_dir=${{{CACHE}}}"]
    return Gate(
        "tests",
        [[*noting, "--durations=10", *SIDE_BY_SIDE]],
        live=True,
        again=[*noting, "--last-failed"],
    )


COVERAGE = Gate(
    "coverage",
    [
        [PYTHON, "-m", "coverage", "combine", "--quiet"],
        [PYTHON, "-m", "coverage", "report"],
    ],
)


def gates(*, fast: bool = False, coverage: bool = False) -> list[Gate]:
    """Return the gates that were asked for."""
    if coverage:
        return [all_tests(MEASURED), COVERAGE]
    return [*STATIC, UNIT if fast else all_tests(PYTEST)]


def run(gate: Gate, environ: Mapping[str, str]) -> tuple[bool, str]:
    """Run the gate's commands up to the first that fails."""
    for command in gate.commands:
        if shutil.which(command[0]) is None:
            return gate.elsewhere or not environ.get(
                "CI"
            ), f"skipped: {command[0]} is not installed"
        code, output = execute(command, environ, live=gate.live)
        failed = failed_tests(environ) if code == 1 and gate.again else []
        if 0 < len(failed) <= UNSTEADY_LIMIT:
            print(f"\n… {gate.name}: once more, alone: {' '.join(failed)}", flush=True)
            code, output = execute(gate.again, environ, live=gate.live)
            if not code:
                return True, f"ok, but unsteady: {' '.join(failed)}"
        if code:
            print(f"\n== {gate.name}: {' '.join(command)}\n{output}", flush=True)
            return False, f"failed with {code}"
    return True, "ok"


def execute(command: Command, environ: Mapping[str, str], *, live: bool) -> tuple[int, str]:
    """Run a command in which variables may stand; return its exit code and what it printed."""
    try:
        done = subprocess.run(
            [Template(word).safe_substitute(environ) for word in command],
            cwd=ROOT,
            env=environ,
            check=False,
            timeout=TIMEOUT_SECONDS,
            text=True,
            stdout=None if live else subprocess.PIPE,
            stderr=None if live else subprocess.STDOUT,
        )
    except subprocess.TimeoutExpired:
        return TOOK_TOO_LONG, f"took longer than {TIMEOUT_SECONDS} s"
    return done.returncode, done.stdout or ""


def failed_tests(environ: Mapping[str, str]) -> list[str]:
    """Return the tests that failed in this run, as pytest has noted them.

    Empty also when not tests alone have failed: what cannot even be collected was not run.
    """
    noted = Path(environ[CACHE], "v", "cache", "lastfailed")
    failed = sorted(json.loads(noted.read_text())) if noted.exists() else []
    return failed if all("::" in one for one in failed) else []


def run_all(asked: Sequence[Gate], environ: Mapping[str, str]) -> bool:
    """Run every gate, red ones notwithstanding; print the table."""
    rows = []
    for gate in asked:
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
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--fast", action="store_true", help="static gates and unit tests only")
    asked.add_argument("--coverage", action="store_true", help="all tests, and what they cover")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="im-check-") as folder:
        environ = {
            **os.environ,
            "COVERAGE_FILE": f"{folder}/coverage",
            CACHE: f"{folder}/cache",
            # The state of whoever runs this is not the tests' to read or to change.
            "ITERM_MCP_HOME": f"{folder}/home",
            # Tests start hundreds of interpreters: none should compile what another has compiled,
            # in this run or in one before it.
            "PYTHONDONTWRITEBYTECODE": "",  # empty means: do write it
        }
        return 0 if run_all(gates(**vars(options)), environ) else 1


if __name__ == "__main__":
    sys.exit(main())
