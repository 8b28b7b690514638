"""A home for a benchmark: daemon and host of its own, ended at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.cli.demo_home import end_programs
from iterm_mcp.paths import Paths, find_paths

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Home:
    """A state folder, and the environment that leads there."""

    environ: dict[str, str]
    paths: Paths


@contextmanager
def temporary_home() -> Iterator[Home]:
    """Make a home; end the daemon and the host that were started in it."""
    folder = tempfile.mkdtemp(dir="/tmp", prefix="im-bench-")
    environ = {
        **{key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
        "HOME": folder,
        "ITERM_MCP_HOME": folder,
        "ITERM_MCP_TERMINAL": "headless",
        "ITERM_MCP_HTTP_PORT": "0",
        "ITERM_MCP_CONFIRM": "never",  # nobody is there to be asked
        "ITERM_MCP_CALLS_PER_SECOND": "0",
        "ITERM_MCP_OUTPUT_CHARACTERS_PER_MINUTE": "0",
        "SHELL": "/bin/bash",
    }
    try:
        yield Home(environ, find_paths(environ))
    finally:
        end_programs(folder)
        shutil.rmtree(folder, ignore_errors=True)
