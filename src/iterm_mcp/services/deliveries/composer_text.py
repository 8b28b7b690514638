"""What stands in a composer, beside the message that was typed into it. Pure.

A screen wraps where it likes, turns tabs into blanks, drops what has no width, and may show only a
part of what is long. So texts are compared by the characters that can be seen.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.services.deliveries.guard import Seen

LONG_TEXT = 120
"""Composers scroll: so many visible characters of a message's end are proof of all of it."""

MANY_ROWS = 4
"""So are so many rows, in a small pane."""

STAND_IN = re.compile(r"\[Pasted(?:[Tt]ext|Content)[#:\d+a-z]{1,40}\]")
"""What agents show for a large paste, without blanks."""

COUNTED = re.compile(r"\[PastedContent(\d{1,9})chars\]")
"""Such a one that says how much was pasted: more is there where a paste before it was cut off by a
crash, so that it never ended."""


class Shown(Enum):
    """What stands in a composer, beside a message."""

    HIDDEN = auto()
    """No composer is to be seen."""
    EMPTY = auto()
    OURS = auto()
    """The message alone."""
    BEGUN = auto()
    """The beginning of the message alone."""
    OTHER = auto()
    """Something else, perhaps with the message in it."""


def visible(text: str) -> str:
    """Return the characters of a text that a screen is sure to show, without blanks."""
    if text.isascii():
        return "".join(text.split())
    apart = unicodedata.normalize("NFD", text)
    return "".join(
        one for one in apart if not one.isspace() and unicodedata.category(one)[0] not in {"C", "M"}
    )


def compare(seen: Seen, text: str) -> Shown:
    """Say what stands in a composer, beside a message."""
    if seen.composer is None:
        ends = _is_part(seen.overflow) and visible(text).endswith(visible(seen.overflow))
        return Shown.OURS if ends else Shown.HIDDEN
    if seen.holds in {"nothing", "ghost"} or not seen.text.strip():
        return Shown.EMPTY
    shown, wanted = visible(seen.text), visible(text)
    part = _is_part(seen.text)
    if shown == wanted or (part and wanted.endswith(shown)):
        return Shown.OURS
    counted = COUNTED.fullmatch(shown)
    if counted is not None and not len(text.strip()) <= int(counted[1]) <= len(text):
        return Shown.OTHER
    parts = STAND_IN.split(shown)
    if len(parts) > 1:
        return Shown.OURS if _stands_for(parts, wanted, whole=not part) else Shown.OTHER
    return Shown.BEGUN if wanted.startswith(shown) else Shown.OTHER


def _is_part(shown: str) -> bool:
    """Tell whether so much is shown that it may be the end of more."""
    return len(visible(shown)) >= LONG_TEXT or shown.count("\n") >= MANY_ROWS - 1


def ends_with(seen: Seen, text: str) -> bool:
    """Tell whether a composer holds a whole message behind something else."""
    return visible(seen.text).endswith(visible(text))


def holds(seen: Seen, text: str) -> bool:
    """Tell whether a composer holds a whole message amid something else."""
    return visible(text) in visible(seen.text)


def _stands_for(parts: Sequence[str], wanted: str, *, whole: bool) -> bool:
    """Tell whether a text is these parts, with anything in the gaps between them.

    Args:
        whole: The first part is its beginning; else that may have scrolled away.
    """
    first, *middle, last = parts
    at = wanted.find(first)
    if at < 0 or (whole and at > 0):
        return False
    at += len(first)
    for part in middle:
        found = wanted.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return wanted.endswith(last) and len(wanted) - len(last) >= at


def has_stand_in(text: str) -> bool:
    """Tell whether a text that is shown stands in part for a paste, which nobody can give back."""
    return STAND_IN.search(visible(text)) is not None
