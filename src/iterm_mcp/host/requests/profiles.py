"""GetProfileProperty, SetProfileProperty, ListProfiles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterm_mcp.host import profile_keys, profiles, wire
from iterm_mcp.host.profile_store import UnknownGuidError
from iterm_mcp.host.profiles import MalformedPropertyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    from iterm_mcp.host.requests.context import Context, Rows

GetStatus = wire.GetProfilePropertyResponse.Status
SetStatus = wire.SetProfilePropertyResponse.Status


async def get_profile_property(
    context: Context, request: wire.GetProfilePropertyRequest
) -> wire.GetProfilePropertyResponse:
    """Return properties of a session's profile; no keys means all."""
    await context.settings.profiles.all()  # what is shared may have changed on disk
    found = context.world.select(request.session)
    if not found:
        return wire.GetProfilePropertyResponse(status=GetStatus.SESSION_NOT_FOUND)
    response = wire.GetProfilePropertyResponse(status=GetStatus.OK)
    _write(found[0].profile, request.keys, response.properties)
    return response


async def set_profile_property(
    context: Context, request: wire.SetProfilePropertyRequest
) -> wire.SetProfilePropertyResponse:
    """Change sessions' own profiles, or shared ones."""
    return wire.SetProfilePropertyResponse(status=await _set(context, request))


async def _set(
    context: Context, request: wire.SetProfilePropertyRequest
) -> wire.SetProfilePropertyResponse.Status.ValueType:
    changes = [(one.key, one.json_value) for one in request.assignments]
    if request.key:
        changes.append((request.key, request.json_value))
    target = request.WhichOneof("target")
    try:
        values = profiles.read(changes)
        if target == "guid_list":
            await context.settings.profiles.edit(list(request.guid_list.guids), values)
            return SetStatus.OK
        if target == "session":
            return await _set_own(context, request.session, values)
    except UnknownGuidError:
        return SetStatus.BAD_GUID
    except MalformedPropertyError:
        pass
    return SetStatus.REQUEST_MALFORMED


async def _set_own(
    context: Context, selector: str, values: Mapping[str, Any]
) -> wire.SetProfilePropertyResponse.Status.ValueType:
    if not all(profile_keys.fits(key, value) for key, value in values.items()):
        return SetStatus.REQUEST_MALFORMED  # as in the app, which checks no shared profile so
    known = context.settings.profiles
    await known.all()
    targets = context.world.select(selector, many=True)
    if not targets:
        return SetStatus.SESSION_NOT_FOUND
    for session, profile in [(one, known.own_copy(one.profile, values)) for one in targets]:
        session.profile = profile
        if "Name" in values:
            session.set_name(str(values["Name"]))
    context.world.variables_touched()
    return SetStatus.OK


async def list_profiles(
    context: Context, request: wire.ListProfilesRequest
) -> wire.ListProfilesResponse:
    """List the shared profiles."""
    response = wire.ListProfilesResponse()
    for guid, profile in (await context.settings.profiles.all()).items():
        if not request.guids or guid in request.guids:
            _write(profile, request.properties, response.profiles.add().properties)
    return response


def _write(
    profile: Mapping[str, Any],
    keys: Iterable[str],
    out: RepeatedCompositeFieldContainer[wire.ProfileProperty],
) -> None:
    """Write properties; those that the profile does not have are left out."""
    for key in list(keys) or profile:
        if profile.get(key) is not None:
            out.add(key=key, json_value=json.dumps(profile[key]))


ROWS: Rows = {
    "get_profile_property_request": get_profile_property,
    "set_profile_property_request": set_profile_property,
    "list_profiles_request": list_profiles,
}
