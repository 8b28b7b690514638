"""One program on a pseudo-terminal of its own.

The program is the leader of a new session whose controlling terminal is the pseudo-terminal:
Ctrl-C, job control and ``/dev/tty`` work in it. Nothing here blocks; all but `Pty.spawn` must
be called from the event loop's thread.
"""

from __future__ import annotations

import asyncio
import errno
import os
import termios
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.host.figures import Figures, Traffic
from iterm_mcp.host.pacing import Flow, Pace
from iterm_mcp.host.posix_session import hang_up, has_job, kill_job, kill_session
from iterm_mcp.host.pty_state import PtyState
from iterm_mcp.host.reaper import watch_exit
from iterm_mcp.host.spawn import PtyError, set_size, spawn_on_pty

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["MAX_QUEUED_BYTES", "Pty", "PtyBackpressureError", "PtyError"]

MAX_QUEUED_BYTES = 16 << 20
"""What may wait for a program that does not read its input."""

READ_BYTES = 1 << 16  # Linux hands out at most 4095 at once
_WRITE_BYTES = 1 << 16
_LOCAL_MODES = 3  # of what tcgetattr tells
_LAST_READS = 64  # after the end; the kernel holds less, but a child left behind may go on
_HANGUP_PAUSE_SECONDS = 0.25
_POLL_SECONDS = 0.01
_KILL_SECONDS = 2.0  # SIGKILL acts at once, but for a process stuck in the kernel


class PtyBackpressureError(PtyError):
    """The program reads too slowly: nothing of what was written has been taken."""

    default_code = "pty_backpressure"


