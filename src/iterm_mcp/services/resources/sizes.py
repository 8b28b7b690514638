"""Bytes as people write them. Pure."""

from __future__ import annotations

import re

from iterm_mcp.errors import InvalidRequestError, shown

UNITS = {
    "": 1, "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
MOST_BYTES = 2**60

_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]{0,3})\s*")


def parse_size(text: str) -> int:
    """Return the bytes of a text such as ``2GB``, ``512 MiB`` or ``1.5g``.

    Raises:
        InvalidRequestError: It is none.
    """
    found = _SIZE.fullmatch(text)
    unit = None if found is None else UNITS.get(found[2].lower())
    if found is None or unit is None:
        raise InvalidRequestError(
            f"{shown(text)!r} is no size", hint="Write it as 512MB, 2GB or 1.5GiB.", code="bad_size"
        )
    size = round(float(found[1]) * unit)
    if size > MOST_BYTES:
        raise InvalidRequestError(
            f"{shown(text)!r} is too large a size", hint="Leave it out for no limit.",
            code="bad_size",
        )  # fmt: skip
    return size


def write_size(size: float) -> str:
    """Return bytes for people, with two figures at least: ``1.1 GB``."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if abs(size) >= unit * 0.9995:
            value = size / unit
            return f"{value:.1f} {name}" if value < 100 else f"{value:.0f} {name}"  # noqa: PLR2004
    return f"{size:.0f} B"
