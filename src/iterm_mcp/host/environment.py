"""What a new session's program sees of the world."""

from __future__ import annotations

import os
import pwd
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

# Whoever started the host must not be mistaken for the session's own surroundings.
_FOREIGN = re.compile(
    r"CLAUDE|CODEX|GEMINI|MCP_|VIRTUAL_ENV|CONDA_|TMUX|STY$|WINDOW$|TERM|LC_TERMINAL|ITERM|IT2_"
    r"|COLUMNS$|LINES$|COV_|COVERAGE|PYTEST|OLDPWD$|SHLVL$|_$|PYTHON(UNBUFFERED|HOME|PATH)"
)


def environment(
    base: Mapping[str, str],
    *,
    session_id: str,
    position: str,
    profile: Mapping[str, Any],
    directory: str,
    cookie: str,
    suite: str,
) -> dict[str, str]:
    """Return the environment that iTerm2 gives a session, over a scrubbed `base`.

    Args:
        position: Window, tab and pane, 0-based: ``w0t0p0``.
    """
    kept = {key: value for key, value in base.items() if not _FOREIGN.match(key)}
    return kept | {
        "TERM": str(profile.get("Terminal Type") or "xterm-256color"),
        "COLORTERM": "truecolor",
        "TERM_PROGRAM": "iTerm.app",
        "TERM_PROGRAM_VERSION": __version__,
        "LC_TERMINAL": "iTerm2",
        "LC_TERMINAL_VERSION": __version__,
        "ITERM_SESSION_ID": f"{position}:{session_id}",
        "TERM_SESSION_ID": f"{position}:{session_id}",
        "ITERM_PROFILE": str(profile.get("Name", "Default")),
        "ITERM2_COOKIE": cookie,
        "IT2_SUITE": suite,
        "PWD": directory,
        "SHELL": login_shell(base),
    }


def login_shell(base: Mapping[str, str]) -> str:
    """Return the user's shell: $SHELL, else the password file's, else ``/bin/sh``."""
    shell = base.get("SHELL", "")
    if not shell:
        try:
            shell = pwd.getpwuid(os.getuid()).pw_shell
        except KeyError:
            shell = ""
    return shell if shell and os.access(shell, os.X_OK) else "/bin/sh"


def command_line(base: Mapping[str, str], profile: Mapping[str, Any]) -> list[str]:
    """Return the program to run: the profile's command, split but not run by a shell.

    Raises:
        ValueError: The command's quotes do not match.
    """
    command = str(profile.get("Command") or "")
    if profile.get("Custom Command") in {"Yes", "Custom Shell"} and command.strip():
        return shlex.split(command)
    return [login_shell(base), "-l"]


def start_directory(base: Mapping[str, str], profile: Mapping[str, Any]) -> str:
    """Return where to start: the profile's directory if it has one, else home."""
    home = base.get("HOME") or "/"
    if profile.get("Custom Directory") == "Yes" and profile.get("Working Directory"):
        wanted = str(profile["Working Directory"])
        return str(Path(wanted).expanduser())
    return home if Path(home).is_dir() else "/"
