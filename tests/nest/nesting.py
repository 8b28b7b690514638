"""A nest: a process that has imported a program, and forks for each that would run it.

See `tests/nest/sitecustomize.py`.
"""

# As on the product's own way into the background, pathlib costs more than it gives.
# ruff: noqa: PTH106, PTH108, PTH109, PTH115, PTH120, PTH123, PTH208

from __future__ import annotations

import gc
import marshal
import os
import resource
import select
import signal
import socket
import sys
from contextlib import suppress
from fcntl import F_DUPFD, fcntl
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

NEST = "TESTS_NEST"
"""The variable that names the folder with the nests' sockets."""
LISTENER = "TESTS_NEST_LISTENER"
"""The variable that tells a nest the descriptor of its socket; its standard input ends when it
shall end."""
ROOM = "TESTS_NEST_ROOM"
"""A variable as long as an environment may become: a fork writes its own over the nest's, for
others to see."""

MAY_DIFFER = ("HOME", "ITERM_MCP_", "PATH", "PYTEST_", "FAKE_AGENT_", NEST)
"""How the names of variables begin that nothing reads when it is imported."""

IMPORTS = {
    "daemon": (
        "anyio._backends._asyncio",
        "iterm_mcp.config",
        "iterm_mcp.daemon",
        "iterm_mcp.telemetry.logs",
        "uvicorn.lifespan.off",
        "uvicorn.protocols.websockets.auto",
    ),
    "host": (
        "anyio._backends._asyncio",
        "iterm_mcp.host.runtime",
        "iterm_mcp.host.recording.retention",
        "iterm_mcp.host.upgrade.inheritance",
        "iterm_mcp.telemetry.logs",
    ),
}
"""What each verb imports, besides the command line."""

Files = dict[int, int]
"""By the number that each shall have, the one that it has."""


def inherited() -> dict[str, object]:
    """Return what a process has of its parent, besides what is handed over."""
    umask = os.umask(0o77)
    os.umask(umask)
    signals = signal.valid_signals()
    return {
        "command": (sys.executable, *sys.orig_argv),
        "umask": umask,
        "limits": [
            resource.getrlimit(getattr(resource, name))
            for name in sorted(dir(resource))
            if name.startswith("RLIMIT_")
        ],
        "ignored": [int(one) for one in signals if signal.getsignal(one) == signal.SIG_IGN],
        "blocked": [int(one) for one in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        "groups": _read("/proc/self/cgroup"),
        "oom": _read("/proc/self/oom_score_adj"),
        "spaces": [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "net", "pid", "user")],
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "users": (*os.getresuid(), *os.getresgid()),
    }


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def open_files() -> list[int]:
    """Return the descriptors of all open files."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
        except OSError:  # the one by which they were listed
            continue
        found.append(int(name))
    return found


def ask(path: str) -> None:
    """Let the nest fork, and end; return if it does not."""
    files = open_files()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
        told = marshal.dumps((inherited(), dict(os.environb), os.getcwd(), files))
        rights = b"".join(one.to_bytes(4, sys.byteorder) for one in files)
        given = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
        connection.sendmsg([len(told).to_bytes(8, "big")], given)
        connection.sendall(told)
        answer = connection.recv(1)
    except OSError:
        return
    finally:
        connection.close()
    if answer:
        os._exit(answer[0])


def sit(number: int) -> None:
    """Fork for each that asks; return in the forks alone."""
    own = inherited()
    before = set(open_files())
    listener = socket.socket(fileno=number)
    loaded = False
    while True:
        ready, _, _ = select.select([0, number], [], [])
        if 0 in ready:
            path = listener.getsockname()
            os.unlink(path)
            with suppress(OSError):  # there is another nest in it
                os.rmdir(os.path.dirname(path))
            os._exit(0)
        connection, _ = listener.accept()
        with connection:
            size, received = _receive(connection)
            told = b""
            while len(told) < size:
                told += connection.recv(size - len(told)) or sys.exit("cut off")
            theirs, environ, folder, numbers = marshal.loads(told)
            if theirs == own and _may_be(environ):
                if not loaded:
                    _load()
                    loaded = True
                    alone = _read("/proc/self/status").split("\nThreads:\t")[1][:2] == "1\n"
                    if not alone or set(open_files()) - before != {connection.fileno(), *received}:
                        sys.exit("what was imported has started a thread or opened a file")
                child = os.fork()
                if not child:
                    listener.detach()
                    connection.detach()
                    try:
                        _become(dict(zip(numbers, received, strict=True)), environ, folder)
                    except BaseException:  # noqa: BLE001 - it must not be a second nest
                        os._exit(os.EX_SOFTWARE)
                    return
                connection.send(bytes([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]))
            for one in received:
                os.close(one)


def _receive(connection: socket.socket) -> tuple[int, list[int]]:
    said, received, _, _ = socket.recv_fds(connection, 8, 64)
    return int.from_bytes(said, "big"), received


class _Nothing:
    """What tools are made with that nobody calls."""

    def __getattr__(self, name: str) -> Self:
        return self


def _load() -> None:
    """Import what the program imports, and make what it makes once in a process."""
    program = sys.orig_argv[4]
    gc.disable()
    for name in ("iterm_mcp.cli", f"iterm_mcp.cli.{program}", "typer._adapters"):
        import_module(name)
    for name in IMPORTS[program]:
        import_module(name)
    if program == "daemon":
        tool = import_module("iterm_mcp.tools.tool")
        for row in import_module("iterm_mcp.app.tools").tool_rows(*[_Nothing()] * 3):
            tier = row.tier or tool.tier_of(row.annotations)
            tool._shape_of(row.call, confirmed=tier == tool.DESTRUCTIVE)
    gc.freeze()
    gc.enable()


def _room() -> tuple[int, int]:
    fields = _read("/proc/self/stat").rpartition(")")[2].split()
    return int(fields[47]), int(fields[48])


def _may_be(environ: dict[bytes, bytes]) -> bool:
    """Tell whether what was imported would be the same with these variables."""
    changed = {os.fsdecode(name) for name, _ in environ.items() ^ os.environb.items()}
    start, end = _room()
    return (
        all(name.startswith(MAY_DIFFER) for name in changed)
        and sum(len(name) + len(value) + 2 for name, value in environ.items()) < end - start
    )


def _become(files: Files, environ: dict[bytes, bytes], folder: str) -> None:
    """Take over what the one has handed over that asked, and be the first of a session, as it."""
    os.setsid()
    above = max(*open_files(), *files) + 1
    moved = {number: fcntl(file, F_DUPFD, above) for number, file in files.items()}
    os.closerange(0, above)
    for number, file in moved.items():
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environb.clear()
    os.environb.update(environ)
    start, end = _room()
    block = b"".join(b"%b=%b\0" % one for one in environ.items())
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(start)
        memory.write(block.ljust(end - start, b"\0"))


if LISTENER in os.environ:
    sit(int(os.environ[LISTENER]))
else:
    ask(f"{os.environ[NEST]}/{'-'.join(sys.orig_argv[4:])}")
