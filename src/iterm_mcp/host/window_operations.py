r"""What programs ask of the window (``CSI … t``): its size, its titles put aside, taken back, told.

The emulator keeps these to itself, so they are picked out in front of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.host.session import Session

MAX_ASIDE = 100
"""So many titles are put aside; of more the oldest are forgotten."""

Operation = tuple[int, ...]
"""The sequence's numbers; one that is left out is 0."""

_OPERATION = re.compile(rb"\x1b\[((?:8|2[0-3])(?:;[0-9]{0,5}){0,3})t")
_BEGUN = re.compile(rb"\x1b(?:\[[28][0-9;]*|\[)?")
_LONGEST = 24
_ESCAPE = 0x1B

_ICON, _WINDOW = "icon_name", "window_name"
_BOTH = {0: (_ICON, _WINDOW), 1: (_ICON,), 2: (_WINDOW,)}


class OperationScanner:
    """Finds where operations end, however the same bytes are cut."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun = b""

    def split(self, data: bytes) -> Iterator[tuple[bytes, Operation | None]]:
        """Yield all of `data` in pieces: each but the last with the operation that ends it."""
        if not self._begun and _ESCAPE not in data:  # as most data is, and soon found out
            yield data, None
            return
        known, whole = len(self._begun), self._begun + data
        start = known
        for found in _OPERATION.finditer(whole):
            numbers = tuple(int(one or 0) for one in found[1].split(b";"))
            yield whole[start : found.end()], numbers
            start = found.end()
        escape = whole.rfind(b"\x1b", max(len(whole) - _LONGEST, 0))
        begun = escape >= 0 and _BEGUN.fullmatch(whole, escape)
        self._begun = whole[escape:] if begun else b""
        yield whole[start:], None


def operate(session: Session, operation: Operation) -> None:
    """Do what a program asks, as far as the session's profile lets it."""
    code, *rest = operation
    which = rest[0] if rest else 0
    kinds = _BOTH.get(which, ())
    if code == 8:  # noqa: PLR2004 - CSI 8 t: a size in rows and columns
        rows, columns = [*rest, 0, 0][:2]
        if not session.profile.get("Disable Window Resizing"):
            session.observer.size_wanted(session, columns or session.columns, rows or session.rows)
    elif code == 22:  # noqa: PLR2004 - CSI 22 t: titles are put aside
        for kind in kinds:
            aside = session.titles_aside.setdefault(kind, [])
            aside.append(getattr(session, kind))
            del aside[:-MAX_ASIDE]
    elif code == 23:  # noqa: PLR2004 - CSI 23 t: titles are taken back
        for kind in kinds:
            if kept := session.titles_aside.get(kind):
                title = kept.pop()
                if session.profile.get("Allow Title Setting", True):
                    setattr(session, kind, title)
    elif session.profile.get("Allow Title Reporting"):
        letter, title = ("L", session.icon_name) if code == 20 else ("l", session.window_name)  # noqa: PLR2004 - CSI 20 t and 21 t: titles are told
        session.reply(f"\x1b]{letter}{title or ''}\x1b\\".encode())
