"""Typing into sessions: text, keys and pastes, each by one writer at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.output.reading import Reader
from iterm_mcp.services.sessions.keys import key_sequence
from iterm_mcp.services.sessions.paste_text import check_paste
from iterm_mcp.services.sessions.pasting import Paster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.cursors import Cursor
    from iterm_mcp.models.ids import LockId, SessionId
    from iterm_mcp.services.sessions.pasting import Pasted, Progress
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.services.sessions.writers import SessionWriters
    from iterm_mcp.terminal.protocol import Terminal

MAX_TEXT = 1 << 20
"""Characters that one call may type."""


@dataclass(frozen=True, slots=True)
class Typed:
    """Where was typed.

    Attributes:
        cursor: Where the output ended just before: whoever waits from there misses no answer,
            however quick it is. The echo of what was typed comes behind it too.
    """

    session_id: SessionId
    cursor: Cursor


class SendingService:
    """Types into sessions. No other writer's text ever comes in between.

    Every ``session_id`` is what `SessionService.find` understands. Every ``lock_id`` is the
    lock that the caller holds; a session that another one has locked refuses
    (``session_locked``), and so does one that the lock that is shown does not hold
    (``lock_lost``).
    """

    def __init__(
        self,
        terminal: Terminal,
        sessions: SessionService,
        writers: SessionWriters,
        clock: Clock,
        paster: Paster | None = None,
    ) -> None:
        self._terminal = terminal
        self._sessions = sessions
        self._writers = writers
        self._paster = paster or Paster(terminal, writers, clock)
        self._reader = Reader(terminal)

    async def may_type(self, session_id: str, lock_id: LockId | None = None) -> SessionId:
        """See that one could type into a session now, and return its id.

        Raises:
            RefusedError: It is locked, or not by the lock that is shown.
        """
        target = await self._sessions.find(session_id)
        await self._writers.check(target, lock_id)
        return target

    async def send_text(
        self, session_id: str, text: str, *, enter: bool, lock_id: LockId | None = None
    ) -> Typed:
        """Type text, then Enter if asked; newlines inside the text are typed as Enter.

        Raises:
            InvalidRequestError: Nothing to type, or more than `MAX_TEXT` characters.
        """
        if not text and not enter:
            raise InvalidRequestError("there is nothing to type", hint="Give text, or enter=true.")
        if len(text) > MAX_TEXT:
            raise InvalidRequestError(
                f"{len(text)} characters are more than the {MAX_TEXT} that one call may type",
                hint="Use paste=true, or write it to a file and have the session read it.",
            )
        typed = text.replace("\r\n", "\r").replace("\n", "\r") + ("\r" if enter else "")
        target = await self._sessions.find(session_id)
        async with self._writers.hold(target, lock_id):
            cursor = await self._reader.cursor(target)
            await self._terminal.send_text(target, typed)
        return Typed(target, cursor)

    async def paste(
        self,
        session_id: str,
        text: str,
        *,
        enter: bool,
        lock_id: LockId | None = None,
        on_progress: Progress | None = None,
    ) -> Pasted:
        """Paste text, then press Enter if asked; wait until the program has read it.

        Args:
            on_progress: Called with how many bytes were typed, of how many.

        Raises:
            InvalidRequestError: Nothing to paste, too much, or control characters.
            RefusedError: The program does not read (``paste_stalled``); the message says how
                much it took.
        """
        check_paste(text)
        target = await self._sessions.find(session_id)
        async with self._writers.hold(target, lock_id):
            cursor = await self._reader.cursor(target)
            pasted = await self._paster.paste(
                target, text, enter=enter, lock_id=lock_id, on_progress=on_progress
            )
        return replace(pasted, cursor=cursor)

    async def send_keys(
        self, session_id: str, keys: Sequence[str], *, lock_id: LockId | None = None
    ) -> Typed:
        """Press keys one after the other; nothing is sent unless all are known.

        Cursor keys send what the program has asked for at that moment.
        """
        if not keys:
            raise InvalidRequestError("there are no keys to press", hint="Name at least one key.")
        plain = _sequence(keys, application_cursor=False)
        application = _sequence(keys, application_cursor=True)
        target = await self._sessions.find(session_id)
        async with self._writers.hold(target, lock_id):
            if plain != application:
                state = await self._terminal.read_input_state(target)
                plain = application if state.application_cursor else plain
            cursor = await self._reader.cursor(target)
            await self._terminal.send_text(target, plain)
        return Typed(target, cursor)


def _sequence(keys: Sequence[str], *, application_cursor: bool) -> str:
    return "".join(key_sequence(key, application_cursor=application_cursor) for key in keys)
