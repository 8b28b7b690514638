"""Try the real MCP clients that are installed, and say which were not.

``uv run scripts/clients.py [--clients FOLDER] [--install]``

Each client runs offline in a temporary home of its own, with our server in its configuration.
Clients are looked for in FOLDER (an npm project's ``node_modules/.bin``) and on PATH; with
``--install``, npm first brings their newest versions, and the node that they need, into a folder
in the user's cache.

Exits with 1 when a check failed; a client that is not installed is no failure.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.acceptance import bundle, claude_code, codex, gemini, inspector
from scripts.acceptance.install import install
from scripts.acceptance.rig import UP, FailedError, Result, open_rig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLIENTS = {
    "Claude Code": (claude_code.PROGRAM, claude_code.CHECKS),
    "Codex": (codex.PROGRAM, codex.CHECKS),
    "Gemini CLI": (gemini.PROGRAM, gemini.CHECKS),
    "MCP inspector": (inspector.PROGRAM, inspector.CHECKS),
    "MCPB": (bundle.PROGRAM, bundle.CHECKS),
}
LOG_CHARACTERS = 400
COLOURS = {"worked": "green", "failed": "red", "not installed": "yellow"}


def run_all(programs: list[Path]) -> Iterator[Result]:
    """Run every check of every client, each in a home of its own."""
    for client, (_, checks) in CLIENTS.items():
        for check in checks:
            yield run(client, check, programs)


def run(client: str, check: str, programs: Sequence[Path]) -> Result:
    """Run one check of a client in a home of its own; say what became of it."""
    program, checks = CLIENTS[client]
    with open_rig(programs) as rig:
        if rig.find(program) is None:
            return Result(client, "", check, "not installed", program)
        version = "?"
        try:
            version = rig.version(program)
            detail = checks[check](rig)
            rig.expect_daemon_unharmed()
            return Result(client, version, check, "worked", detail)
        except (FailedError, OSError, LookupError, TypeError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
            said = rig.daemon_said()
            if said and UP not in said:
                why += f"; the daemon, which did not start, says: {said.strip()[-LOG_CHARACTERS:]}"
            return Result(client, version, check, "failed", why)


def main() -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--install", action="store_true", help="bring the clients from npm first")
    asked = parser.parse_args()
    programs = [folder.resolve() for folder in asked.clients]
    if asked.install:
        programs.append(install())
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table("client", "version", "check", "outcome", "detail")
    results = []
    for result in run_all(programs):
        results.append(result)
        table.add_row(
            result.client,
            result.version,
            result.check,
            f"[{COLOURS[result.outcome]}]{result.outcome}",
            escape(result.detail),
        )
    console.print(table)
    return 1 if any(result.outcome == "failed" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