class Pty:
    """A program, its pseudo-terminal, and what is under way between them.

    Make it with `spawn`, then `start` it, and in any case end it with `aclose`.

    Attributes:
        pid: The program's process id, which is also its session's and process group's.
        name: The path of its terminal, such as ``/dev/pts/3``.
    """

    def __init__(self, pid: int, master: int, name: str) -> None:
        self.pid = pid
        self.name = name
        self._master = master  # -1 once closed
        self._queue = bytearray()
        self._reading = False  # the loop watches for output
        self._writing = False  # the loop watches for room
        self._paused = False
        self._hung_up = False
        self._resting = False  # it has had its slice
        self._flow: Flow | None = None  # unless it has not been started
        self._traffic: Traffic | None = None  # likewise
        self._exited: anyio.Event | None = None
        self._code: int | None = None
        self._ended = False
        self._closed: anyio.Event | None = None
        self._on_output: Callable[[bytes], None] = _ignore
        self._on_end: Callable[[int | None], None] = _ignore

    @classmethod
    def spawn(
        cls,
        argv: Sequence[str],
        *,
        columns: int,
        rows: int,
        directory: str,
        environ: Mapping[str, str],
    ) -> Pty:
        """Start a program, in 1-2 ms. May be called in a worker thread.

        A program that this process ignores signals for would ignore them too: let SIGHUP,
        SIGINT, SIGQUIT and SIGTERM be handled or at their default.

        Args:
            argv: The program and its arguments. A name without a slash is looked for on the
                PATH of `environ`.
            columns, rows: The terminal's size.
            directory: Where it starts.
            environ: The whole environment; nothing is added to it.

        Raises:
            PtyError: No pseudo-terminal or file is left, the folder cannot be entered, or the
                program is missing or not executable.
        """
        return cls(*spawn_on_pty(argv, columns, rows, directory, environ))

    def state(self) -> PtyState:
        """Return what is to be known of it, for `adopt`."""
        exited = self._exited is not None and self._exited.is_set()
        queue = bytes(self._queue)
        return PtyState(self.pid, self.name, self._master, queue, exited, self._code, self._ended)

    @classmethod
    def adopt(cls, state: PtyState) -> Pty:
        """Go on with a child of this process that was started before it became another program.

        `start` follows, as after `spawn`; it goes on with the input that is queued, and tells of
        an end that nobody has been told of.
        """
        pty = cls(state.pid, state.master, state.name)
        pty._queue += state.queue
        pty._code, pty._ended = state.code, state.ended
        if state.exited:
            pty._exited = anyio.Event()
            pty._exited.set()
        return pty

    def start(
        self, on_output: Callable[[bytes], None], on_end: Callable[[int | None], None]
    ) -> None:
        """Begin to read, on the running loop.

        Args:
            on_output: Called with what the program has written, one read an event, so that no
                program can starve the others.
            on_end: Called once, when the program itself has ended and what it had written has
                been passed on: with its exit code, 128 + n if signal n ended it, or None if
                that is unknown. What processes it left behind write later is not read.
        """
        self._on_output, self._on_end = on_output, on_end
        loop = asyncio.get_running_loop()
        self._flow = Flow(Pace.of(loop))
        self._traffic = Traffic(Figures.of(loop))
        if self._watch().is_set() and not self._ended:
            loop.call_soon(self._read_last, self._code, _LAST_READS)
        self._update_reader()
        if self._queue and not self._ended:
            self._flush()

    def write(self, data: bytes, *, answers: bool = False) -> None:
        """Send input to the program; what it does not read yet is queued.

        Once the program has ended, input goes nowhere.

        Args:
            answers: It is the terminal's own answer, and nobody's typing.

        Raises:
            PtyBackpressureError: More than `MAX_QUEUED_BYTES` would be queued; nothing has been
                taken.
        """
        if self._master < 0 or self._ended:
            return
        if len(self._queue) + len(data) > MAX_QUEUED_BYTES:
            raise PtyBackpressureError(
                f"the program has left {len(self._queue)} bytes of its input unread",
                hint="Wait until it reads its input again, or stop it.",
            )
        if self._flow is not None and self._traffic is not None:
            now = asyncio.get_running_loop().time()
            self._flow.typed(now)
            if answers:
                self._traffic.answered(len(data))
            else:
                self._traffic.typed(len(data), now)
        was_empty = not self._queue
        self._queue += data
        if was_empty and data:
            self._flush()

    @property
    def queued(self) -> int:
        """How many bytes wait to be read by the program, beyond what the system holds."""
        return len(self._queue)

    @property
    def reads_lines(self) -> bool | None:
        """Whether the system collects input into lines (``ICANON``); None once it is closed."""
        if self._master < 0:
            return None
        try:
            return bool(termios.tcgetattr(self._master)[_LOCAL_MODES] & termios.ICANON)
        except termios.error:
            return None

    @property
    def held(self) -> bool:
        """Whether output is left unread just now, on purpose."""
        return self._paused or self._resting

    def pause_reading(self) -> None:
        """Read no more: soon the program waits in its next write. It may still end."""
        if not self._paused and self._traffic is not None:
            self._traffic.paused()
        self._paused = True
        self._update_reader()

    def resume_reading(self) -> None:
        """Read again."""
        self._paused = False
        self._update_reader()

    def resize(self, columns: int, rows: int) -> None:
        """Tell the terminal its size; the foreground program gets SIGWINCH if it changed."""
        if self._master >= 0:
            set_size(self._master, columns, rows)

    @property
    def foreground_pid(self) -> int | None:
        """The leader of the process group in the foreground; None when there is none."""
        if self._master < 0:
            return None
        try:
            return os.tcgetpgrp(self._master) or None
        except OSError:
            return None

    async def aclose(self, *, grace_seconds: float) -> None:
        """End the program and close the terminal.

        The foreground job and the program are hung up on, as when a terminal's window is
        closed. After `grace_seconds` every process of the session is killed if the program
        still runs, and the foreground job if only that does. Jobs in the background that
        ignore the hang-up live on when the program itself obeyed.

        Takes `grace_seconds` + 2 s at most, cannot be cancelled, and may be called again.
        """
        if self._closed is not None:
            with anyio.CancelScope(shield=True):
                await self._closed.wait()
            return
        self._closed = anyio.Event()
        try:
            with anyio.CancelScope(shield=True):
                await self._hang_up(grace_seconds)
        finally:
            self._finish(None)
            self._closed.set()

    async def _hang_up(self, grace_seconds: float) -> None:
        exited = self._watch()
        job = self.foreground_pid
        if not exited.is_set():
            for group in {self.pid, job or self.pid}:
                hang_up(group)
        self._close_master()
        with anyio.move_on_after(grace_seconds):
            await exited.wait()
            # A job is nobody's child once its shell has ended: its end can only be polled.
            while job is not None and has_job(self.pid, job):  # noqa: ASYNC110 - as said
                await anyio.sleep(_POLL_SECONDS)
            return
        if job is not None and has_job(self.pid, job):
            kill_job(job)
        if exited.is_set():
            return
        kill_session(self.pid)
        with anyio.move_on_after(_KILL_SECONDS):
            await exited.wait()

    def _watch(self) -> anyio.Event:
        """Watch for the program's end from now on; return the event that tells of it."""
        if self._exited is None:
            self._exited = anyio.Event()
            watch_exit(self.pid, self._on_exit)
        return self._exited

    def _on_exit(self, code: int | None) -> None:
        self._code = code
        if self._exited is not None:
            self._exited.set()
        self._update_reader()
        self._read_last(code, _LAST_READS)

    def _read_last(self, code: int | None, reads: int) -> None:
        """Pass on what the program wrote before it ended, one read a turn of the loop."""
        if reads and self._master >= 0 and (data := self._read()):
            loop = asyncio.get_running_loop()
            if self._traffic is not None:
                self._traffic.printed(len(data), loop.time())
            loop.call_soon(self._read_last, code, reads - 1)
            self._on_output(data)
        else:
            self._finish(code)

    def _finish(self, code: int | None) -> None:
        """Report the end, once."""
        if self._ended:
            return
        self._ended = True
        self._update_reader()
        self._drop_queue()
        self._on_end(code)

    def _update_reader(self) -> None:
        """Have the loop watch for output exactly when somebody wants it."""
        exited = self._exited is None or self._exited.is_set()
        held = self._paused or self._hung_up or self._resting
        wanted = self._master >= 0 and not (exited or self._ended or held)
        if wanted == self._reading:
            return
        self._reading = wanted
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_reader(self._master, self._readable)
        else:
            loop.remove_reader(self._master)

    def _readable(self) -> None:
        data = self._read()
        if data:
            self._rest_after(len(data))
            self._on_output(data)
        elif data is not None:
            # Nobody has the terminal open. That is not the program's end: it, or a child of
            # its, may open /dev/tty again. That cannot be waited for, so try now and then.
            self._hung_up = True
            self._update_reader()
            asyncio.get_running_loop().call_later(_HANGUP_PAUSE_SECONDS, self._try_again)

    def _rest_after(self, size: int) -> None:
        """Read no more for a moment if the program floods while somebody types elsewhere."""
        if self._flow is None or self._traffic is None:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._traffic.printed(size, now)
        seconds = self._flow.rest_after(size, now)
        if seconds:
            self._traffic.paused()
            self._resting = True
            self._update_reader()
            loop.call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._resting = False
        self._update_reader()

    def _try_again(self) -> None:
        self._hung_up = False
        self._update_reader()

    def _read(self) -> bytes | None:
        """Read once: b"" when nobody has the terminal open, None when there is nothing."""
        try:
            return os.read(self._master, READ_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.EIO:
                return b""
            raise

    def _flush(self) -> None:
        """Hand on one piece of the queue; watch for room as long as something is left."""
        try:
            sent = os.write(self._master, self._queue[:_WRITE_BYTES])
        except BlockingIOError:
            sent = 0
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: nobody has the terminal open
                raise
            sent = len(self._queue)
        del self._queue[:sent]
        if self._queue and not self._writing:
            self._writing = True
            asyncio.get_running_loop().add_writer(self._master, self._flush)
        elif not self._queue:
            self._drop_queue()

    def _drop_queue(self) -> None:
        self._queue.clear()
        if self._writing:
            self._writing = False
            asyncio.get_running_loop().remove_writer(self._master)

    def _close_master(self) -> None:
        self._drop_queue()
        master, self._master = self._master, -1
        if self._reading:
            self._reading = False
            asyncio.get_running_loop().remove_reader(master)
        os.close(master)


def _ignore(_value: object) -> None:
    """Stand in for a callback until there is one."""
