"""The little language of InvokeFunction: one call with literal arguments. Pure.

``name(argument: value, …)``; a value is a JSON literal, a list of them, or a variable's path.
Strings take backslash escapes. The library writes booleans as ``true`` or, in old versions, as
``True``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from iterm_mcp.host.json_values import read_json

_NAME = re.compile(r"\s*([A-Za-z_][\w.]*)\s*\(")
_KEY = re.compile(r"\s*([A-Za-z_]\w*)\s*:\s*")
_WORD = re.compile(r"[A-Za-z_][\w.]*\??")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_CONSTANTS: dict[str, Any] = {
    "true": True, "True": True, "false": False, "False": False, "null": None, "None": None
}  # fmt: skip


class InvocationError(Exception):
    """The invocation cannot be read."""


@dataclass(frozen=True, slots=True)
class Path:
    """A reference to a variable; `optional` gives null when it is undefined."""

    name: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call."""

    name: str
    arguments: dict[str, Any]

    @property
    def signature(self) -> str:
        """Return the name and the sorted names of the arguments."""
        return f"{self.name}({','.join(sorted(self.arguments))})"


def parse(text: str) -> Invocation:
    """Read an invocation.

    Raises:
        InvocationError: It is not one call of the form above.
    """
    match = _NAME.match(text)
    if match is None:
        raise InvocationError(f"“{text}” is not a function call")
    arguments: dict[str, Any] = {}
    at = _skip(text, match.end())
    while text[at : at + 1] != ")":
        key = _KEY.match(text, at)
        if key is None:
            raise InvocationError(f"expected an argument at {at} in “{text}”")
        try:
            arguments[key[1]], at = _value(text, key.end())
        except RecursionError:
            raise InvocationError("a list is nested too deeply") from None
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != ")":
            raise InvocationError(f"expected “,” or “)” at {at} in “{text}”")
    if text[at + 1 :].strip():
        raise InvocationError(f"more than one call in “{text}”")
    return Invocation(match[1], arguments)


def _value(text: str, at: int) -> tuple[Any, int]:
    first = text[at : at + 1]
    if first == '"':
        return _string(text, at)
    if first == "[":
        return _list(text, at)
    number = _NUMBER.match(text, at)
    if number is not None:
        try:
            return read_json(number[0]), number.end()
        except ValueError:  # 007, a number of thousands of digits, one beyond all bounds
            raise InvocationError(f"expected a number at {at} in “{text}”") from None
    word = _WORD.match(text, at)
    if word is None:
        raise InvocationError(f"expected a value at {at} in “{text}”")
    name = word[0]
    if name in _CONSTANTS:
        return _CONSTANTS[name], word.end()
    return Path(name.rstrip("?"), optional=name.endswith("?")), word.end()


def _string(text: str, at: int) -> tuple[str, int]:
    """Read a string; an escape that JSON does not know stands for its character."""
    out: list[str] = []
    at += 1
    escapes = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "e": "\x1b"}
    while at < len(text):
        char = text[at]
        if char == '"':
            return "".join(out), at + 1
        if char == "\\":
            at += 1
            char = escapes.get(text[at : at + 1], text[at : at + 1])
        out.append(char)
        at += 1
    raise InvocationError(f"a string does not end in “{text}”")


def _list(text: str, at: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        item, at = _value(text, at)
        items.append(item)
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "]":
            raise InvocationError(f"expected “,” or “]” at {at} in “{text}”")
    return items, at + 1


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
