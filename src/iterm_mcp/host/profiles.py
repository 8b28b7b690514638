"""Profiles as values: the built-in one, and one laid over another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from iterm_mcp.host import colors, tree
from iterm_mcp.host.json_values import read_json
from iterm_mcp.host.looks import LOOKS

if TYPE_CHECKING:
    from collections.abc import Mapping

ORIGINAL_GUID = "Original Guid"
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
    "Allow Title Reporting": False,
    "Disable Window Resizing": True,
    "Load Shell Integration Automatically": True,
    "Automatically Log": False,
    **LOOKS,
}
"""The keys of iTerm2's profiles that mean something here or to scripts, with our defaults."""

NEEDED = {"Guid", "Name"}
"""Without these no client can do anything with a profile."""

CLOSE_AT_END = {True}
RESTART_AT_END = 2
"""Of ``Close Sessions On End``; 0 keeps what has ended."""

_TAB_COLOR = ("Use Tab Color", *(f"Tab Color{mode}" for mode in ("", " (Light)", " (Dark)")))


class MalformedPropertyError(Exception):
    """A property's value is not JSON, or of another type than the key has."""


def overlay(profile: Mapping[str, Any], properties: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a copy of a profile with JSON values laid over it; null removes a key.

    Raises:
        MalformedPropertyError: A value is not JSON, or of the wrong type.
    """
    return lay_over(profile, read(properties))


def read(properties: list[tuple[str, str]]) -> dict[str, Any]:
    """Return properties that came as JSON; the last of the same key counts.

    Raises:
        MalformedPropertyError: A value is not JSON, or of the wrong type.
    """
    values = {}
    for key, text in properties:
        try:
            values[key] = read_json(text)
        except ValueError:
            raise MalformedPropertyError(f"{key} is not JSON") from None
        if key in colors.KEYS and values[key] == "null":
            values[key] = None  # the library takes a colour away so
        check(key, values[key])
    return values


def check(key: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    """See that a key may have this value; None takes the key away.

    Keys that mean nothing to us may have any value.

    Raises:
        MalformedPropertyError: It may not.
    """
    if value is None:
        if key in NEEDED:
            raise MalformedPropertyError(f"{key} cannot be taken away")
        return
    if key in colors.KEYS:
        try:
            colors.read_color(value)
        except ValueError as error:
            raise MalformedPropertyError(f"{key}: {error}") from None
    expected = DEFAULT.get(key)
    numeric = isinstance(expected, int | float)
    if expected is not None and not (
        isinstance(value, int | float | bool) if numeric else isinstance(value, type(expected))
    ):
        raise MalformedPropertyError(f"{key} has another type")


def lay_over(profile: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a profile with values laid over it; None removes a key."""
    return {key: value for key, value in {**profile, **values}.items() if value is not None}


def own_copy(profile: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a session's own profile: another one, changed. It has a GUID of its own.

    ``Original Guid`` names the shared profile that it comes from. Without a change that profile
    stays shared.
    """
    values = {key: value for key, value in values.items() if key not in {"Guid", ORIGINAL_GUID}}
    changed = lay_over(profile, values)
    if changed != profile and ORIGINAL_GUID not in profile:
        changed[ORIGINAL_GUID] = profile.get("Guid")
        changed["Guid"] = str(uuid4()).upper()
    return changed


def beside(profile: Mapping[str, Any], neighbour: Mapping[str, Any]) -> dict[str, Any]:
    """Return the profile of a new pane: without a tab colour of its own it has its neighbour's."""
    if profile.get("Use Tab Color") or not neighbour.get("Use Tab Color"):
        return dict(profile)
    return own_copy(profile, {key: neighbour[key] for key in _TAB_COLOR if key in neighbour})


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
