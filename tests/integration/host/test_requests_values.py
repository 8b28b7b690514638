"""Variable, GetProperty, SetProperty, profile properties, ListProfiles."""

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


@pytest.mark.answers("variable_request", "OK", source="2.10")
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


@pytest.mark.answers("variable_request", "OK", source="2.10")
async def test_unknown_variables_are_null_and_a_star_lists_all(wire: WireClient) -> None:
    opened = await wire.open_window()
    none, everything = await get(wire, "nothing.here", "*", session_id=opened.session_id)
    assert none is None
    assert everything["id"] == opened.session_id
    assert all(isinstance(value, str) for value in everything.values())


@pytest.mark.answers("variable_request", "OK", source="2.10")
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


@pytest.mark.answers("variable_request", "OK", source="2.10")
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


@pytest.mark.answers(
    "variable_request",
    "MISSING_SCOPE",
    "SESSION_NOT_FOUND",
    "TAB_NOT_FOUND",
    "WINDOW_NOT_FOUND",
    "MULTI_GET_DISALLOWED",
    "INVALID_NAME",
    source="2.10",
)
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


@pytest.mark.behaves("RemoteHost", "CurrentDir", "SetUserVar", source="7.2")
@pytest.mark.behaves("OSC 7", source="7.3")
@pytest.mark.behaves("OSC 0", "OSC 2", source="7.4")
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


@pytest.mark.behaves(
    "showingAlternateScreen", "applicationKeypad", "mouseReportingMode", "bellCount", source="7.6"
)
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


async def input_of(wire: WireClient, session_id: str) -> dict[str, Any]:
    (found,) = await get(wire, "iterm_mcp.input", session_id=session_id)
    return dict(found)


async def test_how_a_program_wants_its_input_is_a_variable(wire: WireClient) -> None:
    opened = await wire.open_window("/bin/cat")
    before = await input_of(wire, opened.session_id)
    await wire.feed(opened.session_id, b"\x1b[?1h\x1b[?2004h")
    after = await input_of(wire, opened.session_id)
    plain = {"applicationCursor": False, "bracketedPaste": False, "readsLines": True, "queued": 0}
    assert before == plain
    assert after == plain | {"applicationCursor": True, "bracketedPaste": True}


async def test_whether_the_cursor_is_to_be_seen_is_a_variable(wire: WireClient) -> None:
    session = (await wire.open_window("/bin/cat")).session_id
    assert await get(wire, "iterm_mcp.cursorVisible", session_id=session) == [True]
    await wire.feed(session, b"\x1b[?25l")
    assert await get(wire, "iterm_mcp.cursorVisible", session_id=session) == [False]


async def test_what_a_program_leaves_unread_is_counted(wire: WireClient) -> None:
    opened = await wire.open_window("/bin/sh -c 'stty raw -echo; printf ready; exec sleep 600'")
    await eventually(lambda: wire.text(opened.session_id), lambda lines: "ready" in lines)
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="x" * 200_000))
    found = await input_of(wire, opened.session_id)
    assert found["readsLines"] is False
    assert 100_000 < found["queued"] <= 200_000


# Properties.


async def property_of(wire: WireClient, name: str, **target: str) -> Any:  # noqa: ANN401
    response = await wire.ask(api_pb2.GetPropertyRequest(name=name, **target))
    assert response.status == response.OK
    return json.loads(response.json_value)


@pytest.mark.behaves("frame", "fullscreen", source="2.8")
@pytest.mark.answers("set_property_request", "OK", source="2.8")
@pytest.mark.answers("get_property_request", "OK", source="2.8")
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


@pytest.mark.behaves("grid_size", source="2.8")
@pytest.mark.behaves("true grid", source="D")
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


@pytest.mark.behaves("number_of_lines", source="2.8")
@pytest.mark.answers("get_property_request", "OK", source="2.8")
async def test_the_number_of_lines_counts_what_is_kept_and_what_was_lost(wire: WireClient) -> None:
    opened = await wire.open_window(Rows="10", **{"Scrollback Lines": "20"})
    await wire.feed(opened.session_id, b"x\r\n" * 100)
    lines = await property_of(wire, "number_of_lines", session_id=opened.session_id)
    assert lines == {"overflow": 71, "grid": 10, "history": 20, "first_visible": 91}
    assert await property_of(wire, "buried", session_id=opened.session_id) is False


@pytest.mark.answers("get_property_request", "INVALID_TARGET", "UNRECOGNIZED_NAME", source="2.8")
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


@pytest.mark.answers(
    "set_property_request", "INVALID_VALUE", "FAILED", "OK", "UNRECOGNIZED_NAME", source="2.8"
)
@pytest.mark.behaves("fullscreen", source="2.8")
@pytest.mark.behaves("half a frame", source="D")
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


@pytest.mark.answers(
    "set_property_request", "INVALID_VALUE", "INVALID_TARGET", "UNRECOGNIZED_NAME", source="2.8"
)
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


@pytest.mark.answers("set_profile_property_request", "OK", source="2.9")
@pytest.mark.answers("get_profile_property_request", "OK", source="2.9")
async def test_a_sessions_profile_is_its_own_copy(wire: WireClient) -> None:
    one, other = await wire.open_window(), await wire.open_window()
    changed = await wire.ask(
        api_pb2.SetProfilePropertyRequest(
            session=one.session_id,
            assignments=[
                api_pb2.SetProfilePropertyRequest.Assignment(key="Badge Text", json_value='"b"'),
                api_pb2.SetProfilePropertyRequest.Assignment(key="Tags", json_value='["t"]'),
            ],
        )
    )
    assert changed.status == changed.OK
    assert await profile_of(wire, one.session_id, "Badge Text", "Tags") == {
        "Badge Text": "b", "Tags": ["t"]
    }  # fmt: skip
    assert await profile_of(wire, other.session_id, "Badge Text", "Tags") == {"Badge Text": ""}
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


@pytest.mark.answers(
    "set_profile_property_request", "SESSION_NOT_FOUND", "REQUEST_MALFORMED", "OK", source="2.9"
)
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


@pytest.mark.answers("get_profile_property_request", "SESSION_NOT_FOUND", source="2.9")
async def test_a_profile_of_nobody_is_refused(wire: WireClient) -> None:
    response = await wire.ask(api_pb2.GetProfilePropertyRequest(session="none"))
    assert response.status == response.SESSION_NOT_FOUND


@pytest.mark.answers("list_profiles_request", source="2.9")
async def test_the_default_profile_is_listed(wire: WireClient) -> None:
    response = await wire.ask(api_pb2.ListProfilesRequest(properties=["Name", "Guid", "Nothing"]))
    (profile,) = response.profiles
    found = {one.key: json.loads(one.json_value) for one in profile.properties}
    assert found["Name"] == "Default"
    assert set(found) == {"Name", "Guid"}
    none = await wire.ask(api_pb2.ListProfilesRequest(guids=["none"]))
    assert not none.profiles
