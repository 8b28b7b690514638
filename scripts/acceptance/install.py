"""Bringing the clients from npm, into a folder that nothing else uses."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = [
    "@anthropic-ai/claude-code",
    "@openai/codex",
    "@google/gemini-cli",
    "@modelcontextprotocol/inspector",
    "node@24",  # the inspector needs 22.19 or newer; many systems have an older one
]
SECONDS = 900


def install() -> Path:
    """Install or update the clients; return the folder of their programs.

    What npm says goes to stderr.

    Raises:
        SystemExit: npm is missing, or it failed.
    """
    folder = user_cache_path("iterm-mcp") / "clients"
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *PACKAGES]
    try:
        subprocess.run(command, check=True, stdout=sys.stderr, timeout=SECONDS)
    except FileNotFoundError:
        raise SystemExit("--install needs npm, which is not on PATH") from None
    except subprocess.SubprocessError as error:
        raise SystemExit(f"the clients could not be installed: {error}") from None
    return folder / "node_modules" / ".bin"
