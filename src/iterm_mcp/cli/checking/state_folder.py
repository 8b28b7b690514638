"""The state folder: whose it is, who may look into it, what was left in it, how much room is."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from iterm_mcp.cli.checking.finding import Finding
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.paths import Paths

SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
LITTLE_BYTES = 1 << 30
TOO_LITTLE_BYTES = 100 << 20
PROBE_SECONDS = 10.0
START_SECONDS = 3.0
"""How long a program that runs may take until it listens."""
START_POLL_SECONDS = 0.1


def check_folder(paths: Paths) -> Iterator[Finding]:
    """Look whether the folder is ours alone, and short enough for sockets."""
    folder = Path(paths.state)
    if len(os.fsencode(paths.daemon_socket)) > SOCKET_PATH_BYTES:
        yield Finding(
            "fail",
            "state folder",
            f"{folder} is too long a path for a socket",
            "Set ITERM_MCP_HOME to a shorter one, for every client.",
        )
    if not folder.exists():
        above = _there(folder)
        if os.access(above, os.W_OK | os.X_OK):
            yield Finding("ok", "state folder", f"{folder} is made at the first start")
        else:
            hint = "Permit it, or set ITERM_MCP_HOME to another folder."
            yield Finding("fail", "state folder", f"nothing may be made in {above}", hint)
        return
    found = folder.stat()
    if not folder.is_dir() or found.st_uid != os.getuid():
        what = "belongs to another user" if folder.is_dir() else "is no folder"
        hint = "Move it aside, or set ITERM_MCP_HOME to another."
        yield Finding("fail", "state folder", f"{folder} {what}", hint)
    elif found.st_mode & 0o077:
        mode = f"{found.st_mode & 0o777:o}"
        hint = f"chmod 700 '{folder}'; the next start of the daemon does it too."
        yield Finding("warn", "state folder", f"{folder} is open to others, mode {mode}", hint)
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield Finding("fail", "state folder", f"{folder} is not writable", f"chmod 700 '{folder}'")
    else:
        yield Finding("ok", "state folder", f"{folder} is yours alone")


def check_token(paths: Paths) -> Iterator[Finding]:
    """Look at what opens the HTTP side."""
    token = Path(paths.token)
    try:
        mode = token.stat().st_mode & 0o777
        empty = not token.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        yield Finding("ok", "token", "is made by the first daemon")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no token"
        hint = f"Remove it, and run `iterm-mcp daemon stop`: {token}"
        yield Finding("fail", "token", f"cannot be read: {reason}", hint)
    else:
        if mode & 0o077:
            yield Finding("fail", "token", "others may read it", f"chmod 600 '{token}'")
        elif empty:
            yield Finding("warn", "token", "is empty", "The next daemon makes another.")
        else:
            yield Finding("ok", "token", "is there, and yours alone")


def check_disk(paths: Paths) -> Iterator[Finding]:
    """Look how much room there is for state and recordings."""
    free = shutil.disk_usage(_there(Path(paths.state))).free
    text = f"{free / 2**30:.1f} GiB free"
    if free < TOO_LITTLE_BYTES:
        yield Finding("fail", "disk", text, "Make room: state can soon not be written any more.")
    elif free < LITTLE_BYTES:
        yield Finding("warn", "disk", text, "Make room: recordings and logs grow.")
    else:
        yield Finding("ok", "disk", text)


def check_sockets(paths: Paths) -> Iterator[Finding]:
    """Look for sockets that nobody listens at, and for programs that do not listen."""
    clean = True
    for name, path, lock in (
        ("daemon", paths.daemon_socket, paths.daemon_lock),
        ("host", paths.host_socket, paths.host_lock),
    ):
        holder = lock_holder(lock)
        if holder is None and os.path.lexists(path):
            clean = False
            hint = f"Nothing has to be done: the next {name} replaces it."
            yield Finding("warn", "sockets", f"{path} was left by a {name} that was killed", hint)
        elif holder is not None and not _accepts_soon(path, lock):
            clean = False
            hint = f"See {paths.logs}/{name}.log; `iterm-mcp {name} stop` ends it."
            text = f"the {name}, process {holder}, does not answer at {path}"
            yield Finding("fail", "sockets", text, hint)
    if clean:
        yield Finding("ok", "sockets", "none is stale")


def accepts(path: str) -> bool:
    """Tell whether something listens there: a stale socket's file does not."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


def _accepts_soon(path: str, lock: str) -> bool:
    """Tell whether a program listens that runs: one that has just been started soon does."""
    deadline = monotonic() + START_SECONDS
    while not accepts(path):
        if monotonic() > deadline or lock_holder(lock) is None:
            return False
        sleep(START_POLL_SECONDS)
    return True


def _there(folder: Path) -> Path:
    """Return the folder, or the nearest above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder
