"""``python -m iterm_mcp.testing.fake_agent``: see the package's own text."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.clock import SystemClock
from iterm_mcp.testing.fake_agent.looks import LOOKS
from iterm_mcp.testing.fake_agent.options import parse_options
from iterm_mcp.testing.fake_agent.personas import StartError
from iterm_mcp.testing.fake_agent.program import Program
from iterm_mcp.testing.fake_agent.scenario import load
from iterm_mcp.testing.fake_agent.shims import write_shims
from iterm_mcp.testing.fake_agent.steps import StepError
from iterm_mcp.testing.fake_agent.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Play the persona that a command line names; return the exit code."""
    if arguments[:1] == ["shims"] and len(arguments) == 2:  # noqa: PLR2004 - and a folder
        for path in write_shims(Path(arguments[1])):
            sys.stdout.write(f"{path}\n")
        return 0
    options = parse_options(arguments)
    if options.arguments[:1] in {("--version",), ("-v",), ("-V",)}:
        sys.stdout.write(LOOKS[options.persona].version + "\n")
        return 0
    try:
        scenario = load(options.scenario, seed=options.seed)
        truth = Truth(options.truth, SystemClock(), sync=options.sync)
    except (StepError, OSError) as error:
        sys.stderr.write(f"fake_agent: {error}\n")
        return 2
    try:
        return asyncio.run(Program(options, scenario, truth).run())
    except StartError as error:
        truth.note("not_started", why=str(error))
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        truth.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
