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

LINES = re.compile(r"\[Pasted(?:Text:(?P<lines>\d{1,9})lines|text#\d+\+(?P<breaks>\d{1,9})lines)\]")
"""Such a one that says how many lines were pasted, or how many line breaks."""

COUNTED = re.compile(r"\[PastedContent(\d{1,9})chars\]")
"""Such a one that says how much was pasted: more is there where a paste before it was cut off by a
crash, so that it never ended."""


OWN_BEGINNING = 20
"""So many visible characters that a text begins with are nobody else's by chance."""


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
    stands = len(parts) > 1 and _stands_for(parts, wanted, whole=not part)
    if stands and _counts(shown, parts, text):
        return Shown.OURS
    return Shown.BEGUN if wanted.startswith(shown) else Shown.OTHER


def is_begun(seen: Seen, text: str) -> bool:
    """Tell whether what stands in a composer may be no more than the beginning of a message.

    Unlike `compare` it takes what looks like a stand-in for the message's own words, where such
    words are there.
    """
    shown, wanted = visible(seen.text), visible(text)
    return bool(shown) and shown != wanted and wanted.startswith(shown)


def is_left_over(seen: Seen, text: str) -> bool:
    """Tell whether what stands in a composer is a message of ours, or begun as one.

    So much of its beginning is to be seen that nobody else would have typed it, and nothing that
    is not of it; what a stand-in stands for may be more.
    """
    shown, wanted = visible(seen.text), visible(text)
    if compare(seen, text) is Shown.OURS:
        return True
    first, *others = STAND_IN.split(shown)
    if len(first) < OWN_BEGINNING or not wanted.startswith(first):
        return False
    at = len(first)
    for part in others:
        found = wanted.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


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


def _counts(shown: str, parts: Sequence[str], text: str) -> bool:
    """Tell whether a stand-in stands for as many lines as are missing, where it says so.

    Else more was pasted than the message: the paste before it was cut off by a crash, and never
    ended. Breaks around what was pasted may be left out.
    """
    found = LINES.search(shown)
    before, *middle, after = parts
    if found is None or middle:
        return True
    at = [place for place, one in enumerate(text) for _ in visible(one)]
    first, last = visible(text).find(before) + len(before), len(at) - len(after)
    most = text[at[first - 1] if first else 0 : at[last] if after else len(text)].count("\n")
    least = text[at[first] : at[last - 1]].count("\n") if first < last else 0
    breaks = int(found["breaks"]) if found["breaks"] else int(found["lines"]) - 1
    return least - 1 <= breaks <= most
