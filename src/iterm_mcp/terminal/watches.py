"""Who watches which session, and what each has not yet been told."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.models.happenings import (
    CommandEnded,
    CommandStarted,
    KeyPressed,
    PromptShown,
    ScreenChanged,
    SequenceReceived,
    SessionEnded,
    SessionsChanged,
    TerminalBack,
    TerminalLost,
    TextTyped,
)
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.output import PromptId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from iterm2 import api_pb2 as wire

    from iterm_mcp.models.happenings import Happening

MAX_WAITING = 1000
"""Happenings kept for a watcher that does not ask; beyond that it is told to look anew."""


class QueuedWatch:
    """A `Watch` with a bounded queue. Screen changes that wait are one.

    Args:
        typing: Tell what we type, too.
        keys: Tell that a person presses keys, too.
    """

    def __init__(self, *, typing: bool = False, keys: bool = False) -> None:
        self.typing = typing
        self.keys = keys
        self._queue: deque[Happening] = deque()
        self._arrived = anyio.Event()

    def put(self, happening: Happening) -> None:
        """Add what has happened, unless the session has ended."""
        queue = self._queue
        if queue and (
            isinstance(queue[-1], SessionEnded)
            or (
                isinstance(happening, ScreenChanged | SessionsChanged | KeyPressed)
                and happening in queue
            )
        ):
            return
        if len(queue) >= MAX_WAITING:
            queue.clear()
            queue.append(TerminalBack())
        queue.append(happening)
        self._arrived.set()

    def waiting(self) -> bool:
        """Tell whether `next` would return at once."""
        return bool(self._queue)

    async def next(self) -> Happening:
        """Wait for what happens next."""
        while not self._queue:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        happening = self._queue[0]
        if not isinstance(happening, SessionEnded):
            self._queue.popleft()
        return happening


class Watches:
    """All watchers, by session, and those of the list of sessions (`of_all`)."""

    def __init__(self) -> None:
        self._watches: dict[SessionId, set[QueuedWatch]] = {}
        self.of_all: set[QueuedWatch] = set()
        self._commands: Callable[[SessionId, CommandStarted | CommandEnded], None] | None = None

    def tell_commands(
        self, listener: Callable[[SessionId, CommandStarted | CommandEnded], None]
    ) -> None:
        """Have a listener called with the commands of all sessions; it must not wait."""
        self._commands = listener

    def add(
        self, session_id: SessionId, *, typing: bool = False, keys: bool = False
    ) -> QueuedWatch:
        """Add a watcher; `remove` it in any case."""
        watch = QueuedWatch(typing=typing, keys=keys)
        self._watches.setdefault(session_id, set()).add(watch)
        return watch

    def remove(self, session_id: SessionId, watch: QueuedWatch) -> bool:
        """Remove a watcher; tell whether it was the session's last."""
        others = self._watches[session_id]
        others.discard(watch)
        if others:
            return False
        del self._watches[session_id]
        return True

    def sessions(self) -> list[SessionId]:
        """Return the sessions that are watched."""
        return list(self._watches)

    def sessions_for_keys(self) -> list[SessionId]:
        """Return the sessions of which somebody wants to know that keys are pressed."""
        return [
            session_id
            for session_id, watches in self._watches.items()
            if any(one.keys for one in watches)
        ]

    def tell(self, session_id: SessionId, happening: Happening) -> None:
        """Tell those who watch one session."""
        for watch in self._watches.get(session_id, ()):
            watch.put(happening)

    def typed(self, session_id: SessionId, text: str) -> None:
        """Tell those who want to know it what we are about to type."""
        for watch in self._watches.get(session_id, ()):
            if watch.typing:
                watch.put(TextTyped(text))

    def key_pressed(self, session_id: SessionId) -> None:
        """Tell those who want to know it that a person has pressed a key."""
        for watch in self._watches.get(session_id, ()):
            if watch.keys:
                watch.put(KeyPressed())

    def tell_all(self, happening: Happening) -> None:
        """Tell those who watch which sessions there are."""
        for watch in self.of_all:
            watch.put(happening)

    def lost(self) -> None:
        """Tell all that the terminal is gone."""
        self.tell_all(TerminalLost())
        for session_id in self._watches:
            self.tell(session_id, TerminalLost())

    def back(self, standing: Iterable[SessionId]) -> None:
        """Tell all that the terminal is back, with these sessions."""
        self.tell_all(TerminalBack())
        alive = set(standing)
        for session_id in self._watches:
            self.tell(session_id, TerminalBack() if session_id in alive else SessionEnded())

    def notified(self, notification: wire.Notification) -> None:
        """Pass on what the terminal tells to those whom it concerns."""
        for field, value in notification.ListFields():
            match field.name:
                case "screen_update_notification":
                    self.tell(SessionId(value.session), ScreenChanged())
                case "prompt_notification":
                    self._prompt(value)
                case "custom_escape_sequence_notification":
                    happening = SequenceReceived(value.sender_identity, value.payload)
                    self.tell(SessionId(value.session), happening)
                case "keystroke_notification":
                    self.key_pressed(SessionId(value.session))
                case "terminate_session_notification":
                    self.tell(SessionId(value.session_id), SessionEnded())
                    self.tell_all(SessionsChanged())
                case "new_session_notification":
                    self.tell_all(SessionsChanged())
                case _:
                    pass  # of no concern to those who watch a session

    def _prompt(self, notification: wire.PromptNotification) -> None:
        prompt_id = PromptId(notification.unique_prompt_id)
        happening: PromptShown | CommandStarted | CommandEnded
        match notification.WhichOneof("event"):
            case "command_start":
                happening = CommandStarted(prompt_id, notification.command_start.command)
            case "command_end":
                happening = CommandEnded(prompt_id, notification.command_end.status)
            case _:
                happening = PromptShown(prompt_id)
        session_id = SessionId(notification.session)
        self.tell(session_id, happening)
        if self._commands is not None and not isinstance(happening, PromptShown):
            self._commands(session_id, happening)
