"""Starts a home's daemon or host in the background, and waits until it answers.

``iterm-mcp daemon start`` and ``host start`` do no more, but first read what describes a command
line; tests of other things need not pay for that.
"""

from __future__ import annotations

import json
import socket
import sys
from contextlib import suppress
from pathlib import Path

from iterm_mcp.paths import find_paths, make_private_folder
from iterm_mcp.processes import lock_holder, start_once

SECONDS = 30.0


def answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.connect(path)
        return True
    return False


def announced(path: str, lock: str) -> bool:
    with suppress(FileNotFoundError, ValueError):
        info = json.loads(Path(path).read_text("utf-8"))
        return "http" in info and info["pid"] == lock_holder(lock)
    return False


def main(program: str) -> int:
    paths = find_paths()
    make_private_folder(paths.state)
    host = program == "host"
    up = start_once(
        lambda: (
            (
                answers(paths.host_socket)
                if host
                else announced(paths.daemon_info, paths.daemon_lock)
            )
            or None
        ),
        lock=paths.host_lock if host else paths.daemon_lock,
        spawn_lock=paths.host_spawn_lock if host else paths.daemon_spawn_lock,
        arguments=[program, "run"],
        log=f"{paths.logs}/{program}.log",
        within_seconds=SECONDS,
    )
    return 0 if up else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
