"""A place in a session's output that a reader has come to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from iterm_mcp.errors import InvalidRequestError, shown

_FORM = re.compile(r"([0-9a-z-]{1,8})\.(\d{1,15})\.(\d{1,6})\.([0-9a-f]{4})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Opaque to callers: only its text leaves, and only what it says is relied on.

    Attributes:
        session: The end of the session's id, so that one is not used for another.
        line, column: Where the output ended.
        anchor: A check sum of the line before, which shows whether it is still the same.
    """

    session: str
    line: int
    column: int
    anchor: str

    def __str__(self) -> str:
        return f"{self.session}.{self.line}.{self.column}.{self.anchor}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read a cursor back.

        Raises:
            InvalidRequestError: It is none.
        """
        found = _FORM.fullmatch(text.strip().lower())
        if found is None:
            raise InvalidRequestError(
                f"{shown(text)!r} is no cursor",
                hint="Give one back exactly as read_output or wait_for returned it.",
                code="bad_cursor",
            )
        return cls(found[1], int(found[2]), int(found[3]), found[4])
