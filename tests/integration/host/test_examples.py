"""The library's manual: its examples that need no screen, in processes of their own.

What they get is what ``iterm-mcp host env`` prints.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from tests.integration.host.examples import colors, partly, profiles, prompts, tabs, watching

ROOT = Path(__file__).parents[3]
SECONDS = 30.0


@pytest.mark.parametrize(
    ("module", "script"),
    [
        (module.__name__, script.__name__)
        for module in (prompts, watching, tabs, profiles, colors, partly)
        for script in module.SCRIPTS
    ],
)
@pytest.mark.usefixtures("wire")  # it closes the windows that the script has opened
async def test_an_example_of_the_manual(printed: dict[str, str], module: str, script: str) -> None:
    with anyio.fail_after(SECONDS):
        done = await anyio.run_process(
            [sys.executable, "-m", module, script],
            env=printed,
            cwd=ROOT,
            check=False,
            stderr=subprocess.STDOUT,
        )
    assert done.returncode == 0, done.stdout.decode()
