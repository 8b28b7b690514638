"""Bringing programs from npm, each group into a folder of the cache that nothing else uses.

No package's install script is run, because npm may be told not to (by its user, or by default), and
because one among a hundred dependencies need not be trusted. Two packages rely on theirs: node,
whose binary is therefore asked for by the name of its own package, and Claude Code, whose script
puts the binary where the command is; that one is run by name.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLIENTS = [
    "@anthropic-ai/claude-code@latest",
    "@openai/codex@latest",
    "@google/gemini-cli@latest",
    "@modelcontextprotocol/inspector@latest",
    "@anthropic-ai/mcpb@latest",
]
SCRIPTS = ["@anthropic-ai/claude-code/install.cjs"]
NODE_VERSION = 24
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
SECONDS = 900


def node_package(system: str, machine: str) -> str:
    """Return the npm package that holds node's binary, for what `platform` says.

    Raises:
        SystemExit: There is none.
    """
    name = _MACHINES.get(machine.lower())
    if name is None or system not in {"Linux", "Darwin"}:
        raise SystemExit(f"npm has no node for {system} on {machine}: install node 22 or newer")
    return f"node-{system.lower()}-{name}@{NODE_VERSION}"


def programs_of(group: str) -> Path:
    """Return the folder of a group's programs, whether they were brought or not."""
    return user_cache_path("iterm-mcp") / group / "node_modules" / ".bin"


def install() -> Path:
    """Install or update the clients; return the folder of their programs.

    Raises:
        SystemExit: npm is missing, or it failed.
    """
    return bring("clients", CLIENTS)


def bring(group: str, packages: Sequence[str]) -> Path:
    """Install or update packages and the node that they need; return the folder of their programs.

    What npm says goes to stderr.

    Args:
        group: The name of their folder.

    Raises:
        SystemExit: npm is missing, or it failed.
    """
    programs = programs_of(group)
    folder = programs.parent.parent
    folder.mkdir(parents=True, exist_ok=True)
    environ = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    npm = [
        "npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts",
    ]  # fmt: skip
    node = node_package(platform.system(), platform.machine())
    scripts = [folder / "node_modules" / script for script in SCRIPTS]
    # In two steps: npm looks for what suits the node that it runs on.
    commands = [[*npm, node], [*npm, *packages]]
    try:
        for command in commands:
            subprocess.run(command, check=True, stdout=sys.stderr, env=environ, timeout=SECONDS)
        for script in filter(os.path.exists, scripts):
            run = [str(programs / "node"), str(script)]
            subprocess.run(run, check=True, stdout=sys.stderr, env=environ, timeout=SECONDS)
    except FileNotFoundError as error:
        missing = error.filename or "npm"
        raise SystemExit(f"{missing} is not there, and is needed to bring npm packages") from None
    except subprocess.SubprocessError as error:
        raise SystemExit(f"{group}: npm packages could not be installed: {error}") from None
    return programs
