"""The app's preferences, kept in a file: any key, any JSON; a few have a value from the start."""

from __future__ import annotations

from typing import Any

from iterm_mcp import __version__
from iterm_mcp.host.json_file import JsonFile
from iterm_mcp.host.json_values import read_json

DEFAULT_PROFILE = "Default Bookmark Guid"
"""Where the app, and we, keep the default profile's GUID."""

THEME = "TabStyleWithAutomaticOption"

THEMES = ["light", "dark", "light highContrast", "dark highContrast", "dark", "dark minimal"]
"""What the app's variable `effectiveTheme` says of each; of what only a screen decides, dark."""

FIRST_VALUES: dict[str, Any] = {"iTerm Version": __version__, THEME: 1}
"""What scripts read although nobody has set it."""

FIXED = {"iTerm Version"}
MAX_TEXT = 1 << 20


class BadJsonError(Exception):
    """The value is not JSON."""


class InvalidValueError(Exception):
    """The key cannot have this value."""


def read_value(key: str, text: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what a client wants a preference to be; None takes it away.

    Raises:
        BadJsonError: It is not JSON.
        InvalidValueError: The key is empty or fixed, or has values of another type, or they
            are too large to keep.
    """
    try:
        value = read_json(text)
    except ValueError:
        raise BadJsonError(key) from None
    if not key or key in FIXED or len(key) + len(text) > MAX_TEXT:
        raise InvalidValueError(key)
    first = FIRST_VALUES.get(key, value)
    if value is not None and type(first) is not type(value):
        raise InvalidValueError(key)
    return value


class Preferences:
    """The preferences of one state folder."""

    def __init__(self, path: str) -> None:
        self._file = JsonFile(path)

    async def get(self, key: str) -> Any:  # noqa: ANN401 - any JSON
        """Return a preference; None when it is not set."""
        return {**FIRST_VALUES, **await self._file.read()}.get(key)

    async def set(self, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON
        """Set a preference; None takes it away.

        Raises:
            NotKeptError: It could not be written, and is as it was.
        """

        def put(kept: dict[str, Any]) -> None:
            kept.pop(key, None)
            if value is not None:
                kept[key] = value

        await self._file.change(put)

    async def theme(self) -> str:
        """Return what the app's variable `effectiveTheme` says."""
        number = await self.get(THEME)
        known = type(number) is int and number in range(len(THEMES))
        index: int = number if known else FIRST_VALUES[THEME]
        return THEMES[index]
