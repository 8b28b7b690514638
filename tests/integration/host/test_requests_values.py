"""Variable, GetProperty, SetProperty, profile properties, ListProfiles, Preferences, functions."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient

Variable = api_pb2.VariableRequest
Set = api_pb2.VariableRequest.Set


async def get(wire: WireClient, *names: str, **scope: Any) -> list[Any]:  # noqa: ANN401
    response = await wire.ask(Variable(get=names, **scope))
    assert response.status == response.OK
    return [json.loads(value) for value in response.values]


async def test_a_sessions_variables_say_what_runs_in_it(wire: WireClient) -> None:
    opened = await wire.open_window(Columns="90", Rows="20")
    session = {"session_id": opened.session_id}
    identifier, columns, rows, tty, pid = await get(
        wire, "id", "columns", "rows", "tty", "pid", **session
    )
    assert (identifier, columns, rows) == (opened.session_id, 90, 20)
    assert tty.startswith("/dev/")
    os.kill(pid, 0)
    await eventually(lambda: get(wire, "jobName", **session), lambda found: found == ["cat"])
    assert await get(wire, "jobPid", "effective_root_pid", **session) == [pid, pid]


async def test_unknown_variables_are_null_and_a_star_lists_all(wire: WireClient) -> None:
    opened = await wire.open_window()
    none, everything = await get(wire, "nothing.here", "*", session_id=opened.session_id)
    assert none is None
    assert everything["id"] == opened.session_id
    assert all(isinstance(value, str) for value in everything.values())


async def test_paths_lead_from_a_session_to_its_tab_and_window(wire: WireClient) -> None:
    opened = await wire.open_window()
    found = await get(
        wire,
        "tab.id",
        "tab.window.id",
        "tab.currentSession.id",
        session_id=opened.session_id,
    )
    assert found == [str(opened.tab_id), opened.window_id, opened.session_id]
    (number,) = await get(wire, "number", window_id=opened.window_id)
    assert number == 1


@pytest.mark.parametrize("kind", ["session_id", "tab_id", "window_id", "app"])
async def test_user_variables_are_kept_in_each_scope(wire: WireClient, kind: str) -> None:
    opened = await wire.open_window()
    scope: dict[str, Any] = {kind: True if kind == "app" else str(getattr(opened, kind, ""))}
    value = {"nested": [1, "zwei", None]}
    response = await wire.ask(
        Variable(set=[Set(name="user.mine", value=json.dumps(value))], get=["user.mine"], **scope)
    )
    assert response.status == response.OK
    assert json.loads(response.values[0]) == value
    await wire.ask(Variable(set=[Set(name="user.mine", value="null")], **scope))
    assert await get(wire, "user.mine", **scope) == [None]


async def test_user_variables_can_be_set_everywhere_at_once(wire: WireClient) -> None:
    one, other = await wire.open_window(), await wire.open_window()
    response = await wire.ask(Variable(set=[Set(name="user.x", value="1")], session_id="all"))
    assert response.status == response.OK
    for opened in (one, other):
        assert await get(wire, "user.x", session_id=opened.session_id) == [1]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"get": ["id"]}, "MISSING_SCOPE"),
        ({"get": ["id"], "session_id": "none"}, "SESSION_NOT_FOUND"),
        ({"get": ["id"], "tab_id": "none"}, "TAB_NOT_FOUND"),
        ({"get": ["id"], "window_id": "none"}, "WINDOW_NOT_FOUND"),
        ({"get": ["id"], "session_id": "all"}, "MULTI_GET_DISALLOWED"),
        ({"set": [Set(name="columns", value="1")], "app": True}, "INVALID_NAME"),
        ({"set": [Set(name="user.a.b", value="1")], "app": True}, "INVALID_NAME"),
        ({"set": [Set(name="user.a", value="{")], "app": True}, "INVALID_NAME"),
    ],
)
async def test_a_variable_that_cannot_be_had_is_refused(
    wire: WireClient, asked: dict[str, Any], status: str
) -> None:
    response = await wire.ask(Variable(**asked))
    assert api_pb2.VariableResponse.Status.Name(response.status) == status


async def test_programs_set_names_places_and_variables(wire: WireClient) -> None:
    opened = await wire.open_window()
    value = base64.b64encode("größe".encode())
    await wire.feed(
        opened.session_id,
        b"\x1b]0;a title\x07\x1b]7;file:///tmp/with%20space\x07"
        b"\x1b]1337;RemoteHost=ann@example\x07\x1b]1337;SetUserVar=mine=" + value + b"\x07",
    )
    scope = {"session_id": opened.session_id}
    assert await get(
        wire, "terminalWindowName", "terminalIconName", "path", "username", "hostname", "user.mine",
        **scope,
    ) == ["a title", "a title", "/tmp/with space", "ann", "example", "größe"]  # fmt: skip
    await wire.feed(opened.session_id, b"\x1b]2;window only\x07\x1b]1337;CurrentDir=/usr\x07")
    assert await get(wire, "terminalWindowName", "terminalIconName", "path", **scope) == [
        "window only", "a title", "/usr"
    ]  # fmt: skip


async def test_the_screens_modes_are_variables(wire: WireClient) -> None:
    opened = await wire.open_window()
    names = ["showingAlternateScreen", "applicationKeypad", "mouseReportingMode", "bellCount"]
    before = await get(wire, *names, session_id=opened.session_id)
    await wire.feed(opened.session_id, b"\x1b[?1049h\x1b=\x1b[?1000h\x07")
    after = await get(wire, *names, session_id=opened.session_id)
    assert (before[0], after[0]) == (False, True)
    assert (before[1], after[1]) == (False, True)
    assert before[2] != after[2]
    assert after[3] == before[3] + 1


# Properties.


async def property_of(wire: WireClient, name: str, **target: str) -> Any:  # noqa: ANN401
    response = await wire.ask(api_pb2.GetPropertyRequest(name=name, **target))
    assert response.status == response.OK
    return json.loads(response.json_value)


async def test_a_windows_frame_is_set_in_whole_cells(wire: WireClient) -> None:
    opened = await wire.open_window()
    frame = {"origin": {"x": 5, "y": 6}, "size": {"width": 805, "height": 485}}
    response = await wire.ask(
        api_pb2.SetPropertyRequest(
            window_id=opened.window_id, name="frame", json_value=json.dumps(frame)
        )
    )
    assert response.status == response.OK
    after = await property_of(wire, "frame", window_id=opened.window_id)
    assert after == {"origin": {"x": 5, "y": 6}, "size": {"width": 800, "height": 480}}
    assert await get(wire, "columns", "rows", session_id=opened.session_id) == [100, 30]
    assert await property_of(wire, "fullscreen", window_id=opened.window_id) is False


async def test_a_sessions_grid_can_be_set(wire: WireClient) -> None:
    opened = await wire.open_window("/bin/sh")
    response = await wire.ask(
        api_pb2.SetPropertyRequest(
            session_id=opened.session_id, name="grid_size", json_value='{"width":60,"height":12}'
        )
    )
    assert response.status == response.OK
    size = await property_of(wire, "grid_size", session_id=opened.session_id)
    assert size == {"width": 60, "height": 12}
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="stty size\n"))
    # It may stand behind a prompt that comes later than what was typed.
    await eventually(lambda: wire.text(opened.session_id), lambda lines: "12 60" in " ".join(lines))


async def test_the_number_of_lines_counts_what_is_kept_and_what_was_lost(wire: WireClient) -> None:
    opened = await wire.open_window(Rows="10", **{"Scrollback Lines": "20"})
    await wire.feed(opened.session_id, b"x\r\n" * 100)
    lines = await property_of(wire, "number_of_lines", session_id=opened.session_id)
    assert lines == {"overflow": 71, "grid": 10, "history": 20, "first_visible": 91}
    assert await property_of(wire, "buried", session_id=opened.session_id) is False


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ({"window_id": "none", "name": "frame"}, "INVALID_TARGET"),
        ({"session_id": "none", "name": "grid_size"}, "INVALID_TARGET"),
        ({"name": "frame"}, "INVALID_TARGET"),
        ({"session_id": "active", "name": "shape"}, "UNRECOGNIZED_NAME"),
    ],
)
async def test_a_property_that_is_not_there_is_refused(
    wire: WireClient, target: dict[str, Any], status: str
) -> None:
    await wire.open_window()
    response = await wire.ask(api_pb2.GetPropertyRequest(**target))
    assert api_pb2.GetPropertyResponse.Status.Name(response.status) == status


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("frame", "{", "INVALID_VALUE"),
        ("frame", "[]", "INVALID_VALUE"),
        ("frame", '{"origin":{}}', "INVALID_VALUE"),
        ("fullscreen", "true", "FAILED"),
        ("fullscreen", "false", "OK"),
        ("shape", "1", "UNRECOGNIZED_NAME"),
    ],
)
async def test_a_windows_property_is_checked(
    wire: WireClient, name: str, value: str, status: str
) -> None:
    opened = await wire.open_window()
    response = await wire.ask(
        api_pb2.SetPropertyRequest(window_id=opened.window_id, name=name, json_value=value)
    )
    assert api_pb2.SetPropertyResponse.Status.Name(response.status) == status


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("grid_size", "7", "INVALID_VALUE"),
        ("grid_size", '{"width":1,"height":5}', "INVALID_VALUE"),
        ("grid_size", '{"width":-5,"height":5}', "INVALID_VALUE"),
        ("grid_size", '{"width":99999999,"height":5}', "INVALID_VALUE"),
        ("buried", "false", "OK"),
        ("shape", "1", "UNRECOGNIZED_NAME"),
    ],
)
async def test_a_sessions_property_is_checked(
    wire: WireClient, name: str, value: str, status: str
) -> None:
    opened = await wire.open_window()
    request = api_pb2.SetPropertyRequest(session_id=opened.session_id, name=name, json_value=value)
    response = await wire.ask(request)
    assert api_pb2.SetPropertyResponse.Status.Name(response.status) == status
    request.session_id = "none"
    assert (await wire.ask(request)).status == response.INVALID_TARGET


# Profiles.


async def profile_of(wire: WireClient, session: str, *keys: str) -> dict[str, Any]:
    response = await wire.ask(api_pb2.GetProfilePropertyRequest(session=session, keys=keys))
    assert response.status == response.OK
    return {one.key: json.loads(one.json_value) for one in response.properties}


async def test_a_sessions_profile_is_its_own_copy(wire: WireClient) -> None:
    one, other = await wire.open_window(), await wire.open_window()
    changed = await wire.ask(
        api_pb2.SetProfilePropertyRequest(
            session=one.session_id,
            assignments=[
                api_pb2.SetProfilePropertyRequest.Assignment(key="Badge Text", json_value='"b"'),
                api_pb2.SetProfilePropertyRequest.Assignment(key="Own", json_value="[1]"),
            ],
        )
    )
    assert changed.status == changed.OK
    assert await profile_of(wire, one.session_id, "Badge Text", "Own") == {
        "Badge Text": "b", "Own": [1]
    }  # fmt: skip
    assert await profile_of(wire, other.session_id, "Badge Text", "Own") == {"Badge Text": ""}
    assert "Columns" in await profile_of(wire, other.session_id)


async def test_a_profiles_name_names_the_session(wire: WireClient) -> None:
    opened = await wire.open_window()
    await wire.ask(
        api_pb2.SetProfilePropertyRequest(
            session=opened.session_id, key="Name", json_value='"builder"'
        )
    )
    (name,) = await get(wire, "name", session_id=opened.session_id)
    assert name.startswith("builder")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"session": "none", "key": "Name", "json_value": '"x"'}, "SESSION_NOT_FOUND"),
        ({"session": "active", "key": "Columns", "json_value": "{"}, "REQUEST_MALFORMED"),
        ({"session": "active", "key": "Columns", "json_value": '"x"'}, "REQUEST_MALFORMED"),
        ({"session": "active", "key": "Guid", "json_value": "null"}, "REQUEST_MALFORMED"),
        ({"session": "all", "key": "Columns", "json_value": "99"}, "OK"),
        ({"key": "Name", "json_value": '"x"'}, "REQUEST_MALFORMED"),
    ],
)
async def test_a_profile_property_is_checked(
    wire: WireClient, asked: dict[str, Any], status: str
) -> None:
    await wire.open_window()
    response = await wire.ask(api_pb2.SetProfilePropertyRequest(**asked))
    assert api_pb2.SetProfilePropertyResponse.Status.Name(response.status) == status


async def test_a_profile_of_nobody_is_refused(wire: WireClient) -> None:
    response = await wire.ask(api_pb2.GetProfilePropertyRequest(session="none"))
    assert response.status == response.SESSION_NOT_FOUND


async def test_the_default_profile_is_listed(wire: WireClient) -> None:
    response = await wire.ask(api_pb2.ListProfilesRequest(properties=["Name", "Guid", "Nothing"]))
    (profile,) = response.profiles
    found = {one.key: json.loads(one.json_value) for one in profile.properties}
    assert found["Name"] == "Default"
    assert set(found) == {"Name", "Guid"}
    none = await wire.ask(api_pb2.ListProfilesRequest(guids=["none"]))
    assert not none.profiles


# Functions.


async def invoke(wire: WireClient, invocation: str, **context: Any) -> Any:  # noqa: ANN401
    return await wire.ask(api_pb2.InvokeFunctionRequest(invocation=invocation, **context))


def of_session(session_id: str) -> Any:  # noqa: ANN401
    return api_pb2.InvokeFunctionRequest.Session(session_id=session_id)


def method(receiver: str) -> Any:  # noqa: ANN401
    return api_pb2.InvokeFunctionRequest.Method(receiver=receiver)


async def test_sessions_tabs_and_windows_are_named_by_functions(wire: WireClient) -> None:
    opened = await wire.open_window()
    named = await invoke(
        wire, 'iterm2.set_name(name: "a \\"b\\"")', method=method(opened.session_id)
    )
    assert named.success.json_result == "null"
    (name,) = await get(wire, "name", session_id=opened.session_id)
    assert name.startswith('a "b"')
    for kind in ("tab_id", "window_id"):
        identifier = str(getattr(opened, kind))
        titled = await invoke(wire, f'iterm2.set_title(title: "{kind}")', method=method(identifier))
        assert titled.HasField("success")
        assert await get(wire, "titleOverride", **{kind: identifier}) == [kind]
        await invoke(wire, 'iterm2.set_title(title: "")', method=method(identifier))
        assert await get(wire, "titleOverride", **{kind: identifier}) == [None]


async def test_an_argument_may_be_a_variable(wire: WireClient) -> None:
    opened = await wire.open_window()
    await invoke(wire, "iterm2.set_name(name: session.id)", session=of_session(opened.session_id))
    (name,) = await get(wire, "name", session_id=opened.session_id)
    assert name.startswith(opened.session_id)


@pytest.mark.parametrize(
    ("invocation", "context", "status", "reason"),
    [
        ("f()", {}, "REQUEST_MALFORMED", "context"),
        ("f()", {"method": method("")}, "REQUEST_MALFORMED", "receiver"),
        ("f()", {"method": method("none")}, "FAILED", "not found"),
        ("f()", {"session": of_session("none")}, "INVALID_ID", "No such"),
        ("f(x: 1)", {"app": api_pb2.InvokeFunctionRequest.App()}, "FAILED", "No function"),
        ("f(", {"app": api_pb2.InvokeFunctionRequest.App()}, "FAILED", "expected"),
        ("f() f()", {"app": api_pb2.InvokeFunctionRequest.App()}, "FAILED", "more than one"),
        ("f", {"app": api_pb2.InvokeFunctionRequest.App()}, "FAILED", "not a function call"),
        (
            "iterm2.set_name(name: no.such)",
            {"session": of_session("active")},
            "FAILED",
            "undefined variable",
        ),
        (
            'iterm2.set_title(title: "x")',
            {"session": of_session("active")},
            "FAILED",
            "needs a tab or a window",
        ),
        (
            'iterm2.set_name(name: "x")',
            {"app": api_pb2.InvokeFunctionRequest.App()},
            "FAILED",
            "needs a session",
        ),
    ],
)
async def test_a_call_that_cannot_be_made_says_why(
    wire: WireClient, invocation: str, context: dict[str, Any], status: str, reason: str
) -> None:
    await wire.open_window()
    response = await invoke(wire, invocation, **context)
    assert api_pb2.InvokeFunctionResponse.Status.Name(response.error.status) == status
    assert reason in response.error.error_reason
