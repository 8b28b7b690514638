"""Which colour is shown for the one that a program chose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host.lines import Color, Style

_ANSI = (
    0x1D1F21, 0xCC6666, 0xB5BD68, 0xF0C674, 0x81A2BE, 0xB294BB, 0x8ABEB7, 0xC5C8C6,
    0x666666, 0xD54E53, 0xB9CA4A, 0xE7C547, 0x7AA6DA, 0xC397D8, 0x70C0B1, 0xEAEAEA,
)  # fmt: skip
_LEVELS = (0, 95, 135, 175, 215, 255)
_CUBE = tuple(
    red << 16 | green << 8 | blue for red in _LEVELS for green in _LEVELS for blue in _LEVELS
)
_GREYS = tuple(level << 16 | level << 8 | level for level in range(8, 248, 10))


@dataclass(frozen=True, slots=True)
class Colors:
    """The colours of one session, each 0xRRGGBB.

    Attributes:
        cursor: The block behind the character at the cursor; `cursor_text` is that character.
        selection: The background of what is selected; `selected_text` is that text.
        palette: 256 of them.
    """

    foreground: int
    background: int
    cursor: int
    cursor_text: int
    selection: int
    selected_text: int
    palette: tuple[int, ...]


DARK = Colors(0xC7C7C7, 0x000000, 0xC7C7C7, 0x000000, 0x3A4A5F, 0xFFFFFF, _ANSI + _CUBE + _GREYS)
"""What is shown, and told to programs that ask, when nobody has chosen other colours."""

OWN = 16
"""So many colours of the palette stand in profiles."""


class Shown(NamedTuple):
    """A style's colours as they are shown."""

    foreground: int
    background: int
    underline: int


def shown(style: Style, colors: Colors) -> Shown:
    """Return the colours of a cell, with inverse and faint worked in."""
    foreground = _pick(style.foreground, colors, colors.foreground)
    background = _pick(style.background, colors, colors.background)
    if style.inverse:
        foreground, background = background, foreground
    if style.faint:
        foreground = _between(foreground, background)
    line = style.underline_color
    return Shown(
        foreground, background, foreground if line is None else _pick(line, colors, foreground)
    )


def with_profile(colors: Colors, profile: Mapping[str, Any]) -> Colors:
    """Lay the colours of a profile over others; what it does not say, or not well, stays."""

    def read(name: str, otherwise: int) -> int:
        found = _component_color(profile.get(key_in_use(profile, f"{name} Color")))
        return otherwise if found is None else found

    return Colors(
        foreground=read("Foreground", colors.foreground),
        background=read("Background", colors.background),
        cursor=read("Cursor", colors.cursor),
        cursor_text=read("Cursor Text", colors.cursor_text),
        selection=read("Selection", colors.selection),
        selected_text=read("Selected Text", colors.selected_text),
        palette=tuple(
            read(f"Ansi {number}", color) for number, color in enumerate(colors.palette[:OWN])
        )
        + colors.palette[OWN:],
    )


def with_palette(colors: Colors, used: Mapping[str | int, int]) -> Colors:
    """Lay over the colours of the palette that no profile has, by number."""
    return replace(
        colors, palette=colors.palette[:OWN] + tuple(used[n] for n in range(OWN, len(DARK.palette)))
    )


def key_in_use(profile: Mapping[str, Any], key: str) -> str:
    """Return the key that counts for a colour: with colours for two modes, the dark one's."""
    two = profile.get("Use Separate Colors for Light and Dark Mode") is True
    return f"{key} (Dark)" if two and not key.endswith(")") else key


def _component_color(value: object) -> int | None:
    """Read a colour as profiles hold it: components from 0 to 1."""
    if not isinstance(value, dict):
        return None
    color = 0
    for name in ("Red", "Green", "Blue"):
        part = value.get(f"{name} Component")
        if not isinstance(part, int | float) or part != part:  # noqa: PLR0124 - not a number
            return None
        color = color << 8 | round(min(max(part, 0.0), 1.0) * 255)
    return color


def _pick(color: Color, colors: Colors, default: int) -> int:
    if color.kind == "palette":
        return colors.palette[color.value]
    return color.value if color.kind == "rgb" else default


def _between(one: int, other: int) -> int:
    """Return the colour in the middle of two, channel by channel."""
    return ((one & 0xFEFEFE) >> 1) + ((other & 0xFEFEFE) >> 1)
