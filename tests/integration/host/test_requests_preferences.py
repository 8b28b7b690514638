"""Preferences over the wire, and with them the default profile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.homes import mode_of
from tests.integration.host.test_requests_profiles import WORK, open_with, write_profiles
from tests.integration.host.wire_client import open_wire

from iterm_mcp import __version__
from iterm_mcp.host.profiles import DEFAULT_GUID

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

One = api_pb2.PreferencesRequest.Request
Result = api_pb2.PreferencesResponse.Result
SetStatus = Result.SetPreferenceResult.Status
DefaultStatus = Result.SetDefaultProfileResult.Status


def setting(key: str, text: str) -> One:
    return One(set_preference_request=One.SetPreference(key=key, json_value=text))


def getting(key: str) -> One:
    return One(get_preference_request=One.GetPreference(key=key))


def choosing(guid: str) -> One:
    return One(set_default_profile_request=One.SetDefaultProfile(guid=guid))


CHOSEN = One(get_default_profile_request=One.GetDefaultProfile())


async def ask(wire: WireClient, *requests: One) -> list[Any]:
    """Return what each request was answered, in short."""
    response = await wire.ask(api_pb2.PreferencesRequest(requests=requests))
    found: list[Any] = []
    for one in response.results:
        kind = one.WhichOneof("result")
        if kind == "set_preference_result":
            found.append(SetStatus.Name(one.set_preference_result.status))
        elif kind == "get_preference_result":
            found.append(json.loads(one.get_preference_result.json_value))
        elif kind == "set_default_profile_result":
            found.append(DefaultStatus.Name(one.set_default_profile_result.status))
        elif kind == "get_default_profile_result":
            found.append(one.get_default_profile_result.guid)
        else:
            found.append(kind)
    return found


def kept_in(home: Home) -> Path:
    return Path(home.paths.preferences)


@pytest.mark.answers(
    "preferences_request",
    "get_preference_result",
    "set_preference_result.OK",
    "unrecognized_request",
    source="2.22",
)
async def test_what_is_set_can_be_got_until_it_is_taken_away(own_wire: WireClient) -> None:
    value = {"nested": [1, "zwei", None, True]}
    answers = await ask(
        own_wire,
        getting("Mine"),
        setting("Mine", json.dumps(value)),
        getting("Mine"),
        setting("Mine", "null"),
        getting("Mine"),
        One(),
    )
    assert answers == [None, "OK", value, "OK", None, "unrecognized_request"]


@pytest.mark.answers(
    "preferences_request",
    "set_preference_result.BAD_JSON",
    "set_preference_result.INVALID_VALUE",
    source="2.22",
)
@pytest.mark.parametrize(
    ("key", "text", "status"),
    [
        ("Mine", "", "BAD_JSON"),
        ("Mine", "{", "BAD_JSON"),
        ("Mine", "NaN", "BAD_JSON"),
        ("", "1", "INVALID_VALUE"),
        ("iTerm Version", '"9"', "INVALID_VALUE"),
        ("TabStyleWithAutomaticOption", '"dark"', "INVALID_VALUE"),
        ("TabStyleWithAutomaticOption", "true", "INVALID_VALUE"),
        ("Mine", json.dumps("x" * (1 << 20)), "INVALID_VALUE"),
    ],
)
async def test_a_value_that_cannot_be_is_refused(
    wire: WireClient, key: str, text: str, status: str
) -> None:
    before, refused, after = await ask(wire, getting(key), setting(key, text), getting(key))
    assert (refused, after) == (status, before)


@pytest.mark.answers(
    "preferences_request", "get_preference_result", "set_preference_result.OK", source="2.22"
)
async def test_some_preferences_have_a_value_from_the_start(own_wire: WireClient) -> None:
    theme = "TabStyleWithAutomaticOption"
    assert await ask(
        own_wire,
        getting("iTerm Version"),
        getting(theme),
        setting(theme, "4"),
        getting(theme),
        setting(theme, "null"),
        getting(theme),
    ) == [__version__, 1, "OK", 4, "OK", 1]


async def test_preferences_and_the_default_profile_outlive_the_host(own_home: Home) -> None:
    write_profiles(own_home, WORK)
    async with open_wire(own_home) as wire:
        assert await ask(wire, setting("Mine", "7"), choosing("WORK")) == ["OK", "OK"]
    assert mode_of(own_home.paths.preferences) == 0o600
    await own_home.stop()
    await own_home.start("host")
    async with open_wire(own_home) as wire:
        assert await ask(wire, getting("Mine"), CHOSEN) == [7, "WORK"]


@pytest.mark.answers(
    "preferences_request",
    "get_default_profile_result",
    "set_default_profile_result.OK",
    "set_default_profile_result.BAD_GUID",
    source="2.22",
)
async def test_new_sessions_start_from_the_default_profile(
    own_wire: WireClient, own_home: Home
) -> None:
    file = write_profiles(own_home, WORK)
    assert await ask(own_wire, CHOSEN, choosing("none"), CHOSEN) == [
        DEFAULT_GUID,
        "BAD_GUID",
        DEFAULT_GUID,
    ]
    assert await ask(own_wire, choosing("WORK"), CHOSEN) == ["OK", "WORK"]
    session = await open_with(own_wire)
    got = api_pb2.GetProfilePropertyRequest(session=session, keys=["Guid"])
    assert (await own_wire.ask(got)).properties[0].json_value == '"WORK"'
    aside = file.rename(file.with_suffix(".aside"))  # while it is away the built-in one serves
    assert await ask(own_wire, CHOSEN) == [DEFAULT_GUID]
    aside.rename(file)
    assert await ask(own_wire, CHOSEN) == ["WORK"]


async def test_when_one_cannot_be_written_the_request_says_so(
    own_wire: WireClient, own_home: Home
) -> None:
    kept_in(own_home).symlink_to("/proc/self/preferences.json")
    for one in (setting("Mine", "1"), choosing(DEFAULT_GUID)):
        request = api_pb2.PreferencesRequest(requests=[one])
        answer = await own_wire.whole_answer(await own_wire.send(request))
        assert answer.error.startswith("could not write preferences.json")
    assert await ask(own_wire, getting("Mine")) == [None]


async def test_the_theme_is_a_variable_too_and_outlives_the_host(
    own_wire: WireClient, own_home: Home
) -> None:
    theme = "TabStyleWithAutomaticOption"
    monitor = api_pb2.VariableMonitorRequest(name="effectiveTheme", scope=api_pb2.APP)
    kind = api_pb2.NOTIFY_ON_VARIABLE_CHANGE
    await own_wire.ask(
        api_pb2.NotificationRequest(
            subscribe=True, notification_type=kind, variable_monitor_request=monitor
        )
    )
    said = []
    for number in ("0", "2", "3", "4", "5", "99", "null", "0"):
        assert await ask(own_wire, setting(theme, number)) == ["OK"]
        got = await own_wire.ask(api_pb2.VariableRequest(app=True, get=["effectiveTheme"]))
        said.append(json.loads(got.values[0]))
    dark = "dark"
    assert said == [
        "light", "light highContrast", "dark highContrast", dark, "dark minimal", dark, dark,
        "light",
    ]  # fmt: skip
    changed = "variable_changed_notification"
    told = await own_wire.notified(lambda one: one.json_new_value == '"dark minimal"', changed)
    assert told.name == "effectiveTheme"
    await own_home.stop()
    await own_home.start("host")
    async with open_wire(own_home) as wire:
        got = await wire.ask(api_pb2.VariableRequest(app=True, get=["effectiveTheme"]))
    assert json.loads(got.values[0]) == "light"
