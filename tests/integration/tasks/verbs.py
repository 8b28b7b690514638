"""Verbs of tasks, as somebody types them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from tests.integration.homes import Home

EAGER = "[admission]\nmost_load = 0\nmost_memory_pressure = 0\nleast_memory = 0\n"
"""Settings with which tasks start however busy the machine of the tests is."""


async def says(home: Home, *words: str, code: int = 0, stdin: str = "") -> str:
    """Run a verb of tasks; return what it says on both streams."""
    done = await anyio.run_process(
        [sys.executable, "-m", "iterm_mcp", "tasks", *words],
        env=home.environ, input=stdin.encode(), stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    said = done.stdout.decode()
    assert done.returncode == code, said
    return said
