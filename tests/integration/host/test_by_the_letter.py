"""What the API's description says in passing, each from its own section."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host.wire_client import headers
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient


async def variable(wire: WireClient, session_id: str, name: str) -> Any:  # noqa: ANN401 - any JSON
    response = await wire.ask(api_pb2.VariableRequest(session_id=session_id, get=[name]))
    assert response.status == response.OK
    return json.loads(response.values[0])


async def watch(wire: WireClient, topic: Any, **arguments: Any) -> None:  # noqa: ANN401 - as named
    response = await wire.ask(
        api_pb2.NotificationRequest(notification_type=topic, subscribe=True, **arguments)
    )
    assert response.status == response.OK


@pytest.mark.behaves("refusals", source="1.3")
@pytest.mark.parametrize("left_out", ["Upgrade", "Connection", "Sec-WebSocket-Key"])
async def test_what_does_not_ask_for_the_upgrade_is_refused(host_home: Home, left_out: str) -> None:
    """API §1.3."""
    asked = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "api.iterm2.com",
        **headers(host_home),
    }
    del asked[left_out]
    lines = "".join(f"{name}: {value}\r\n" for name, value in asked.items())
    with anyio.fail_after(10):
        async with await anyio.connect_unix(host_home.paths.host_socket) as stream:
            await stream.send(f"GET / HTTP/1.1\r\n{lines}\r\n".encode())
            assert (await stream.receive()).startswith(b"HTTP/1.1 400 ")


async def test_a_session_may_begin_again_whenever_its_program_ends(wire: WireClient) -> None:
    """API §2.5, `Close Sessions On End`."""
    opened = await wire.open_window(**{"Close Sessions On End": "2"})
    before = await variable(wire, opened.session_id, "pid")
    await watch(wire, api_pb2.NOTIFY_ON_NEW_SESSION)
    await watch(wire, api_pb2.NOTIFY_ON_TERMINATE_SESSION)
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="\x04"))
    for kind in ("terminate_session_notification", "new_session_notification"):
        await wire.notified(lambda one: one.session_id == opened.session_id, kind)
    assert await variable(wire, opened.session_id, "pid") != before


@pytest.mark.answers("activate_request", "OK", source="2.13")
async def test_who_activates_a_buried_session_has_it_back(wire: WireClient) -> None:
    """API §2.13."""
    buried, front = await wire.open_window(), await wire.open_window()
    await wire.ask(
        api_pb2.SetPropertyRequest(session_id=buried.session_id, name="buried", json_value="true")
    )
    response = await wire.ask(
        api_pb2.ActivateRequest(
            session_id=buried.session_id,
            order_window_front=True,
            select_tab=True,
            select_session=True,
        )
    )
    assert response.status == response.OK
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    assert not listing.buried_sessions
    focus = await wire.ask(api_pb2.FocusRequest())
    key = next(one.window for one in focus.notifications if one.HasField("window"))
    assert key.window_id != front.window_id


@pytest.mark.notifies("NOTIFY_ON_VARIABLE_CHANGE", source="3.9")
async def test_a_job_that_says_nothing_is_told_too(wire: WireClient) -> None:
    """API §2.10: what comes from processes is looked at every second."""
    opened = await wire.open_window("/bin/sh -c 'stty -echo; sleep 0.4; exec sleep 60'")
    await eventually(lambda: variable(wire, opened.session_id, "jobName"), lambda one: one == "sh")
    monitor = api_pb2.VariableMonitorRequest(
        name="commandLine", scope=api_pb2.SESSION, identifier=opened.session_id
    )
    await watch(wire, api_pb2.NOTIFY_ON_VARIABLE_CHANGE, variable_monitor_request=monitor)
    told = await wire.notified(
        lambda one: json.loads(one.json_new_value) == "sleep 60", "variable_changed_notification"
    )
    assert told.identifier == opened.session_id


async def test_a_sessions_processes_are_variables(wire: WireClient) -> None:
    """API §2.10."""
    opened = await wire.open_window("/bin/sh -c 'cat; true'")
    names = ("processTitle", "deepestJob", "foregroundJobAncestors")
    told = await eventually(
        lambda: wire.ask(api_pb2.VariableRequest(session_id=opened.session_id, get=names)),
        lambda one: "cat" in one.values[1],
    )
    title, deepest, ancestors = map(json.loads, told.values)
    assert (title, deepest) == ("/bin/sh", "cat")
    assert ancestors.split("\n")[0] == "sh"
    local = [
        await variable(wire, opened.session_id, name)
        for name in ("isLocalhost", "homeDirectory", "uname")
    ]
    assert local[0] is True
    assert all(local)
    await wire.feed(opened.session_id, b"\x1b]1337;RemoteHost=ann@elsewhere\x07")
    assert await variable(wire, opened.session_id, "isLocalhost") is False
    assert await variable(wire, opened.session_id, "homeDirectory") is None


@pytest.mark.answers("set_profile_property_request", "REQUEST_MALFORMED", "OK", source="2.9")
async def test_a_key_that_no_profile_has_changes_nothing_of_a_session(wire: WireClient) -> None:
    """API §2.9: a session's keys are checked, a shared profile's are not."""
    opened = await wire.open_window()
    assign = api_pb2.SetProfilePropertyRequest.Assignment
    request = api_pb2.SetProfilePropertyRequest(
        session=opened.session_id,
        assignments=[
            assign(key="Badge Text", json_value='"lost"'),
            assign(key="Nobody's", json_value="1"),
        ],
    )
    response = await wire.ask(request)
    assert response.status == response.REQUEST_MALFORMED
    assert await variable(wire, opened.session_id, "badge") == ""
    del request.assignments[1]
    assert (await wire.ask(request)).status == response.OK
    assert await variable(wire, opened.session_id, "badge") == "lost"
