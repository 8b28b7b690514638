"""What a host finds that goes on in the process of an earlier one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from iterm_mcp.host import limits
from iterm_mcp.host.ending_signals import hold_signals
from iterm_mcp.host.upgrade import worlds
from iterm_mcp.host.upgrade.envelope import unpack
from iterm_mcp.host.upgrade.rehearsal import UNREADABLE, recall
from iterm_mcp.host.upgrade.sessions import descriptors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.host.upgrade.envelope import Pieces
    from iterm_mcp.host.world import World


class Inheritance:
    """The state of the earlier host, and its open files.

    Attributes:
        count: How many upgrades this process has seen, this one included.
        problem: Why it was none; empty when it was.
        version: The earlier host's.
        lock, listening: Descriptors of the host's lock and socket.
    """

    def __init__(self, fd: int, body: dict[str, Any], pieces: Pieces, *, back: bool) -> None:
        self._fd = fd
        self._body = body
        self._pieces = pieces
        self._back = back
        self.version = str(body["version"])
        self.count = int(body["upgrades"]) + (not back)
        self.problem = "the new version could not go on, and handed back" if back else ""
        self.lock = int(body["lock"])
        self.listening = int(body["listening"])
        limits.remember_first(int(body["file_limit"]))

    @classmethod
    def of(cls, fd: int, *, back: bool) -> Inheritance:
        """Read it.

        Args:
            fd: The descriptor that `upgrader.Upgrader` has passed on.
            back: The host that wrote it goes on itself, because the other one could not.

        Raises:
            StateError: It cannot be read.
        """
        body, pieces = unpack(recall(fd))
        return cls(fd, body, pieces, back=back)

    def read_into(self, world: World) -> None:
        """Have an empty world be as it was; when that fails, the earlier host takes over again."""
        try:
            worlds.read_world(world, self._body, self._pieces)
        except UNREADABLE:
            if not self._back:
                hold_signals()
                become(self._body["python"], self._fd, back=True)
            raise

    def go_on(self, world: World) -> None:
        """Let it run. From now on there is no way back."""
        for session in world.sessions.values():
            set_inheritable(descriptors(session), on=False)
        set_inheritable([self.lock, self.listening], on=False)
        os.close(self._fd)
        worlds.go_on(world, self._body, self._pieces)


def become(python: str, fd: int, *, back: bool = False) -> None:
    """Become the host that a Python has installed.

    Raises:
        OSError: That was not possible.
    """
    words = ["-m", "iterm_mcp", "host", "run", "--state", str(fd), *(["--back"] if back else [])]
    os.execv(python, [python, *words])  # noqa: S606 - this is what it is about


def set_inheritable(fds: Iterable[int], *, on: bool) -> None:
    """Say of open files whether they stay open when this process becomes another program."""
    for fd in fds:
        if fd >= 0:
            os.set_inheritable(fd, on)
