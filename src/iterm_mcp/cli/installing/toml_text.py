"""One table of a TOML text put in, replaced, taken out; every other character stays. Pure.

The standard library reads TOML and does not write it. A table is a few lines, and what an edit
has made is read again before it counts: it must hold what it held, and the table.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterm_mcp.cli.installing.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str, ...]

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class _Statement:
    """A line of the text, or several where a value spans them.

    Attributes:
        path: Of the table that it opens, or of the value that it sets; empty for neither.
    """

    start: int
    end: int
    path: Path


def read(text: str) -> dict[str, Any]:
    """Return what a text holds.

    Raises:
        ConfigError: It is not valid; the text names the line.
    """
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(
            f"it is not valid TOML: {error}",
            hint="Mend that line, or move the file aside, and try again.",
        ) from None


def with_table(text: str, section: str, name: str, value: Mapping[str, Any]) -> str:
    """Return the text with the table ``[section.name]``: in its old place, or else at the end.

    Raises:
        ConfigError: The text is not valid, or written so that no table can be added.
    """
    before = read(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    block = _table((section, name), value).replace("\n", newline)
    rest, place = _without(text, (section, name))
    if place is None:
        gap = "" if not rest.strip() else newline if rest.endswith("\n") else newline * 2
        after = rest + gap + block
    else:
        after = rest[:place] + block + rest[place:]
    inner = _section(before, section)
    return _sure(after, {**before, section: {**inner, name: dict(value)}}, section)


def without_table(text: str, section: str, name: str) -> str:
    """Return the text without the table ``[section.name]`` and those below it.

    Raises:
        ConfigError: The text is not valid, or the table is written so that it cannot be told
            from others.
    """
    before = read(text)
    inner = _section(before, section)
    if name not in inner:
        return text
    after, place = _without(text, (section, name))
    if place is not None:  # with the empty line before it
        head = after[:place]
        shorter = head.removesuffix("\n").removesuffix("\r")
        if shorter.endswith("\n"):
            after = shorter + after[place:]
    rest = {key: value for key, value in inner.items() if key != name}
    return _sure(after, {**before, section: rest}, section)


def _without(text: str, path: Path) -> tuple[str, int | None]:
    """Return the text without what belongs to a path, and where its table stood."""
    found = [one for one in _statements(text) if one.path[: len(path)] == path]
    place = next((one.start for one in found if text[one.start :].lstrip().startswith("[")), None)
    spans = [(one.start, one.end) for one in found]
    # What stands between two lines of one table is about them, and goes with them.
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        between = _paths_between(text, joined[-1][1], start) if joined else [()]
        if joined and not any(between):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    for start, end in reversed(joined):
        text = text[:start] + text[end:]
        if place is not None and end <= place:
            place -= end - start
    return text, place


def _paths_between(text: str, start: int, end: int) -> list[Path]:
    return [one.path for one in _statements(text) if start <= one.start < end]


def _statements(text: str) -> list[_Statement]:
    """Cut a valid text into its statements, empty lines and comments; each ends with its line."""
    found = []
    table: Path = ()
    start = depth = 0
    for token in _TOKEN.finditer(text + "\n"):
        word = token[0]
        if word in "[{":
            depth += 1
        elif word in "]}":
            depth -= 1
        elif word == "\n" and depth == 0:
            end = min(token.end(), len(text))
            statement = text[start:end]
            path = _path(tomllib.loads(statement.replace("\r\n", "\n")))
            if statement.lstrip().startswith("["):
                table = path
            elif path:
                path = table + path
            found.append(_Statement(start, end, path))
            start = end
    return found


def _path(value: object) -> Path:
    """Return the keys that lead to what one statement opens or sets; values may go deeper."""
    path: list[str] = []
    while isinstance(value, (dict, list)) and len(value) == 1:
        if isinstance(value, list):
            value = value[0]
        else:
            ((key, value),) = value.items()
            path.append(key)
    return tuple(path)


def _table(path: Path, value: Mapping[str, Any]) -> str:
    """Write a table; tables within it follow with headers of their own."""
    lines = [f"[{'.'.join(map(_key, path))}]"]
    inner = {key: one for key, one in value.items() if isinstance(one, dict) and one}
    lines += [f"{_key(key)} = {_value(one)}" for key, one in value.items() if key not in inner]
    tables = [_table((*path, key), one) for key, one in inner.items()]
    return "\n".join(["\n".join(lines) + "\n", *tables])


def _value(value: object) -> str:
    """Write a value in one line."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            pairs = ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case _:
            return str(value)  # numbers, dates and times are written as Python writes them


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _value(key)


def _section(value: dict[str, Any], section: str) -> dict[str, Any]:
    inner = value.get(section, {})
    if not isinstance(inner, dict):
        raise ConfigError(
            f"{section} is no table in it", hint="Mend it, or move it aside, and try again."
        )
    return inner


def _sure(after: str, wanted: dict[str, Any], section: str) -> str:
    """Return the edited text when it holds what it should: a user's file is no place for a bug."""
    try:
        found = read(after)
    except ConfigError:
        found = {}
    # A table that holds nothing and one that is not there are the same to every reader of it.
    if {**found, section: found.get(section) or {}} != {**wanted, section: wanted[section] or {}}:
        raise ConfigError(
            f"{section} is written in a way that is not changed safely", hint="Change it by hand."
        )
    return after
