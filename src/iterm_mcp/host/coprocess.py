"""A program beside a session: it reads what the session shows, and what it writes is typed."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from anyio import to_thread

from iterm_mcp.host.environment import scrubbed
from iterm_mcp.host.posix_session import hang_up, kill_job
from iterm_mcp.host.reaper import watch_exit

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_QUEUED_BYTES = 1 << 20
"""What waits for a coprocess that does not read; what comes on top is not passed to it."""

READ_BYTES = 1 << 16
RETRY_SECONDS = 0.02
GRACE_SECONDS = 1.0


class CoprocessState(NamedTuple):
    """What `Coprocess.state` returns and `Coprocess.adopt` takes; closed pipes are -1."""

    pid: int
    input: int
    output: int
    command_line: str
    muted: bool
    running: bool
    queue: bytes
    untyped: bytes


class Coprocess:
    """A running coprocess. It may end by itself at any time; `running` tells.

    Attributes:
        command_line: As it was given to the shell.
        muted: The session's output goes to the coprocess alone, and is not shown.
    """

    def __init__(
        self,
        pid: int,
        pipes: tuple[BinaryIO, BinaryIO],
        command_line: str,
        type_into: Callable[[bytes], bool],
        *,
        muted: bool,
    ) -> None:
        self.command_line = command_line
        self.muted = muted
        self.running = True
        self._pid = pid
        self._input, self._output = pipes
        self._type_into = type_into
        self._queue = bytearray()
        self._untyped = b""
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        self._killing: asyncio.TimerHandle | None = None

    @classmethod
    async def start(
        cls, command_line: str, directory: str, type_into: Callable[[bytes], bool], *, muted: bool
    ) -> Coprocess:
        """Start a command line by the shell.

        Args:
            type_into: Types bytes into the session; False when it cannot take them yet.

        Raises:
            OSError: It could not be started.
        """
        process = await to_thread.run_sync(
            lambda: subprocess.Popen(
                ["/bin/sh", "-c", command_line],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=directory,
                env=scrubbed(os.environ),
                start_new_session=True,
                bufsize=0,
            )
        )
        assert process.stdin is not None  # noqa: S101 - as asked for
        assert process.stdout is not None  # noqa: S101
        process.returncode = 0  # it is reaped here, not by subprocess
        pipes = cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)
        one = cls(process.pid, pipes, command_line, type_into, muted=muted)
        os.set_blocking(process.stdin.fileno(), False)
        one._follow()
        return one

    def state(self) -> CoprocessState:
        """Return what is to be known of it, for `adopt`."""
        descriptors = [-1 if one.closed else one.fileno() for one in (self._input, self._output)]
        return CoprocessState(
            self._pid,
            descriptors[0],
            descriptors[1],
            self.command_line,
            self.muted,
            self.running,
            bytes(self._queue),
            self._untyped,
        )

    @classmethod
    def adopt(cls, state: CoprocessState, type_into: Callable[[bytes], bool]) -> Coprocess:
        """Go on with a child of this process that was started before it became another program."""
        pipes = _pipe(state.input, "wb"), _pipe(state.output, "rb")
        one = cls(state.pid, pipes, state.command_line, type_into, muted=state.muted)
        one.running = state.running
        one._queue += state.queue
        one._untyped = state.untyped
        one._follow()
        return one

    def _follow(self) -> None:
        if self.running:
            watch_exit(self._pid, self._ended)
        if self._queue:
            self._flush()
        if self._untyped:
            self._type(self._untyped)
        elif not self._output.closed:
            self._loop.add_reader(self._output, self._readable)

    def feed(self, data: bytes) -> bool:
        """Pass on what the session's program has written; True when it is not to be shown."""
        if not self.running:
            return False
        was_empty = not self._queue
        self._queue += data[: MAX_QUEUED_BYTES - len(self._queue)]
        if was_empty and self._queue:
            self._flush()
        return self.muted

    def stop(self) -> None:
        """End it, and take nothing more of what it has written.

        It is hung up on, and killed when it does not obey.
        """
        self._close_input()
        self._close_output()
        if self.running:
            self.running = False
            hang_up(self._pid)
            self._killing = self._loop.call_later(GRACE_SECONDS, kill_job, self._pid)

    def _ended(self, _code: int | None) -> None:
        """Go on reading: what it, or a child of its, wrote last is typed as well."""
        self.running = False
        if self._killing is not None:
            self._killing.cancel()
        self._close_input()

    def _flush(self) -> None:
        try:
            sent = os.write(self._input.fileno(), self._queue)
        except BlockingIOError:
            sent = 0
        except BrokenPipeError:  # it has closed its input, and may write on
            sent = len(self._queue)
        del self._queue[:sent]
        self._loop.remove_writer(self._input)
        if self._queue:
            self._loop.add_writer(self._input, self._flush)

    def _readable(self) -> None:
        data = os.read(self._output.fileno(), READ_BYTES)
        if data:
            self._type(data)
        else:
            self._close_output()

    def _type(self, data: bytes) -> None:
        """Type it; read no more until the session's program has taken it."""
        if self._type_into(data):
            self._retry, self._untyped = None, b""
            self._loop.add_reader(self._output, self._readable)
        else:
            self._untyped = data
            self._loop.remove_reader(self._output)
            self._retry = self._loop.call_later(RETRY_SECONDS, self._type, data)

    def _close_input(self) -> None:
        self._queue.clear()
        if not self._input.closed:
            self._loop.remove_writer(self._input)
            self._input.close()

    def _close_output(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        if not self._output.closed:
            self._loop.remove_reader(self._output)
            self._output.close()


def _pipe(descriptor: int, mode: str) -> BinaryIO:
    if descriptor >= 0:
        return cast("BinaryIO", os.fdopen(descriptor, mode, buffering=0))
    closed = io.BytesIO()
    closed.close()
    return closed
