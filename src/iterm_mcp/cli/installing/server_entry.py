"""What stands in a client's configuration: how it starts our server. Pure but for one look-up."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.access import AccessError, take_access

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "iterm-mcp"
"""The name of our server in every client; its tools carry it."""

MODULE = ("-m", "iterm_mcp")


@dataclass(frozen=True, slots=True)
class Server:
    """How our server is to be started.

    Attributes:
        command: The program, absolute, and what it needs to be ours.
        access: ``--tier`` and ``--tools``; empty leaves what an entry has.
        environ: Variables, beside those that an entry has.
    """

    command: tuple[str, ...]
    access: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


def own_command(called: str, executable: str = sys.executable) -> tuple[str, ...]:
    """Return the command that starts this installation, absolute: clients have a PATH of their own.

    Args:
        called: How this program was called. A link on PATH outlives the versions it leads to, so
            it is not followed.
    """
    if Path(called).name == NAME and (found := shutil.which(called)):
        return (str(Path(found).absolute()),)
    beside = Path(executable).with_name(NAME)
    return (str(beside),) if beside.is_file() else (executable, *MODULE)


def merged(old: object, server: Server) -> dict[str, Any]:
    """Return the entry for a server, with what its user has set besides in an older one."""
    entry = dict(old) if isinstance(old, dict) and "command" in old else {}
    known = entry.get("args", [])
    args = [*server.command[1:], *(server.access or _access_words(known))]
    entry["command"] = server.command[0]
    if args or known:
        entry["args"] = args
    environ = entry.get("env")
    environ = {**(environ if isinstance(environ, dict) else {}), **server.environ}
    if environ:
        entry["env"] = environ
    return entry


def _access_words(args: object) -> Sequence[str]:
    """Return what limits the client among an entry's arguments: setting up anew widens nothing."""
    if not isinstance(args, list) or not all(isinstance(one, str) for one in args):
        return ()
    words = args[len(MODULE) :] if tuple(args[: len(MODULE)]) == MODULE else args
    try:
        take_access(words, {})
    except AccessError:
        return ()
    return words
