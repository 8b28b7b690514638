"""Words that must stand in whatever a regular expression finds. No I/O.

Only what is certain is taken: where the pattern is not understood, there are none, and all texts
are looked at. So nothing is missed, whatever the pattern.
"""

from __future__ import annotations

import re

_GIVE_UP = re.compile(r"\(\?[a-zA-Z^-]*[imsUx]|\\[QEC]|\[\[|\|")
"""Flags, quoting, classes of names and alternatives: they change what the rest means."""

_WORD = re.compile(r"[A-Za-z0-9]+")
_SPECIAL = set("\\.^$*+?{}[]()|")
_REPEATS = {"*", "+", "?", "{"}
_LEAST = 3
"""Shorter words stand nearly everywhere."""


def required_words(pattern: str) -> list[str]:
    """Return words of the full-text index's language that every match must have beside it.

    A word counts when the pattern itself says where it begins; it ends with ``*`` where it does not
    say where it ends.
    """
    if _GIVE_UP.search(pattern):
        return []
    found = []
    for run in _runs(pattern):
        for word in _WORD.finditer(run):
            if word.start() == 0 or len(word[0]) < _LEAST:  # it may be the end of a longer one
                continue
            found.append(word[0] if word.end() < len(run) else f"{word[0]}*")
    return found


def _runs(pattern: str) -> list[str]:
    """Return the literal runs outside of groups and sets; `^` counts as a space before one."""
    runs = [""]
    depth = place = 0
    while place < len(pattern):
        width, literal = _part(pattern, place)
        first = pattern[place]
        depth += (first == "(") - (first == ")")
        repeated = pattern[place + width : place + width + 1] in _REPEATS
        place += width
        if depth == 0 and literal and not repeated:
            runs[-1] += literal
        else:
            runs.append(" " if first == "^" and not repeated else "")
    return runs


def _part(pattern: str, place: int) -> tuple[int, str]:
    """Return how long the next part of a pattern is, and the character that it stands for."""
    first = pattern[place]
    if first == "\\":
        # Not even \b says where a word begins: to it, é is no letter.
        escaped = pattern[place + 1 : place + 2]
        return 2, "" if escaped.isalnum() else escaped
    if first == "[":
        return _set_width(pattern, place), ""
    if first == "{":
        end = pattern.find("}", place)
        return (end if end > 0 else len(pattern)) - place + 1, ""
    return 1, first if " " <= first <= "~" and first not in _SPECIAL else ""


def _set_width(pattern: str, start: int) -> int:
    place = start + 1
    if pattern[place : place + 1] == "^":
        place += 1
    if pattern[place : place + 1] == "]":
        place += 1
    while place < len(pattern) and pattern[place] != "]":
        place += 2 if pattern[place] == "\\" else 1
    return place + 1 - start
