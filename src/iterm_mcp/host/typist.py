"""Text on its way into one session, however much it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host.pty import MAX_QUEUED_BYTES

if TYPE_CHECKING:
    from iterm_mcp.host.session import Session

PIECE_BYTES = 1 << 16


class Typist:
    """Gives a session as much of a text as there is room for, whenever it is told to go on.

    A text that fits the session's queue goes in whole or not at all.

    Attributes:
        taken: How many bytes the session has taken.
    """

    def __init__(self, session: Session, data: bytes) -> None:
        self._session = session
        self._data = data
        self._piece = len(data) if len(data) <= MAX_QUEUED_BYTES else PIECE_BYTES
        self.taken = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left to type, or nobody to type to."""
        return self._session.exited or self.taken >= len(self._data)

    def go_on(self) -> bool:
        """Type what there is room for; tell whether anything was."""
        before = self.taken
        while not self.done:
            piece = self._data[self.taken : self.taken + self._piece]
            if not self._session.write(piece):
                break
            self.taken += len(piece)
        return self.taken > before or self.done

    @property
    def failure(self) -> str:
        """What the sender is told when it ends here."""
        return (
            f"the program in session {self._session.session_id} does not read its input:"
            f" {self.taken} of {len(self._data)} bytes were taken; wait until it reads, or stop it"
        )
