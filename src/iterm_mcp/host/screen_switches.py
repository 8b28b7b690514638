"""Where output enters or leaves the alternate screen: lines are counted just before it. Pure."""

from __future__ import annotations

import re

_SWITCH = re.compile(rb"\x1b\[\?(?:[0-9]+;)*(?:47|1047|1049)(?:;[0-9]+)*[hl]")
_PRIVATE = b"\x1b[?"
_QUESTION_MARK = 0x3F  # one byte is found many times sooner than two
_SWITCH_BYTES = 8  # of a usual one, without its last
_BEGUN = re.compile(rb"\x1b(?:\[(?:\?[0-9;]*)?)?")


def may_switch(data: bytes) -> bool:
    """Tell cheaply whether `data` may enter or leave the alternate screen."""
    return _QUESTION_MARK in data and _PRIVATE in data and (b"47" in data or b"1049" in data)


def switches(data: bytes) -> list[int]:
    """Return where each sequence begins that enters or leaves the alternate screen."""
    return [found.start() for found in _SWITCH.finditer(data)]


def begins_switch(data: bytes) -> bool:
    """Tell whether `data` ends in what may be the beginning of such a sequence."""
    escape = data.rfind(b"\x1b", -_SWITCH_BYTES)
    return escape >= 0 and _BEGUN.fullmatch(data, escape) is not None
