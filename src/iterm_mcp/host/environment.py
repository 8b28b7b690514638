"""What a new session's program sees of the world."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp import __version__
from iterm_mcp.host.colors import read_color
from iterm_mcp.host.features import FEATURES

if TYPE_CHECKING:
    from collections.abc import Mapping

# Whoever started the host must not be mistaken for the session's own surroundings. The keys that
# users have put into their own environment are theirs, and stay.
_FOREIGN = re.compile(
    r"CLAUDE|(?:CODEX|GEMINI)(?!_API_KEY$)|MCP_|VIRTUAL_ENV|CONDA_|TMUX|STY$|WINDOW$|TERM|LC_TERMINAL|ITERM|IT2_"
    r"|COLUMNS$|LINES$|COV_|COVERAGE|PYTEST|OLDPWD$|SHLVL$|_$|PYTHON(UNBUFFERED|HOME|PATH)"
)

_LOCALE = {"LANG", "LC_ALL", "LC_CTYPE"}
UTF8_LOCALE = "UTF-8" if sys.platform == "darwin" else "C.UTF-8"
"""Of sessions whose user has said nothing of a language: what they print is read as UTF-8."""

PROFILE_KEY = "iterm_mcp Environment"
"""Our own key of a profile: variables that its program sees, over all others. iTerm2 has none."""

_GREY = 1.5  # of three components from 0 to 1


def scrubbed(base: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without our own variables and those of whoever started the host."""
    return {key: value for key, value in base.items() if not _FOREIGN.match(key)}


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
    kept = scrubbed(base)
    if not kept.keys() & _LOCALE:
        kept["LC_CTYPE"] = UTF8_LOCALE
    return kept | {
        "TERM": str(profile.get("Terminal Type") or "xterm-256color"),
        "COLORTERM": "truecolor",
        "COLORFGBG": "15;0" if _is_dark(profile) else "0;15",
        "TERM_FEATURES": FEATURES,
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
        **_own(profile),
    }


def _own(profile: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that a profile adds; what cannot be one is passed over."""
    own = profile.get(PROFILE_KEY)
    if not isinstance(own, dict):
        return {}
    return {
        name: value
        for name, value in own.items()
        if isinstance(value, str) and name and not {"=", "\0"} & set(name) and "\0" not in value
    }


def _is_dark(profile: Mapping[str, Any]) -> bool:
    """Tell whether the background is nearer to black than to white."""
    try:
        color = read_color(profile.get("Background Color"))
    except ValueError:
        return True
    parts: list[float] = [color[f"{name} Component"] for name in ("Red", "Green", "Blue")]
    return sum(parts) < _GREY


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
    return own_directory(profile) or (home if Path(home).is_dir() else "/")


def own_directory(profile: Mapping[str, Any]) -> str | None:
    """Return the directory that a profile names; None when it names none."""
    if profile.get("Custom Directory") != "Yes" or not profile.get("Working Directory"):
        return None
    path = Path(str(profile["Working Directory"]))
    try:
        return str(path.expanduser())
    except RuntimeError:  # nobody is called so
        return str(path)
