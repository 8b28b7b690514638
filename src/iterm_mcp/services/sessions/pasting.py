"""Large texts on their way into one session, as fast as its program reads them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import ItermMcpError, RefusedError
from iterm_mcp.services.sessions.paste_text import CLOSING, OPENING, prepare

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.cursors import Cursor
    from iterm_mcp.models.ids import LockId, SessionId
    from iterm_mcp.models.input import InputState
    from iterm_mcp.services.sessions.paste_text import PasteText
    from iterm_mcp.services.sessions.writers import SessionWriters
    from iterm_mcp.terminal.protocol import Terminal

    Progress = Callable[[float, float], Awaitable[None]]

QUEUE_BYTES = 1 << 18
"""How much may wait unread while more is typed: what waits cannot be had back."""

STALL_SECONDS = 10.0
"""How long a program may read nothing at all."""

LONGEST_SECONDS = 600.0
PAUSE_SECONDS = 0.005
CLOSING_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Pasted:
    """What became of a paste.

    Attributes:
        size: The bytes of the text.
        bracketed: Whether the program had asked for marks around pastes, and got them.
        marks: How many such marks in the text itself were made harmless.
        cut_lines: How many lines may have been cut short by the system, as far as the terminal
            cannot tell: they are longer than a program gets that reads whole lines.
        cursor: Where the output ended before, if whoever pasted has looked.
    """

    session_id: SessionId
    size: int
    bracketed: bool
    marks: int
    cut_lines: int
    cursor: Cursor | None = None


class Paster:
    """Pastes, waiting for programs that read slowly.

    Args:
        stall_seconds: How long a program may read nothing.
        longest_seconds: How long one paste may take.
    """

    def __init__(
        self,
        terminal: Terminal,
        writers: SessionWriters,
        clock: Clock,
        *,
        stall_seconds: float = STALL_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._writers = writers
        self._clock = clock
        self._stall_seconds = stall_seconds
        self._longest_seconds = longest_seconds

    async def paste(
        self,
        session_id: SessionId,
        text: str,
        *,
        enter: bool,
        lock_id: LockId | None,
        on_progress: Progress | None,
    ) -> Pasted:
        """Paste a checked text into a session whose turn it is, and wait until it was taken.

        Args:
            on_progress: Called with how many bytes were typed, of how many.

        Raises:
            RefusedError: The program stopped reading (``paste_stalled``), or the lock was
                broken. The message says how much was taken.
            ItermMcpError: The terminal was lost or refused; likewise.
        """
        state = await self._terminal.read_input_state(session_id)
        paste = prepare(text, state)
        typed = _Typed(paste, counted=state.queued is not None)
        try:
            with anyio.move_on_after(self._longest_seconds) as scope:
                await self._type(session_id, paste, typed, lock_id, on_progress)
                if enter:
                    await self._terminal.send_text(session_id, "\r")
                await self._settle(session_id, typed, 0)
            if scope.cancelled_caught:
                raise _stalled(session_id)
        except ItermMcpError as error:
            error.args = (f"{error}; {typed.told()}",)
            raise
        unknown = state.reads_lines is None and not paste.bracketed
        return Pasted(
            session_id,
            paste.size,
            paste.bracketed,
            paste.marks,
            paste.long_lines if unknown else 0,
        )

    async def _type(
        self,
        session_id: SessionId,
        paste: PasteText,
        typed: _Typed,
        lock_id: LockId | None,
        on_progress: Progress | None,
    ) -> None:
        if paste.bracketed:
            await self._terminal.send_text(session_id, OPENING)
        closed = False
        try:
            for piece in paste.pieces():
                await self._writers.check(session_id, lock_id)
                await self._terminal.send_text(session_id, piece)
                typed.bytes += len(piece.encode())
                await self._settle(session_id, typed, QUEUE_BYTES)
                if on_progress is not None:
                    await on_progress(min(typed.bytes, paste.size), paste.size)
            if paste.bracketed:
                closed = True
                await self._terminal.send_text(session_id, CLOSING)
        finally:
            if paste.bracketed and not closed:
                await self._close(session_id)

    async def _close(self, session_id: SessionId) -> None:
        """End a paste that failed, or the program would take all that follows for part of it."""
        with anyio.move_on_after(CLOSING_SECONDS, shield=True):
            with suppress(ItermMcpError):  # the failure that brought us here says it all
                await self._terminal.send_text(session_id, CLOSING)

    async def _settle(self, session_id: SessionId, typed: _Typed, most: int) -> None:
        """Wait until no more than so much of what was typed is unread, if that can be told."""
        moved, least = self._clock.monotonic(), None
        while typed.counted:
            queued = await self._queued(session_id)
            typed.unread = queued
            if queued <= most:
                return
            now = self._clock.monotonic()
            if least is None or queued < least:
                moved, least = now, queued
            elif now - moved > self._stall_seconds:
                raise _stalled(session_id)
            await anyio.sleep(PAUSE_SECONDS)  # the system tells nobody when a program has read

    async def _queued(self, session_id: SessionId) -> int:
        state: InputState = await self._terminal.read_input_state(session_id)
        return state.queued or 0


class _Typed:
    """How far a paste has come.

    Attributes:
        bytes: What the terminal took of the text.
        unread: What of that the program left unread, when it was last looked.
        counted: Whether the terminal can tell.
    """

    def __init__(self, paste: PasteText, *, counted: bool) -> None:
        self.bytes = 0
        self.unread = 0
        self.counted = counted
        self._size = len(paste.text.encode())

    def told(self) -> str:
        """Return how much was taken, in words."""
        taken = max(0, self.bytes - self.unread)
        return f"it took {taken} of {self._size} bytes" + (
            f", {self.unread} more wait for it" if self.unread else ""
        )


def _stalled(session_id: SessionId) -> RefusedError:
    return RefusedError(
        f"the program in session {session_id} does not read its input any more",
        hint="What is unread comes when it reads again. Look with read_screen; "
        "interrupt_session or send_keys ctrl-c stops the program.",
        code="paste_stalled",
    )
