"""The shared profiles: the built-in one and the user's own, with what clients changed in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import structlog

from iterm_mcp.host import preferences, profiles
from iterm_mcp.host.dynamic_profiles import compose
from iterm_mcp.host.json_file import JsonFile, read_object
from iterm_mcp.host.profiles import DEFAULT_GUID, MalformedPropertyError
from iterm_mcp.host.watched_folder import WatchedFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from iterm_mcp.host.dynamic_profiles import Profile
    from iterm_mcp.host.preferences import Preferences

log = structlog.get_logger()


class UnknownGuidError(Exception):
    """There is no shared profile of that GUID."""


class ProfileStore:
    """Knows the shared profiles. Files are looked at whenever it is asked.

    Args:
        folder: Where the user puts profiles; we never write there.
        edits: Where we keep what clients changed. It wins over the user's files.
        kept: Knows which profile is the default.
        on_change: Told the profile before and after, once for each that another is now.
    """

    def __init__(
        self,
        folder: str,
        edits: str,
        kept: Preferences,
        on_change: Callable[[Profile, Profile], None],
    ) -> None:
        self._folder = WatchedFolder(folder, {".json": read_object})
        self._edits = JsonFile(edits)
        self._preferences = kept
        self._on_change = on_change
        self._lock = anyio.Lock()
        self._sources: tuple[object, object] | None = None
        self._profiles: dict[str, Profile] = {}
        self._default_guid = DEFAULT_GUID

    async def all(self) -> dict[str, Profile]:
        """Return every profile by its GUID, the built-in one first; the caller changes none."""
        async with self._lock:
            files, edits = await self._folder.read(), await self._edits.read()
            # Both are the same objects as before unless something has changed.
            if (
                self._sources is None
                or self._sources[0] is not files
                or self._sources[1] is not edits
            ):
                first = self._sources is None
                self._sources = (files, edits)
                before, (self._profiles, problems) = self._profiles, compose(files, edits)
                for problem in problems:
                    log.warning("profile_skipped", reason=problem)
                if not first:
                    self._tell(before)
            return self._profiles

    async def find(self, name: str) -> Profile | None:
        """Return the first profile of that name; empty means the default one."""
        known = await self.all()
        if not name:
            return known[await self._default(known)]
        return next((one for one in known.values() if one["Name"] == name), None)

    def recall(self, name: str) -> Profile | None:
        """Return what `find` would, of what was there when last asked."""
        if not name:
            return self._profiles.get(self._default_guid)
        return next((one for one in self._profiles.values() if one["Name"] == name), None)

    async def default_guid(self) -> str:
        """Return the default profile's GUID: the built-in one's while the chosen one is missing."""
        return await self._default(await self.all())

    async def make_default(self, guid: str) -> None:
        """Have new sessions start from this profile.

        Raises:
            UnknownGuidError: There is none.
            NotKeptError: It could not be written; the default is as it was.
        """
        if guid not in await self.all():
            raise UnknownGuidError(guid)
        await self._preferences.set(preferences.DEFAULT_PROFILE, guid)
        self._default_guid = guid

    async def edit(self, guids: Iterable[str], values: Mapping[str, Any]) -> None:
        """Change shared profiles; None takes a key away. Sessions that share them follow.

        Raises:
            UnknownGuidError: There is no such profile, and none has changed.
            MalformedPropertyError: A profile's GUID cannot be changed.
            NotKeptError: It could not be written, and none has changed.
        """
        known = await self.all()
        for guid in guids:
            if guid not in known:
                raise UnknownGuidError(guid)
            if values.get("Guid", guid) != guid:
                raise MalformedPropertyError("Guid cannot be changed")
        kept = {key: value for key, value in values.items() if key != "Guid"}

        def put(edits: dict[str, Any]) -> None:
            for guid in guids:
                before = edits.get(guid)
                edits[guid] = {**(before if isinstance(before, dict) else {}), **kept}

        await self._edits.change(put)
        await self.all()

    def own_copy(self, profile: Profile, values: Mapping[str, Any]) -> Profile:
        """Return a session's profile, changed.

        A ``Guid`` of another shared profile starts from that one, as they were when `all` was
        last asked; one that nobody knows makes it a profile of its own, with that GUID.
        """
        guid = values.get("Guid", profile.get("Guid"))
        if guid == profile.get("Guid"):
            return profiles.own_copy(profile, values)
        if guid in self._profiles:
            return profiles.own_copy(self._profiles[guid], values)
        return profiles.lay_over(profile, values)

    async def _default(self, known: Mapping[str, Profile]) -> str:
        guid = await self._preferences.get(preferences.DEFAULT_PROFILE)
        self._default_guid = guid if isinstance(guid, str) and guid in known else DEFAULT_GUID
        return self._default_guid

    def _tell(self, before: Mapping[str, Profile]) -> None:
        for guid, profile in self._profiles.items():
            if guid in before and before[guid] != profile:
                self._on_change(before[guid], profile)
