"""GetProfileProperty, SetProfileProperty, ListProfiles, Preferences."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterm_mcp.host import profiles, wire

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows

GetStatus = wire.GetProfilePropertyResponse.Status
SetStatus = wire.SetProfilePropertyResponse.Status


async def get_profile_property(
    context: Context, request: wire.GetProfilePropertyRequest
) -> wire.GetProfilePropertyResponse:
    """Return properties of a session's own profile; no keys means all."""
    found = context.world.select(request.session)
    if not found:
        return wire.GetProfilePropertyResponse(status=GetStatus.SESSION_NOT_FOUND)
    response = wire.GetProfilePropertyResponse(status=GetStatus.OK)
    profile = found[0].profile
    for key in request.keys or profile:
        if profile.get(key) is not None:
            response.properties.add(key=key, json_value=json.dumps(profile[key]))
    return response


async def set_profile_property(
    context: Context, request: wire.SetProfilePropertyRequest
) -> wire.SetProfilePropertyResponse:
    """Change sessions' own profiles; shared profiles cannot be changed here."""
    if request.WhichOneof("target") == "guid_list":
        return wire.SetProfilePropertyResponse(status=SetStatus.BAD_GUID)
    if request.WhichOneof("target") is None:
        return wire.SetProfilePropertyResponse(status=SetStatus.REQUEST_MALFORMED)
    targets = context.world.select(request.session, many=True)
    if not targets:
        return wire.SetProfilePropertyResponse(status=SetStatus.SESSION_NOT_FOUND)
    changes = [(one.key, one.json_value) for one in request.assignments]
    if request.key:
        changes.append((request.key, request.json_value))
    try:
        overlaid = [profiles.change(one.profile, changes) for one in targets]
    except profiles.MalformedPropertyError:
        return wire.SetProfilePropertyResponse(status=SetStatus.REQUEST_MALFORMED)
    for session, profile in zip(targets, overlaid, strict=True):
        session.profile = profile
        if any(key == "Name" for key, _ in changes):
            session.set_name(str(profile.get("Name", "")))
    context.world.variables_touched()
    return wire.SetProfilePropertyResponse(status=SetStatus.OK)


async def list_profiles(
    _context: Context, request: wire.ListProfilesRequest
) -> wire.ListProfilesResponse:
    """List the profiles: there is one, the default."""
    response = wire.ListProfilesResponse()
    if not request.guids or profiles.DEFAULT_GUID in request.guids:
        entry = response.profiles.add()
        for key in request.properties or profiles.DEFAULT:
            if key in profiles.DEFAULT:
                entry.properties.add(key=key, json_value=json.dumps(profiles.DEFAULT[key]))
    return response


async def preferences(
    _context: Context, request: wire.PreferencesRequest
) -> wire.PreferencesResponse:
    """Tell the default profile; keep no preferences: a get is null, a set is refused."""
    response = wire.PreferencesResponse()
    result_type = wire.PreferencesResponse.Result
    for one in request.requests:
        result = response.results.add()
        kind = one.WhichOneof("request")
        if kind == "get_preference_request":
            result.get_preference_result.json_value = "null"
        elif kind == "set_preference_request":
            status = result_type.SetPreferenceResult.Status
            result.set_preference_result.status = status.INVALID_VALUE
        elif kind == "get_default_profile_request":
            result.get_default_profile_result.guid = profiles.DEFAULT_GUID
        elif kind == "set_default_profile_request":
            same = one.set_default_profile_request.guid == profiles.DEFAULT_GUID
            default = result_type.SetDefaultProfileResult.Status
            result.set_default_profile_result.status = default.OK if same else default.BAD_GUID
        else:
            result.unrecognized_request.SetInParent()
    return response


ROWS: Rows = {
    "get_profile_property_request": get_profile_property,
    "set_profile_property_request": set_profile_property,
    "list_profiles_request": list_profiles,
    "preferences_request": preferences,
}
