"""Preferences, and with them the default profile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterm_mcp.host import preferences, wire
from iterm_mcp.host.preferences import BadJsonError, InvalidValueError
from iterm_mcp.host.profile_store import UnknownGuidError

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows

Result = wire.PreferencesResponse.Result
SetStatus = Result.SetPreferenceResult.Status
DefaultStatus = Result.SetDefaultProfileResult.Status


async def answer(context: Context, request: wire.PreferencesRequest) -> wire.PreferencesResponse:
    """Get and set preferences one after the other; one result a request.

    When one cannot be written, those before it have been.
    """
    response = wire.PreferencesResponse()
    settings = context.settings
    for one in request.requests:
        result = response.results.add()
        kind = one.WhichOneof("request")
        if kind == "get_preference_request":
            value = await settings.preferences.get(one.get_preference_request.key)
            result.get_preference_result.json_value = json.dumps(value)
        elif kind == "set_preference_request":
            wanted = one.set_preference_request
            result.set_preference_result.status = await _set(context, wanted.key, wanted.json_value)
        elif kind == "get_default_profile_request":
            guid = await settings.profiles.default_guid()
            result.get_default_profile_result.guid = guid
        elif kind == "set_default_profile_request":
            status = DefaultStatus.OK
            try:
                await settings.profiles.make_default(one.set_default_profile_request.guid)
            except UnknownGuidError:
                status = DefaultStatus.BAD_GUID
            result.set_default_profile_result.status = status
        else:
            result.unrecognized_request.SetInParent()
    return response


async def _set(
    context: Context, key: str, text: str
) -> wire.PreferencesResponse.Result.SetPreferenceResult.Status.ValueType:
    try:
        value = preferences.read_value(key, text)
    except BadJsonError:
        return SetStatus.BAD_JSON
    except InvalidValueError:
        return SetStatus.INVALID_VALUE
    await context.settings.preferences.set(key, value)
    if key == preferences.THEME:
        await context.settings.show_theme()
    return SetStatus.OK


ROWS: Rows = {"preferences_request": answer}
