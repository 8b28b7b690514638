"""On which line of a TOML text a key stands, so that an error can say so. Pure."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY = re.compile(r"""\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_.\- ])+?)\s*=""")

Path = tuple[str, ...]


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """Return the line, from 1, of a key, or of the nearest one above it; None for none of them.

    Args:
        text: Sound TOML. Of keys within a value of several lines the value's own line is known.
    """
    wanted = tuple(str(one) for one in path if not isinstance(one, int))
    lines = _lines(text)
    while wanted:
        if wanted in lines:
            return lines[wanted]
        wanted = wanted[:-1]
    return None


def _lines(text: str) -> dict[Path, int]:
    found: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("["):
            header = _only_path(line)
            if header:
                table = header
                found.setdefault(table, number)
        elif (key := _KEY.match(line)) is not None:
            below = _only_path(f"{key[1]} = 0")
            for end in range(1, len(below) + 1):
                found.setdefault(table + below[:end], number)
    return found


def _only_path(line: str) -> Path:
    """Return the one path of keys that a line of TOML has; nothing for what is no such line."""
    try:
        value: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(value, (dict, list)) and value:
        if isinstance(value, list):
            value = value[0]
            continue
        key = next(iter(value))
        path.append(key)
        value = value[key]
    return tuple(path)
