"""A relay between two ends that a test holds: the client's pipes, and daemons that are fakes."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import termios
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

import anyio
import anyio.to_thread
from tests.waiting import eventually

from iterm_mcp.access import Access
from iterm_mcp.json_lines import DAEMON_LOST
from iterm_mcp.paths import find_paths
from iterm_mcp.relay import Relay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.paths import Paths

SECONDS = 5
PATHS = find_paths({"HOME": "/nowhere", "ITERM_MCP_HOME": "/nowhere/state"})


class End:
    """One end of a byte stream that never blocks, read in lines."""

    def __init__(self, read: int, write: int) -> None:
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        self._read, self._write = read, write
        self._rest = b""
        self.lines: list[bytes] = []

    def say(self, *messages: object) -> None:
        """Write messages, one a line; bytes are written as they are."""
        for one in messages:
            os.write(self._write, one if isinstance(one, bytes) else line(one))

    async def pour(self, message: object) -> None:
        """Write one message that is more than fits at once."""
        rest = [line(message)]

        def push() -> bool:
            with suppress(BlockingIOError):
                rest[0] = rest[0][os.write(self._write, rest[0]) :]
            return not rest[0]

        await eventually(push)

    def heard(self) -> list[bytes]:
        """Return all lines that have come so far."""
        with suppress(BlockingIOError):
            while data := os.read(self._read, 1 << 16):
                *lines, self._rest = (self._rest + data).split(b"\n")
                self.lines += lines
        return self.lines

    async def hear(self, count: int) -> list[Any]:
        """Wait for so many lines in all and return them as values."""
        lines = await eventually(self.heard, lambda lines: len(lines) >= count)
        assert len(lines) == count, lines
        return [json.loads(one) for one in lines]


def line(message: object) -> bytes:
    """Write JSON as our daemon does."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def request(number: object, method: str = "tools/call") -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method}


def result(number: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "result": {}}


class Daemon(End):
    """A daemon's end of its connection to the relay."""

    def __init__(self) -> None:
        self.near, self._far = socket.socketpair()
        super().__init__(self._far.fileno(), self._far.fileno())

    def die(self) -> None:
        self._far.close()

    def has_begun_to_hear(self) -> bool:
        """Tell whether something was sent to it that nobody has read."""
        unread = fcntl.ioctl(self._far, termios.FIONREAD, bytes(4))
        return bool(int.from_bytes(unread, sys.byteorder))


class Pump:
    """A relay under test.

    Attributes:
        client: What an MCP client holds.
        daemons: Those that were connected to, in order.
        ready: Those that will be found running.
        startable: Those that can be started.
        starts: How many starts were tried.
        dials: How often a daemon was looked for.
    """

    def __init__(self, access: Access, paths: Paths) -> None:
        self._access = access
        self._paths = paths
        self._stdin, to_relay = os.pipe()
        from_relay, self._stdout = os.pipe()
        self._fds = [to_relay, from_relay, self._stdin, self._stdout]
        self.client = End(from_relay, to_relay)
        self.daemons: list[Daemon] = []
        self.ready: list[Daemon] = [Daemon()]
        self.startable: list[Daemon] = []
        self.starts = self.dials = 0
        self.code: int | None = None

    def run(self) -> None:
        relay = Relay(
            self._paths,
            self._stdin,
            self._stdout,
            access=self._access,
            dial=self._dial,
            start=self._start,
        )
        self.code = relay.run()

    def all_taken(self) -> bool:
        """Tell whether the relay has read everything that the client wrote."""
        unread = fcntl.ioctl(self._stdin, termios.FIONREAD, bytes(4))
        return not int.from_bytes(unread, sys.byteorder)

    def hang_up(self) -> None:
        """Close the client's end."""
        if self._fds[0] >= 0:
            os.close(self._fds[0])
            self._fds[0] = -1

    async def first(self) -> Daemon:
        """Wait for the first daemon to be connected to."""
        await eventually(lambda: len(self.daemons), lambda count: count == 1)
        return self.daemons[0]

    async def lose(self, daemon: Daemon) -> None:
        """End a daemon with a request in flight; its error says that the relay knows."""
        answers, heard = len(self.client.heard()), len(daemon.heard())
        self.client.say(request("lost"))
        await daemon.hear(heard + 1)
        daemon.die()
        *_, error = await self.client.hear(answers + 1)
        assert (error["id"], error["error"]["code"]) == ("lost", DAEMON_LOST)

    def stop_listening(self) -> None:
        """Close the end that answers come from."""
        os.close(self._fds[1])
        self._fds[1] = -1

    def close(self) -> None:
        for fd in self._fds:
            if fd >= 0:
                os.close(fd)
        for one in [*self.daemons, *self.ready, *self.startable]:
            one.near.close()
            one.die()

    async def looked(self) -> None:
        """Wait until a daemon is looked for in vain."""
        before = self.dials
        await eventually(lambda: self.dials > before)

    def _dial(self, _path: str) -> Any:  # noqa: ANN401 - the C socket, which socket extends
        self.dials += 1
        return self._taken(self.ready)

    def _start(self, _paths: object) -> Any:  # noqa: ANN401
        self.starts += 1
        return self._taken(self.startable)

    def _taken(self, daemons: list[Daemon]) -> Any:  # noqa: ANN401
        if not daemons:
            return None
        self.daemons.append(daemons.pop(0))
        return cast("Any", self.daemons[-1].near)


@asynccontextmanager
async def pumping(access: Access | None = None, paths: Paths = PATHS) -> AsyncIterator[Pump]:
    """Have a relay pump for the length of the block; it ends because its client hangs up."""
    pump = Pump(access or Access(), paths)
    try:
        with anyio.fail_after(2 * SECONDS):
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.to_thread.run_sync, pump.run)
                try:
                    yield pump
                finally:
                    pump.hang_up()
                    for one in [*pump.daemons, *pump.ready]:
                        one.die()
        assert pump.code == 0
    finally:
        pump.close()
