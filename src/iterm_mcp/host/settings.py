"""What the host keeps on disk, and how what is open follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host.color_presets import ColorPresets
from iterm_mcp.host.json_file import JsonFile
from iterm_mcp.host.preferences import Preferences
from iterm_mcp.host.profile_store import ProfileStore
from iterm_mcp.host.wardrobe import Wardrobe

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.host.dynamic_profiles import Profile
    from iterm_mcp.host.world import World
    from iterm_mcp.paths import Paths


class Settings:
    """The preferences, profiles, colour presets and arrangements of one state folder.

    Args:
        paths: Where they stand.
        world: Whose sessions follow the profiles that they share.
        tell: Told the GUID of each shared profile that has changed.
    """

    def __init__(self, paths: Paths, world: World, tell: Callable[[str], None]) -> None:
        self._world = world
        self._tell = tell
        self.preferences = Preferences(paths.preferences)
        self.profiles = ProfileStore(
            paths.profiles, paths.profile_edits, self.preferences, self._profile_changed
        )
        world.recall_profile = self.profiles.recall
        self.color_presets = ColorPresets(paths.color_presets)
        world.wardrobe = Wardrobe(self.color_presets)
        self.arrangements = JsonFile(paths.arrangements)

    async def show_theme(self) -> None:
        """Have the app's variables say the theme that is kept; clients are told of another one."""
        self._world.theme = await self.preferences.theme()
        self._world.variables_touched()

    def _profile_changed(self, before: Profile, now: Profile) -> None:
        """Have the sessions that share a profile follow it; their own copies stay."""
        for session in self._world.sessions.values():
            if session.profile.get("Guid") == now["Guid"]:
                session.profile = dict(now)
                if session.name in {"", before["Name"]} and before["Name"] != now["Name"]:
                    session.name = now["Name"]
        self._world.variables_touched()
        self._tell(now["Guid"])
