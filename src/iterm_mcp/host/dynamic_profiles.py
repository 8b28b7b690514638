"""Profiles from files in the form of iTerm2's Dynamic Profiles, and what clients changed. Pure.

A profile has what its parent has, then what its file says, then what clients changed in it.
Without a parent, or with one that does not exist, it starts from the built-in profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.host import profiles
from iterm_mcp.host.profiles import DEFAULT, DEFAULT_GUID, MalformedPropertyError

if TYPE_CHECKING:
    from collections.abc import Mapping

PARENT_GUID = "Dynamic Profile Parent GUID"
PARENT_NAME = "Dynamic Profile Parent Name"
PARENTS = {PARENT_GUID, PARENT_NAME}

Profile = dict[str, Any]


class BadProfileError(ValueError):
    """What should be a profile is none, or not one that can be used."""


def compose(
    files: Mapping[str, Any], edits: Mapping[str, Any]
) -> tuple[dict[str, Profile], list[str]]:
    """Return the profiles by GUID, the built-in one first, and what is wrong with the rest.

    Args:
        files: What each file holds, in the order that settles who has a GUID first.
        edits: What clients changed, by GUID; None takes a key away.
    """
    written: dict[str, Profile] = {DEFAULT_GUID: DEFAULT}
    problems: list[str] = []
    for name, content in files.items():
        entries = content.get("Profiles") if isinstance(content, dict) else None
        if not isinstance(entries, list):
            problems.append(f"{name}: no list of Profiles")
            continue
        for entry in entries:
            try:
                one = _check(entry)
                if one["Guid"] in written:
                    raise BadProfileError(f"Guid {one['Guid']!r} is taken")  # noqa: TRY301
            except BadProfileError as error:
                problems.append(f"{name}: {error}")
            else:
                written[one["Guid"]] = one
    family = _Family(written, _usable(edits, problems))
    return {guid: family.whole(guid) for guid in written}, problems + family.problems


def _check(entry: Any) -> Profile:  # noqa: ANN401 - any JSON
    if not isinstance(entry, dict):
        raise BadProfileError("a profile is no object")
    for key in ("Guid", "Name"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise BadProfileError(f"a profile has no {key}")
    try:
        for key, value in entry.items():
            profiles.check(key, value)
    except MalformedPropertyError as error:
        raise BadProfileError(f"profile {entry['Name']!r}: {error}") from None
    return entry


def _usable(edits: Mapping[str, Any], problems: list[str]) -> dict[str, Profile]:
    usable = {}
    for guid, values in edits.items():
        try:
            _check({"Name": "any", **values, "Guid": guid})
        except (BadProfileError, TypeError) as error:
            problems.append(f"what was changed in {guid!r}: {error}")
        else:
            usable[guid] = {**values, "Guid": guid}
    return usable


class _Family:
    """Works out each profile once, its parents first."""

    def __init__(self, written: Mapping[str, Profile], edits: Mapping[str, Profile]) -> None:
        self.problems: list[str] = []
        self._written = written
        self._edits = edits
        self._whole = {DEFAULT_GUID: profiles.lay_over(DEFAULT, edits.get(DEFAULT_GUID, {}))}
        self._by_name: dict[str, str] = {}
        for guid, one in written.items():
            self._by_name.setdefault(one["Name"], guid)

    def whole(self, guid: str) -> Profile:
        line: dict[str, None] = {}  # from this profile to its eldest ancestor that is not done
        above = guid
        while above not in self._whole:
            if above in line:
                self.problems.append(f"profile {above!r} is its own ancestor")
                above = DEFAULT_GUID
                break
            line[above] = None
            above = self._parent(above)
        profile = self._whole[above]
        for one in reversed(line):
            inherited = {key: value for key, value in profile.items() if key not in PARENTS}
            laid = profiles.lay_over(inherited, self._written[one])
            profile = self._whole[one] = profiles.lay_over(laid, self._edits.get(one, {}))
        return self._whole[guid]

    def _parent(self, guid: str) -> str:
        one = self._written[guid]
        named = one.get(PARENT_GUID)
        if named is None and PARENT_NAME in one:
            named = self._by_name.get(str(one[PARENT_NAME]), "")
        if named is not None and str(named) not in self._written:
            self.problems.append(f"profile {one['Name']!r} has a parent that does not exist")
            named = None
        return DEFAULT_GUID if named is None else str(named)
