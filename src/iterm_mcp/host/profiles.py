"""Profiles: the defaults that sessions start from."""

from __future__ import annotations

from typing import Any

from iterm_mcp.host import tree
from iterm_mcp.host.json_values import read_json

DEFAULT_GUID = "4D1D1C7A-0B5B-4F0B-9B1C-5A3C1E1F7D10"

DEFAULT: dict[str, Any] = {
    "Guid": DEFAULT_GUID,
    "Name": "Default",
    "Custom Command": "No",
    "Command": "",
    "Initial Text": "",
    "Custom Directory": "No",
    "Working Directory": "",
    "Columns": 80,
    "Rows": 25,
    "Scrollback Lines": 10_000,
    "Unlimited Scrollback": False,
    "Terminal Type": "xterm-256color",
    "Close Sessions On End": 1,
    "Badge Text": "",
    "Character Encoding": 4,
    "Allow Title Setting": True,
    "Load Shell Integration Automatically": True,
}
"""The keys of iTerm2's profiles that mean something without a screen, with our defaults."""

CLOSE_AT_END = {True}


class MalformedPropertyError(Exception):
    """A property's value is not JSON, or of another type than the key has."""


def find(name: str) -> dict[str, Any] | None:
    """Return the profile of that name; empty means the default one."""
    return DEFAULT if name in {"", DEFAULT["Name"]} else None


def overlay(profile: dict[str, Any], properties: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a copy of a profile with JSON values laid over it; null removes a key.

    Raises:
        MalformedPropertyError: A value is not JSON, or of the wrong type.
    """
    result = dict(profile)
    for key, text in properties:
        try:
            value = read_json(text)
        except ValueError:
            raise MalformedPropertyError(f"{key} is not JSON") from None
        if value is None:
            result.pop(key, None)
            continue
        expected = DEFAULT.get(key)
        numeric = isinstance(expected, int)
        if expected is not None and not (
            isinstance(value, int | float | bool) if numeric else isinstance(value, type(expected))
        ):
            raise MalformedPropertyError(f"{key} has another type")
        result[key] = value
    return result


def change(profile: dict[str, Any], properties: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a session's profile, changed; a ``Guid`` among the changes starts from its profile.

    Raises:
        MalformedPropertyError: As `overlay`, or there is no profile of that ``Guid``.
    """
    if all(key != "Guid" for key, _ in properties):
        return overlay(profile, properties)
    if overlay({}, properties).get("Guid") != DEFAULT_GUID:
        raise MalformedPropertyError("there is no profile of that Guid")
    return overlay(DEFAULT, properties)


def grid(profile: dict[str, Any]) -> tuple[int, int]:
    """Return the columns and rows that a new window gets, within reason."""
    columns = int(profile.get("Columns", 80))
    rows = int(profile.get("Rows", 25))
    return tree.within_bounds(columns), tree.within_bounds(rows)


def scrollback(profile: dict[str, Any]) -> int:
    """Return how many lines above the screen are kept."""
    if profile.get("Unlimited Scrollback"):
        return 1_000_000
    return min(max(int(profile.get("Scrollback Lines", 10_000)), 0), 1_000_000)
