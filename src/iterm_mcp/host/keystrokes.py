"""Keys that a person presses, and the patterns by which clients take them away. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.host import wire

if TYPE_CHECKING:
    from collections.abc import Iterable

DOWN = wire.KeystrokeNotification.KEY_DOWN


@dataclass(frozen=True, slots=True)
class Keystroke:
    """One key event.

    Attributes:
        characters: What it types, as the keyboard sees it; `plain` is the same without modifiers.
        modifiers: Numbers of ``wire.Modifiers``.
        code: The key's number on a Mac's keyboard.
        action: Pressed, released, or another modifier held.
    """

    characters: str
    plain: str = ""
    modifiers: frozenset[int] = frozenset()
    code: int = 0
    action: wire.KeystrokeNotification.Action.ValueType = DOWN

    def matches(self, patterns: Iterable[wire.KeystrokePattern]) -> bool:
        """Tell whether any pattern names it: by its modifiers, and by code or characters."""
        return any(
            self.modifiers.issuperset(one.required_modifiers)
            and self.modifiers.isdisjoint(one.forbidden_modifiers)
            and (
                self.code in one.keycodes
                or self.characters in one.characters
                or self.plain in one.characters_ignoring_modifiers
            )
            for one in patterns
        )

    def write(self, session_id: str) -> wire.KeystrokeNotification:
        """Return what subscribers are told."""
        return wire.KeystrokeNotification(
            characters=self.characters,
            charactersIgnoringModifiers=self.plain,
            modifiers=[wire.Modifiers.ValueType(one) for one in sorted(self.modifiers)],
            keyCode=self.code,
            session=session_id,
            action=self.action,
        )
