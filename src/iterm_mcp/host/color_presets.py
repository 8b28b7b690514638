"""Colour presets: a few of our own, and the user's."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from iterm_mcp.host import colors
from iterm_mcp.host.json_file import read_bounded, read_object
from iterm_mcp.host.watched_folder import WatchedFolder

Preset = dict[str, dict[str, Any]]
"""Colours by the key of the profile's property."""

_OTHERS = (
    "Foreground Color", "Background Color", "Bold Color", "Cursor Color", "Cursor Text Color",
    "Selection Color", "Selected Text Color", "Link Color", "Cursor Guide Color", "Badge Color",
)  # fmt: skip

_BUILT_IN = {
    "Dark Background": (
        (
            "#1c1c1c #d75f5f #87af5f #d7af5f #5f87d7 #af87d7 #5fafaf #c6c6c6 "
            "#6c6c6c #ff8787 #afd787 #ffd787 #87afff #d7afff #87d7d7 #f4f4f4"
        ),
        "#d0d0d0 #121212 #ffffff #d0d0d0 #121212 #3a4a5f #ffffff #87afff #262f3a #d75f5f",
    ),
    "Light Background": (
        (
            "#262626 #af1f1f #3f7a1f #8a6100 #1f4faf #7a2f9a #1f7a7a #9e9e9e "
            "#5f5f5f #d73a3a #56a02e #b07d00 #3a6fd7 #9a4fbf #2e9a9a #e4e4e4"
        ),
        "#262626 #fafafa #000000 #262626 #fafafa #c6dcf4 #000000 #1f4faf #eef3f8 #af1f1f",
    ),
    "High Contrast": (
        (
            "#000000 #ff5555 #55ff55 #ffff55 #6f8fff #ff55ff #55ffff #e0e0e0 "
            "#808080 #ff9090 #90ff90 #ffffa0 #a0b4ff #ff90ff #a0ffff #ffffff"
        ),
        "#ffffff #000000 #ffffff #ffff55 #000000 #ffffff #000000 #55ffff #202020 #ff5555",
    ),
}
"""By name: the sixteen ANSI colours, then the others in their order."""


def built_in() -> dict[str, Preset]:
    """Return our own presets by name."""
    return {
        name: {
            **{f"Ansi {n} Color": colors.from_hex(text) for n, text in enumerate(ansi.split())},
            **{
                key: colors.from_hex(text)
                for key, text in zip(_OTHERS, others.split(), strict=True)
            },
        }
        for name, (ansi, others) in _BUILT_IN.items()
    }


def read_preset(value: Any) -> Preset:  # noqa: ANN401 - any JSON or property list
    """Return a preset: an object with a colour a key, also written as ``#rrggbb``.

    Raises:
        ValueError: It is no preset.
    """
    if not isinstance(value, dict) or not value:
        raise ValueError("not a preset")
    preset = {}
    for key, color in value.items():
        if key not in colors.KEYS:
            raise ValueError(f"{key!r} is no colour of a profile")
        try:
            is_text = isinstance(color, str)
            preset[key] = colors.from_hex(color) if is_text else colors.read_color(color)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    return preset


def _read_json(path: Path) -> Preset:
    return read_preset(read_object(path))


def _read_property_list(path: Path) -> Preset:
    """Read what the app exports.

    Raises:
        OSError, ValueError: As `read_preset`.
    """
    data = read_bounded(path)
    try:
        return read_preset(plistlib.loads(data))
    except (plistlib.InvalidFileException, ExpatError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a property list: {error}") from None
    except (AttributeError, IndexError, KeyError, TypeError) as error:  # on broken ones
        raise ValueError(f"a broken property list: {error!r}") from None


class ColorPresets:
    """Our own presets, and those in the user's folder by their files' names, which win."""

    def __init__(self, folder: str) -> None:
        self._built_in = self._known = built_in()
        self._folder = WatchedFolder(
            folder, {".json": _read_json, ".itermcolors": _read_property_list}
        )

    async def all(self) -> dict[str, Preset]:
        """Return every preset by name; the caller changes none."""
        own = await self._folder.read()
        self._known = {
            **self._built_in,
            **{Path(name).stem: preset for name, preset in own.items()},
        }
        return self._known

    def recall(self, name: str) -> Preset | None:
        """Return a preset of those that `all` has last found."""
        return self._known.get(name)
