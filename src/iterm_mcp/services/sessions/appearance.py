"""How a session is marked for a person: badge and colours, as keys of its profile. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.terminal.quoting import literal

if TYPE_CHECKING:
    from iterm_mcp.models.sessions import Appearance

NO_COLOR = "none"
BADGE_CHARACTERS = 200

_HEX = re.compile(r"#([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})")
_MODES = ("", " (Light)", " (Dark)")
"""A profile may have colours of its own for light and dark windows: all are set."""


def profile_values(look: Appearance) -> dict[str, object]:
    """Return the keys of a profile that make a session look so; nothing for what is None.

    Raises:
        InvalidRequestError: A colour is none, or the badge cannot be shown.
    """
    values: dict[str, object] = {}
    if look.badge is not None:
        values["Badge Text"] = literal(_badge(look.badge))
    if look.tab_color == NO_COLOR:
        values |= {f"Use Tab Color{mode}": False for mode in _MODES}
    elif look.tab_color is not None:
        values |= {f"Use Tab Color{mode}": True for mode in _MODES}
        values |= _color("Tab Color", look.tab_color)
    if look.foreground is not None:
        values |= _color("Foreground Color", look.foreground)
    if look.background is not None:
        values |= _color("Background Color", look.background)
    return values


def _badge(text: str) -> str:
    if len(text) > BADGE_CHARACTERS or not text.replace("\n", " ").isprintable():
        raise InvalidRequestError(
            f"a badge is printable text of at most {BADGE_CHARACTERS} characters",
            hint="Shorten it; an empty one takes the badge away.",
        )
    return text


def _color(key: str, text: str) -> dict[str, object]:
    parts = _HEX.fullmatch(text)
    if parts is None:
        raise InvalidRequestError(
            f"{shown(text)!r} is no colour", hint="Write it as #rrggbb, such as #ffcc00."
        )
    red, green, blue = (int(part, 16) / 255 for part in parts.groups())
    color = {
        "Red Component": red, "Green Component": green, "Blue Component": blue,
        "Alpha Component": 1, "Color Space": "sRGB",
    }  # fmt: skip
    return {f"{key}{mode}": color for mode in _MODES}
