"""Nests, out of which daemons and hosts of tests come without importing anything once more.

What a daemon imports costs more than a second of a processor, and tests start hundreds. See
`tests/nest/sitecustomize.py`. A home that is measured for coverage has none, nor has any home of
storms and benchmarks, nor where ``TESTS_NEST=off``, nor where there is no Linux.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

NEST = "TESTS_NEST"
ROOM_CHARACTERS = 1 << 16
KINDS = ("daemon", "host")
_here: set[int] = set()


def allow() -> None:
    """Let homes of this process have nests: it runs tests."""
    _here.add(os.getpid())


def hatch(environ: MutableMapping[str, str]) -> None:
    """Let what runs in the background with this environment come out of a nest."""
    if os.getpid() in _here and sys.platform == "linux" and NEST not in os.environ:
        environ[NEST] = _nests()
        environ["PYTHONPATH"] = _path()


def _path() -> str:
    own = str(Path(__file__).with_name("nest"))
    return os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))


@cache
def _nests() -> str:
    """Make the nests of this process, which end with it; return where they are asked."""
    folder = tempfile.mkdtemp(dir="/tmp", prefix="im-nest-")
    nests = [_nest(folder, kind) for kind in KINDS]

    def close() -> None:
        for one in nests:
            one.communicate()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(close)
    return folder


def _nest(folder: str, kind: str) -> subprocess.Popen[bytes]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/{kind}-run")
        listener.listen()
        environ = {
            **os.environ,
            NEST: folder,
            "ITERM_MCP_HOME": os.devnull,  # it can run nothing itself, should it come to that
            "PYTHONPATH": _path(),
            "TESTS_NEST_LISTENER": str(listener.fileno()),
            "TESTS_NEST_ROOM": "-" * ROOM_CHARACTERS,
        }
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as homes do
        return subprocess.Popen(
            [sys.executable, "-m", "iterm_mcp", "--detached", kind, "run"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=environ,
            cwd="/",
            pass_fds=[listener.fileno()],
        )
