"""Shells that tell the terminal of their prompts, with nothing installed.

bash, zsh and fish are started so that they read a script of ours beside the user's own start-up
files, which run as they always do. The scripts mark prompts, commands and their ends (OSC 133)
and tell the directory (OSC 7, OSC 1337). Nothing of it reaches the programs that the shell runs.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROFILE_KEY = "Load Shell Integration Automatically"
"""iTerm2's own key for it; it is on unless it is false."""

FOLDER = Path(__file__).parent

_PLAIN = {"-l", "--login", "-i", "--interactive", "-il", "-li"}
"""The arguments of a shell that a person types into. Any other says that it is to be as it is."""

_LOGIN = {"-l", "--login", "-il", "-li"}

_EXPANDED = re.compile(r"[$`\\]")
"""What bash would take for more than itself in $ENV."""


def integrate(
    argv: Sequence[str],
    environ: Mapping[str, str],
    profile: Mapping[str, Any],
    folder: Path = FOLDER,
) -> tuple[list[str], dict[str, str]]:
    """Return the command and environment that start a shell with integration.

    Both come back as they are for what is not a plain interactive bash, zsh or fish, for a
    terminal that understands no sequences, and for a profile that does not want it.
    """
    shell = Path(argv[0]).name if argv else ""
    unwanted = not profile.get(PROFILE_KEY, True) or environ.get("TERM") == "dumb"
    add = None if unwanted else _SHELLS.get(shell)
    if add is None or not _PLAIN.issuperset(argv[1:]):
        return list(argv), dict(environ)
    return add(list(argv), dict(environ), folder)


def _bash(
    argv: list[str], environ: dict[str, str], folder: Path
) -> tuple[list[str], dict[str, str]]:
    script = str(folder / "integration.bash")
    if not _LOGIN.intersection(argv):
        return [argv[0], "--rcfile", script, *argv[1:]], environ
    if _EXPANDED.search(script) or _is_apples(argv[0], environ):
        return argv, environ
    if "ENV" in environ:
        environ["ITERM_MCP_ENV"] = environ["ENV"]
    environ["ENV"] = script
    return [argv[0], "--posix", *argv[1:]], environ


def _is_apples(bash: str, environ: Mapping[str, str]) -> bool:
    """Tell whether this is macOS's own bash 3.2, which does not read $ENV."""
    return sys.platform == "darwin" and shutil.which(bash, path=environ.get("PATH")) == "/bin/bash"


def _zsh(
    argv: list[str], environ: dict[str, str], folder: Path
) -> tuple[list[str], dict[str, str]]:
    if "ZDOTDIR" in environ:
        environ["ITERM_MCP_ZDOTDIR"] = environ["ZDOTDIR"]
    environ["ZDOTDIR"] = str(folder / "zsh")
    return argv, environ


def _fish(
    argv: list[str], environ: dict[str, str], folder: Path
) -> tuple[list[str], dict[str, str]]:
    script = shlex.quote(str(folder / "integration.fish"))
    return [argv[0], "--init-command", f"source {script}", *argv[1:]], environ


_SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
