"""Run the official MCP conformance suite against our factory and transport, in both eras.

``uv run scripts/conformance.py [--suite PROGRAM] [--verbose]``

The suite comes from npm, at an exact version, into a folder in the user's cache, with the node that
it needs; ``--suite`` names one that is there already. Exits with 1 when a scenario fails that the
revision requires, or one outside of them that is no named exception below.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.acceptance.install import bring

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
REVISIONS = ("2025-11-25", "2026-07-28")
RUN_SECONDS = 600

_TASKS = "tasks are an optional extension, which the SDK does not have"
EXCEPTIONS = {
    "tasks-": _TASKS,
    "json-schema-2020-12": "pending in the suite; wants a schema written by hand",
    "server-sse-polling": "pending in the suite; streams cannot be resumed here, which is optional",
    "http-custom-header-server-validation": "pending in the suite; no tool of ours has any",
}
"""What may fail, by the start of its name, and why. No revision requires any of it."""


@contextmanager
def serving() -> Iterator[str]:
    """Run the fixture server for the length of the block; yields its URL."""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [sys.executable, "-m", "scripts.acceptance.conformance_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None  # noqa: S101 - it was asked for
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            url = process.stdout.readline().strip()
            if not url:
                log.seek(0)
                raise SystemExit(f"the server did not start: {log.read()[-2000:].decode()}")
            yield url
        finally:
            process.stdin.close()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def run(suite: Path, revision: str, *, verbose: bool) -> list[str]:
    """Run what a revision requires, print a summary; return what should have passed and did not."""
    path = f"{suite.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with serving() as url:
        done = subprocess.run(
            [str(suite), "server", "--url", url, "--requirements", revision],
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
    if verbose:
        print(done.stdout)
    failed, passed = verdicts(done.stdout)
    print(f"{revision}: {len(passed)} scenarios passed, {len(failed)} failed")
    for name in failed:
        print(f"  {name}: {excuse(name) or 'FAILED'}")
    surprises = [name for name in failed if excuse(name) is None]
    if not passed or (done.returncode and not surprises):
        surprises.append(f"the suite ended with {done.returncode}: {done.stdout[-1000:]}")
    return surprises


def verdicts(printed: str) -> tuple[list[str], list[str]]:
    """Return the scenarios that failed, and those that passed, from the suite's summary."""
    summary = printed.rpartition("=== SUMMARY ===")[2]
    marks = re.findall(r"^([✓✗]) ([\w-]+): \d+ passed", summary, re.MULTILINE)
    failed = [name for mark, name in marks if mark == "✗"]
    return failed, [name for mark, name in marks if mark == "✓"]


def excuse(name: str) -> str | None:
    """Return why a scenario may fail; None when it may not."""
    return next((why for start, why in EXCEPTIONS.items() if name.startswith(start)), None)


def main() -> int:
    """Run both revisions; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", type=Path, metavar="PROGRAM")
    parser.add_argument("--verbose", action="store_true", help="all that the suite says")
    asked = parser.parse_args()
    suite = (
        asked.suite.absolute() if asked.suite else bring("conformance", [PACKAGE]) / "conformance"
    )
    surprises = [one for rev in REVISIONS for one in run(suite, rev, verbose=asked.verbose)]
    for one in surprises:
        print(f"not as it should be: {one}", file=sys.stderr)
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
