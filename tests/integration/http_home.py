"""A daemon of its own, asked over its real HTTP port."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from tests.integration.homes import Home


async def start_daemon(home: Home) -> str:
    """Start the daemon of a home, which the home ends; return where it serves HTTP."""
    await home.start("daemon")
    return home.http_url()


async def start_by_hand(home: Home) -> str:
    """Do so as its user does; fail with what the user is told."""
    done = await anyio.run_process(
        [sys.executable, "-m", "iterm_mcp", "daemon", "start"],
        env=home.environ,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
    return home.http_url()
