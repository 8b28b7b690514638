"""Colour presets for sessions whose programs ask for one by name (OSC 1337, SetColors)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import sequences

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from iterm_mcp.host.closers import Closers
    from iterm_mcp.host.color_presets import ColorPresets, Preset
    from iterm_mcp.host.session import Session


class Wardrobe:
    """Gives sessions presets."""

    def __init__(self, presets: ColorPresets) -> None:
        self._presets = presets

    def dress(self, session: Session, name: str, tasks: TaskGroup | Closers) -> None:
        """Give a session's own profile a preset's colours.

        At once as they were last read, so that a question right behind is answered by them; and
        once more when the user's file turns out to be new or changed. An unknown name does
        nothing.

        Args:
            tasks: Where the files are looked at.
        """
        known = self._presets.recall(name)
        if known is not None:
            sequences.put_on(session, known)
        tasks.start_soon(self._look_again, session, name, known)

    async def _look_again(self, session: Session, name: str, worn: Preset | None) -> None:
        preset = (await self._presets.all()).get(name)
        if preset is not None and preset != worn:
            sequences.put_on(session, preset)
