"""Bringing the clients from npm, into a folder that nothing else uses."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from pathlib import Path

NODE = "node@24"
CLIENTS = [
    "@anthropic-ai/claude-code@latest",
    "@openai/codex@latest",
    "@google/gemini-cli@latest",
    "@modelcontextprotocol/inspector@latest",
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
    programs = folder / "node_modules" / ".bin"
    environ = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    npm = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund"]
    try:
        # In two steps: npm looks for what suits the node that it runs on.
        for packages in ([NODE], CLIENTS):
            command = [*npm, *packages]
            subprocess.run(command, check=True, stdout=sys.stderr, env=environ, timeout=SECONDS)
    except FileNotFoundError:
        raise SystemExit("--install needs npm, which is not on PATH") from None
    except subprocess.SubprocessError as error:
        raise SystemExit(f"the clients could not be installed: {error}") from None
    return programs
