"""One member of a JSON text, or item of a list in it, put in, replaced, taken out. Pure.

Every other character stays. A new member comes first in its object, and a new item in its list: no
other line changes then, not even by a comma, and comments stay beside what they are about.
Comments (``//`` and ``/* */``) are read over where the client allows them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from iterm_mcp.cli.installing.errors import ConfigError

_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\r\n]*|/\*.*?\*/', re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]*")
_DEFAULT_INDENT = "  "


@dataclass(frozen=True, slots=True)
class _Member:
    """Where a member stands: its name from `start`, its value from `value` to `end`."""

    name: str
    start: int
    value: int
    end: int


def read(text: str, *, comments: bool = False) -> dict[str, Any]:
    """Return the object that a text holds; nothing but space counts as an empty one.

    Raises:
        ConfigError: It is not valid, or no object; the text names the line.
    """
    return _read(_without_comments(text) if comments else text)


def with_member(
    text: str, section: str, name: str, value: object, *, comments: bool = False
) -> str:
    """Return the text with ``section: {name: value}`` in it, the section made where it is missing.

    Raises:
        ConfigError: The text is not valid, or the section is no object.
    """
    before = read(text, comments=comments)
    inner = _section(before, section)
    if not text.strip("\ufeff \t\r\n"):
        text = "{}\n"
    editor = _Editor(text, comments=comments)
    root = editor.members(editor.root)
    if section not in before:
        after = editor.put(editor.root, section, {name: value})
    else:
        place = _last(root, section)
        members = editor.members(place.value)
        if name in inner:
            after = editor.replace(place.value, _last(members, name), value)
        else:
            after = editor.put(place.value, name, value)
    return _sure(after, {**before, section: {**inner, name: value}}, comments=comments)


def without_member(
    text: str, section: str, name: str, *, prune: bool = False, comments: bool = False
) -> str:
    """Return the text without ``name`` in the section.

    Args:
        prune: Take the section away too when nothing is left in it.

    Raises:
        ConfigError: The text is not valid, or the section is no object.
    """
    before = read(text, comments=comments)
    inner = _section(before, section)
    if name not in inner:
        return text
    rest = {key: value for key, value in inner.items() if key != name}
    if prune and not rest:
        editor = _Editor(text, comments=comments)
        after = editor.remove(editor.root, section)
        wanted = {key: value for key, value in before.items() if key != section}
        return _sure(after, wanted, comments=comments)
    after = text
    while name in _section(read(after, comments=comments), section):  # it may stand there twice
        editor = _Editor(after, comments=comments)
        place = _last(editor.members(editor.root), section)
        after = editor.remove(place.value, name)
    return _sure(after, {**before, section: rest}, comments=comments)


def with_item(text: str, section: str, name: str, item: object) -> str:
    """Return the text with an item in the list ``section: {name: […]}``, made where it is missing.

    Raises:
        ConfigError: The text is not valid, or what should be a list is none.
    """
    before = read(text)
    inner = _section(before, section)
    old = _items(inner, section, name)
    if item in old:
        return text
    if not old:
        return with_member(text, section, name, [item])
    editor = _Editor(text, comments=False)
    start, _ = editor.items(section, name)[0]
    lead = text[text.rindex("[", 0, start) + 1 : start] or " "
    after = f"{text[:start]}{json.dumps(item, ensure_ascii=False)},{lead}{text[start:]}"
    return _sure(after, {**before, section: {**inner, name: [item, *old]}}, comments=False)


def without_item(text: str, section: str, name: str, item: object, *, prune: bool = False) -> str:
    """Return the text without an item of the list; without the list, if nothing is left in it.

    Args:
        prune: Take the section away too when nothing is left in it.

    Raises:
        ConfigError: The text is not valid, or what should be a list is none.
    """
    before = read(text)
    inner = _section(before, section)
    old = _items(inner, section, name)
    if item not in old:
        return text
    rest = [one for one in old if one != item]
    if not rest:
        return without_member(text, section, name, prune=prune)
    spans = _Editor(text, comments=False).items(section, name)
    after = text
    for place in reversed(range(len(old))):
        if old[place] != item:
            continue
        if place + 1 < len(old) and place + 1 < len(spans):
            after = after[: spans[place][0]] + after[spans[place + 1][0] :]
        else:
            after = after[: spans[place - 1][1]] + after[spans[place][1] :]
            spans = spans[:place]
    return _sure(after, {**before, section: {**inner, name: rest}}, comments=False)


class _Editor:
    """A valid text with the places in it. Places are found in a copy without comments."""

    def __init__(self, text: str, *, comments: bool) -> None:
        self._text = text
        self._plain = _without_comments(text) if comments else text
        self.root = self._plain.index("{")
        self._newline = "\r\n" if "\r\n" in text else "\n"
        root = self.members(self.root)
        self._compact = bool(root) and "\n" not in text.strip()
        first = self._indent_of(root[0].start) if root else None
        self._unit = first or _DEFAULT_INDENT

    def members(self, start: int) -> list[_Member]:
        """Return the members of the object that opens at `start`."""
        found = []
        at = self._skip(start + 1)
        while self._plain[at] != "}":
            name, end = json.JSONDecoder().raw_decode(self._plain, at)
            value = self._skip(self._skip(end) + 1)
            _, end = json.JSONDecoder().raw_decode(self._plain, value)
            found.append(_Member(name, at, value, end))
            at = self._skip(end)
            if self._plain[at] == ",":
                at = self._skip(at + 1)
        return found

    def items(self, section: str, name: str) -> list[tuple[int, int]]:
        """Return where the items of a list begin and end."""
        inner = self.members(_last(self.members(self.root), section).value)
        at = self._skip(_last(inner, name).value + 1)
        found = []
        while self._plain[at] != "]":
            _, end = json.JSONDecoder().raw_decode(self._plain, at)
            found.append((at, end))
            at = self._skip(end)
            if self._plain[at] == ",":
                at = self._skip(at + 1)
        return found

    def put(self, start: int, name: str, value: object) -> str:
        """Return the text with a new first member in the object that opens at `start`."""
        members = self.members(start)
        if not members:
            close = self._skip(start + 1)
            at = start + 1 + len(self._text[start + 1 : close].rstrip())
            member = self._member(start, name, value)
            tail = "" if self._compact else self._newline + self._outer(start)
            return f"{self._text[:at]}{self._lead(start)}{member}{tail}{self._text[close:]}"
        first = members[0].start
        line_end = self._plain.find("\n", start, first)
        if line_end < 0:
            member = f'"{name}": {json.dumps(value, ensure_ascii=False)}, '
            return self._text[:first] + member + self._text[first:]
        if self._text[line_end - 1] == "\r":
            line_end -= 1
        member = f"{self._lead(start)}{self._member(start, name, value)},"
        return self._text[:line_end] + member + self._text[line_end:]

    def replace(self, start: int, member: _Member, value: object) -> str:
        """Return the text with another value for a member of the object that opens at `start`."""
        shown = self._shown(value, self._indent_of(member.start) or self._inner(start))
        if "\n" not in self._text[member.value : member.end]:
            shown = json.dumps(value, ensure_ascii=False)
        return self._text[: member.value] + shown + self._text[member.end :]

    def remove(self, start: int, name: str) -> str:
        """Return the text without the last member of that name, and the space that goes with it."""
        text, members = self._text, self.members(start)
        member = _last(members, name)
        place = members.index(member)
        begin = len(text[: member.start].rstrip())
        if place + 1 < len(members):
            end = self._plain.index(",", member.end) + 1
            if "\n" not in text[begin : member.start]:
                begin, end = member.start, self._space(end)
            return text[:begin] + text[end:]
        if place:  # the last: the comma before it goes too
            comma = self._plain.rindex(",", 0, member.start)
            return text[:comma] + text[comma + 1 : max(begin, comma + 1)] + text[member.end :]
        close = self._skip(member.end)
        empty = begin == start + 1 and not text[member.end : close].strip()
        return text[:begin] + text[close if empty else member.end :]

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._plain, at)
        return found.end() if found else at

    def _space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _indent_of(self, at: int) -> str | None:
        """Return the space before a place, when nothing else stands before it in its line."""
        begin = self._text.rfind("\n", 0, at) + 1
        before = self._text[begin:at]
        return before if begin and not before.strip() else None

    def _outer(self, start: int) -> str:
        begin = self._text.rfind("\n", 0, start) + 1
        line = self._text[begin:start].lstrip("\ufeff")
        return line[: len(line) - len(line.lstrip())]

    def _inner(self, start: int) -> str:
        members = self.members(start)
        found = self._indent_of(members[0].start) if members else None
        return self._outer(start) + self._unit if found is None else found

    def _lead(self, start: int) -> str:
        return "" if self._compact else self._newline + self._inner(start)

    def _member(self, start: int, name: str, value: object) -> str:
        return f'"{name}": {self._shown(value, self._inner(start))}'

    def _shown(self, value: object, indent: str) -> str:
        if self._compact:
            return json.dumps(value, ensure_ascii=False)
        lines = json.dumps(value, ensure_ascii=False, indent=self._unit).split("\n")
        return f"{self._newline}{indent}".join(lines)


def _last(members: list[_Member], name: str) -> _Member:
    """Return the member that counts: of two with one name, readers take the last."""
    return [one for one in members if one.name == name][-1]


def _section(value: dict[str, Any], section: str) -> dict[str, Any]:
    inner = value.get(section, {})
    if not isinstance(inner, dict):
        raise ConfigError(
            f'"{section}" is no object in it', hint="Mend it, or move it aside, and try again."
        )
    return inner


def _items(inner: dict[str, Any], section: str, name: str) -> list[Any]:
    found = inner.get(name, [])
    if not isinstance(found, list):
        raise ConfigError(
            f'"{name}" in "{section}" is no list', hint="Mend it, or move it aside, and try again."
        )
    return found


def _sure(after: str, wanted: dict[str, Any], *, comments: bool) -> str:
    """Return the edited text when it holds what it should: a user's file is no place for a bug."""
    if read(after, comments=comments) != wanted:
        raise ConfigError("it cannot be changed safely", hint="Change it by hand.")
    return after


def _without_comments(text: str) -> str:
    """Return the text with spaces for comments: as long as it was, so that places stay."""
    return _STRING_OR_COMMENT.sub(
        lambda found: found[0] if found[0].startswith('"') else " " * len(found[0]), text
    )


def _read(text: str) -> dict[str, Any]:
    text = " " + text[1:] if text.startswith("\ufeff") else text
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"it is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            hint="Mend that line, or move the file aside, and try again.",
        ) from None
    except RecursionError:
        raise ConfigError("it is nested too deeply", hint="Change it by hand.") from None
    if not isinstance(value, dict):
        raise ConfigError("it holds no JSON object", hint="Move it aside, and try again.")
    return value


def _no_number(word: str) -> NoReturn:
    raise ConfigError(
        f"it is not valid JSON: {word} is no number", hint="Mend that, and try again."
    )
