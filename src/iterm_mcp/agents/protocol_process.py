"""A program that is spoken to in JSON, a line a message, over its pipes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.line_buffer import LineBuffer
from iterm_mcp.errors import AgentError, AgentGoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iterm_mcp.models.observations import Json

LINE_BYTES = 8 << 20
"""A line that is longer is left out."""
UNREAD_BYTES = 8 << 20
"""So much may wait for the program to read it."""
COMPLAINT_LINES = 50
KILL_SECONDS = 2.0
POLL_SECONDS = 0.02
LAST_WORDS_SECONDS = 0.5
"""How long what a program said is waited for after its end."""

_STDIN, _STDOUT, _STDERR = range(3)


class ProtocolProcess(asyncio.SubprocessProtocol):
    """A running program, the leader of a process group of its own.

    Args:
        take: Takes each message in order; what is no JSON object is left out. Must not raise.
        gone: Called once with the exit code when it has ended and all that it said was taken; a
            negative one is the signal that ended it. Must not raise.
    """

    def __init__(
        self, take: Callable[[Mapping[str, Json]], None], gone: Callable[[int], None]
    ) -> None:
        self._take = take
        self._gone = gone
        self._transport: asyncio.SubprocessTransport | None = None
        self._said = LineBuffer(LINE_BYTES)
        self._complaints = LineBuffer(LINE_BYTES)
        self._complained: deque[str] = deque(maxlen=COMPLAINT_LINES)
        self._ended = anyio.Event()
        self._code: int | None = None
        self._speaking = {_STDOUT, _STDERR}

    @property
    def pid(self) -> int:
        """The process."""
        return self._started.get_pid()

    @property
    def complaints(self) -> str:
        """What it last wrote to stderr."""
        return "\n".join(self._complained)

    @property
    def ended(self) -> bool:
        """Tell whether it has ended; what it started may go on."""
        return self._ended.is_set()

    @property
    def _started(self) -> asyncio.SubprocessTransport:
        if self._transport is None:
            raise AgentGoneError("the agent's program was never started")
        return self._transport

    def send(self, message: Mapping[str, Json]) -> None:
        """Write a message; it is read when the program comes to it.

        Raises:
            AgentGoneError: It has ended, or reads no more.
            AgentError: It has left 8 MiB unread.
        """
        pipe = self._started.get_pipe_transport(_STDIN)
        if self.ended or not isinstance(pipe, asyncio.WriteTransport) or pipe.is_closing():
            raise AgentGoneError(
                "the agent's process has ended", hint="Start it again; nothing more was sent to it."
            )
        if pipe.get_write_buffer_size() > UNREAD_BYTES:
            raise AgentError(
                "the agent reads nothing any more", hint="Interrupt it, or stop it and start again."
            )
        pipe.write(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n")

    async def handed_over(self) -> None:
        """Return at once: the pipe is all there is between us and the program."""

    def finish(self) -> None:
        """End its input."""
        pipe = self._started.get_pipe_transport(_STDIN)
        if pipe is not None:
            pipe.close()

    async def wait_ended(self) -> None:
        """Wait until the process has ended."""
        await self._ended.wait()

    async def stop(self, grace_seconds: float) -> None:
        """End its input and wait for its end; then TERM, then KILL for it and what it started.

        Takes at most the grace and twice `KILL_SECONDS`; a cancellation waits for that too.
        """
        with anyio.CancelScope(shield=True):
            self.finish()
            with anyio.move_on_after(grace_seconds):
                await self._ended.wait()
            for number in (signal.SIGTERM, signal.SIGKILL):
                if not _signal_group(self.pid, number):
                    break
                with anyio.move_on_after(KILL_SECONDS):
                    await self._ended.wait()
                    while _signal_group(self.pid, 0):  # noqa: ASYNC110 - no event tells of it
                        await anyio.sleep(POLL_SECONDS)
            self._started.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Know the process."""
        assert isinstance(transport, asyncio.SubprocessTransport)  # noqa: S101 - by contract
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what it wrote."""
        if fd == _STDERR:
            lines = self._complaints.feed(data)
            self._complained.extend(line.decode("utf-8", "replace") for line in lines)
            return
        for line in self._said.feed(data):
            with suppress(ValueError, RecursionError):
                message = json.loads(line)
                if isinstance(message, dict):
                    self._take(message)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Know that a pipe has ended."""
        del exc
        self._speaking.discard(fd)
        self._tell_end()

    def process_exited(self) -> None:
        """Know that it has ended; what it said before may still be in the pipes.

        The pipes themselves may stay open, in the hands of what the program has started.
        """
        self._code = self._started.get_returncode()
        self._tell_end()
        asyncio.get_running_loop().call_later(LAST_WORDS_SECONDS, self._silence)

    def _silence(self) -> None:
        self._speaking.clear()
        self._tell_end()

    def _tell_end(self) -> None:
        if self._code is not None and not self._speaking and not self.ended:
            self._ended.set()
            self._gone(self._code)


async def start_process(
    process: Callable[[], ProtocolProcess],
    command: Sequence[str],
    directory: str,
    environ: Mapping[str, str],
) -> ProtocolProcess:
    """Start a program; whoever called has to `ProtocolProcess.stop` it.

    Raises:
        AgentError: It cannot be started.
    """
    loop = asyncio.get_running_loop()
    try:
        with anyio.CancelScope(shield=True):  # once it runs, it must be known
            _, started = await loop.subprocess_exec(
                process, *command, cwd=directory, env=dict(environ), start_new_session=True
            )
    except OSError as error:
        raise AgentError(
            f"{command[0]} cannot be started: {error.strerror or error}",
            hint="See `iterm-mcp agents doctor`, and that the directory is there.",
        ) from None
    return started


def _signal_group(pid: int, number: int) -> bool:
    """Signal all that is left of a group; tell whether there was anybody."""
    with suppress(ProcessLookupError, PermissionError):  # macOS: nobody but zombies is left
        os.killpg(pid, number)
        return True
    return False
