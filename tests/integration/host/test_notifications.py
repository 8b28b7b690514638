"""What clients are told, and when they are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.host.wire_client import open_wire

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient


async def subscribe(
    wire: WireClient,
    kind: str,
    session: str = "",
    *,
    on: bool = True,
    **more: Any,  # noqa: ANN401
) -> str:
    """Subscribe, or end it; return the status's name."""
    response = await wire.ask(
        api_pb2.NotificationRequest(
            notification_type=api_pb2.NotificationType.Value(kind),
            session=session,
            subscribe=on,
            **more,
        )
    )
    return api_pb2.NotificationResponse.Status.Name(response.status)


def monitor(scope: str, identifier: str, name: str) -> dict[str, Any]:
    """Return the argument of a subscription to a variable."""
    return {
        "variable_monitor_request": api_pb2.VariableMonitorRequest(
            scope=api_pb2.VariableScope.Value(scope), identifier=identifier, name=name
        )
    }


async def close(wire: WireClient, session_id: str) -> None:
    await wire.ask(
        api_pb2.CloseRequest(sessions=api_pb2.CloseRequest.CloseSessions(session_ids=[session_id]))
    )


@pytest.mark.notifies("NOTIFY_ON_NEW_SESSION", source="3.1")
@pytest.mark.notifies("NOTIFY_ON_TERMINATE_SESSION", source="3.2")
@pytest.mark.answers("notification_request", "OK", source="3.0")
async def test_a_session_is_told_of_when_it_opens_and_when_it_ends(wire: WireClient) -> None:
    assert await subscribe(wire, "NOTIFY_ON_NEW_SESSION") == "OK"
    assert await subscribe(wire, "NOTIFY_ON_TERMINATE_SESSION") == "OK"
    opened = await wire.open_window()
    mine = opened.session_id
    await wire.notified(lambda one: one.session_id == mine, "new_session_notification")
    await close(wire, mine)
    await wire.notified(lambda one: one.session_id == mine, "terminate_session_notification")


@pytest.mark.notifies("NOTIFY_ON_TERMINATE_SESSION", source="3.2")
@pytest.mark.behaves("one end", source="D")
async def test_a_programs_own_end_is_told_once(wire: WireClient) -> None:
    await subscribe(wire, "NOTIFY_ON_TERMINATE_SESSION")
    opened, other = await wire.open_window(), await wire.open_window()
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="\x04"))
    await wire.notified(
        lambda one: one.session_id == opened.session_id, "terminate_session_notification"
    )
    await close(wire, other.session_id)
    ended = await wire.notified(lambda _: True, "terminate_session_notification")
    assert ended.session_id == other.session_id


@pytest.mark.notifies("NOTIFY_ON_LAYOUT_CHANGE", source="3.3")
async def test_the_layout_is_told_whole(wire: WireClient) -> None:
    await subscribe(wire, "NOTIFY_ON_LAYOUT_CHANGE")
    opened = await wire.open_window()
    split = await wire.ask(api_pb2.SplitPaneRequest(session=opened.session_id))

    def has_both(event: Any) -> bool:  # noqa: ANN401
        ids = {
            link.session.unique_identifier
            for window in event.list_sessions_response.windows
            for tab in window.tabs
            for link in tab.root.links
        }
        return {opened.session_id, split.session_id[0]} <= ids

    await wire.notified(has_both, "layout_changed_notification")


@pytest.mark.notifies("NOTIFY_ON_LAYOUT_CHANGE", "NOTIFY_ON_FOCUS_CHANGE", source="3.0")
@pytest.mark.behaves("order", source="3.0")
async def test_a_layout_is_told_before_the_focus_in_it(wire: WireClient) -> None:
    await subscribe(wire, "NOTIFY_ON_LAYOUT_CHANGE")
    await subscribe(wire, "NOTIFY_ON_FOCUS_CHANGE")
    opened = await wire.open_window()

    def has_window(event: Any) -> bool:  # noqa: ANN401
        ids = {window.window_id for window in event.list_sessions_response.windows}
        return opened.window_id in ids

    await wire.notified(has_window, "layout_changed_notification")
    await wire.notified(
        lambda event: event.window.window_id == opened.window_id, "focus_changed_notification"
    )


@pytest.mark.notifies("NOTIFY_ON_FOCUS_CHANGE", source="3.4")
async def test_each_move_of_the_focus_is_told(wire: WireClient) -> None:
    opened = await wire.open_window()
    second = await wire.ask(api_pb2.CreateTabRequest(window_id=opened.window_id))
    await subscribe(wire, "NOTIFY_ON_FOCUS_CHANGE")
    await wire.ask(api_pb2.ActivateRequest(tab_id=str(opened.tab_id), select_tab=True))
    await wire.notified(
        lambda event: event.selected_tab == str(opened.tab_id), "focus_changed_notification"
    )
    split = await wire.ask(api_pb2.SplitPaneRequest(session=second.session_id))
    await wire.ask(api_pb2.ActivateRequest(session_id=split.session_id[0], select_session=True))
    await wire.ask(api_pb2.ActivateRequest(session_id=second.session_id, select_session=True))
    await wire.notified(
        lambda event: event.session == second.session_id, "focus_changed_notification"
    )


@pytest.mark.notifies("NOTIFY_ON_SCREEN_UPDATE", source="3.6")
async def test_a_changed_screen_is_told_to_those_who_watch_it(wire: WireClient) -> None:
    watched, other = await wire.open_window(), await wire.open_window()
    assert await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", watched.session_id) == "OK"
    await wire.feed(other.session_id, b"not told")
    await wire.feed(watched.session_id, b"told")
    update = await wire.notified(lambda _: True, "screen_update_notification")
    assert update.session == watched.session_id


@pytest.mark.notifies("NOTIFY_ON_SCREEN_UPDATE", source="3.6")
@pytest.mark.behaves("all", source="3.0")
async def test_all_covers_sessions_to_come(wire: WireClient) -> None:
    assert await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", "all") == "OK"
    opened = await wire.open_window()
    await wire.feed(opened.session_id, b"new")
    await wire.notified(
        lambda update: update.session == opened.session_id, "screen_update_notification"
    )


@pytest.mark.notifies("NOTIFY_ON_VARIABLE_CHANGE", source="3.9")
async def test_a_watched_variable_is_told_with_its_new_value(wire: WireClient) -> None:
    opened = await wire.open_window()
    watch = monitor("SESSION", opened.session_id, "terminalWindowName")
    assert await subscribe(wire, "NOTIFY_ON_VARIABLE_CHANGE", **watch) == "OK"
    await wire.feed(opened.session_id, b"\x1b]2;changed\x07")
    event = await wire.notified(lambda _: True, "variable_changed_notification")
    assert (event.identifier, event.name) == (opened.session_id, "terminalWindowName")
    assert json.loads(event.json_new_value) == "changed"


@pytest.mark.notifies("NOTIFY_ON_VARIABLE_CHANGE", source="3.9")
async def test_a_variable_of_all_sessions_names_the_one_that_changed(wire: WireClient) -> None:
    opened = await wire.open_window()
    watch = monitor("SESSION", "all", "user.state")
    assert await subscribe(wire, "NOTIFY_ON_VARIABLE_CHANGE", **watch) == "OK"
    value = api_pb2.VariableRequest.Set(name="user.state", value='"busy"')
    await wire.ask(api_pb2.VariableRequest(session_id=opened.session_id, set=[value]))
    event = await wire.notified(lambda _: True, "variable_changed_notification")
    assert (event.identifier, json.loads(event.json_new_value)) == (opened.session_id, "busy")


@pytest.mark.answers(
    "notification_request", "OK", "ALREADY_SUBSCRIBED", "NOT_SUBSCRIBED", source="3.0"
)
@pytest.mark.behaves("once", source="3.0")
async def test_subscribing_twice_and_ending_twice_are_told_apart(wire: WireClient) -> None:
    opened = await wire.open_window()
    watch = monitor("SESSION", opened.session_id, "name")
    for kind, session, more in (
        ("NOTIFY_ON_NEW_SESSION", "", {}),
        ("NOTIFY_ON_SCREEN_UPDATE", opened.session_id, {}),
        ("NOTIFY_ON_VARIABLE_CHANGE", "", watch),
    ):
        statuses = [
            await subscribe(wire, kind, session, on=on, **more) for on in (True, True, False, False)
        ]
        assert statuses == ["OK", "ALREADY_SUBSCRIBED", "OK", "NOT_SUBSCRIBED"]


@pytest.mark.answers("notification_request", "OK", "NOT_SUBSCRIBED", source="3.0")
@pytest.mark.behaves("all", source="3.0")
async def test_ending_all_ends_each(wire: WireClient) -> None:
    opened = await wire.open_window()
    await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", opened.session_id)
    assert await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", "all", on=False) == "OK"
    assert await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", "all", on=False) == "NOT_SUBSCRIBED"
    assert await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", opened.session_id) == "OK"


@pytest.mark.answers(
    "notification_request",
    "SESSION_NOT_FOUND",
    "INVALID_IDENTIFIER",
    "REQUEST_MALFORMED",
    source="3.0",
)
@pytest.mark.parametrize(
    ("kind", "session", "more", "status"),
    [
        ("NOTIFY_ON_SCREEN_UPDATE", "none", {}, "SESSION_NOT_FOUND"),
        ("NOTIFY_ON_VARIABLE_CHANGE", "", monitor("SESSION", "x", "name"), "INVALID_IDENTIFIER"),
        ("NOTIFY_ON_VARIABLE_CHANGE", "", monitor("TAB", "all", "title"), "INVALID_IDENTIFIER"),
        ("NOTIFY_ON_VARIABLE_CHANGE", "", monitor("APP", "", ""), "INVALID_IDENTIFIER"),
        ("NOTIFY_ON_LOCATION_CHANGE", "", {}, "REQUEST_MALFORMED"),
    ],
)
async def test_what_cannot_be_watched_is_refused(
    wire: WireClient, kind: str, session: str, more: dict[str, Any], status: str
) -> None:
    assert await subscribe(wire, kind, session, **more) == status


@pytest.mark.answers("notification_request", "REQUEST_MALFORMED", source="3.0")
async def test_a_subscription_says_whether_it_begins_or_ends(wire: WireClient) -> None:
    response = await wire.ask(
        api_pb2.NotificationRequest(notification_type=api_pb2.NOTIFY_ON_NEW_SESSION)
    )
    assert response.status == response.REQUEST_MALFORMED


@pytest.mark.behaves("own", source="3.0")
async def test_a_subscription_is_one_connections_own(host_home: Home, wire: WireClient) -> None:
    async with open_wire(host_home) as other:
        await subscribe(other, "NOTIFY_ON_NEW_SESSION")
        await wire.open_window()
        await other.notified(lambda _: True, "new_session_notification")
    assert wire.seen("new_session_notification") == []


@pytest.mark.notifies("NOTIFY_ON_FOCUS_CHANGE", source="3.4")
async def test_a_window_that_loses_the_focus_is_told_as_well(wire: WireClient) -> None:
    first = await wire.open_window()
    await subscribe(wire, "NOTIFY_ON_FOCUS_CHANGE")
    second = await wire.open_window()
    for session_id in (second.session_id, first.session_id):
        await close(wire, session_id)
    statuses = api_pb2.FocusChangedNotification.Window.WindowStatus
    told = [
        (one.window.window_id, statuses.Name(one.window.window_status))
        for one in wire.seen("focus_changed_notification")
        if one.HasField("window")
    ]
    resigned, became = "TERMINAL_WINDOW_RESIGNED_KEY", "TERMINAL_WINDOW_BECAME_KEY"
    assert told == [
        (first.window_id, resigned), (second.window_id, became),
        (second.window_id, resigned), (first.window_id, became),
        (first.window_id, resigned),
    ]  # fmt: skip


@pytest.mark.behaves("id", source="1.4")
async def test_a_notification_carries_no_id(wire: WireClient) -> None:
    await subscribe(wire, "NOTIFY_ON_NEW_SESSION")
    await wire.send(api_pb2.CreateTabRequest())
    message = await wire.receive()
    while message.WhichOneof("submessage") != "notification":
        message = await wire.receive()
    assert not message.HasField("id")


@pytest.mark.behaves("one each", source="3.0")
async def test_who_watches_one_and_all_is_told_once(wire: WireClient) -> None:
    opened = await wire.open_window()
    await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", opened.session_id)
    await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", "all")
    await subscribe(wire, "NOTIFY_ON_NEW_SESSION")
    await wire.feed(opened.session_id, b"once")
    await wire.notified(lambda _: True, "screen_update_notification")
    later = await wire.open_window()
    await wire.notified(lambda one: one.session_id == later.session_id, "new_session_notification")
    about_the_first = [
        one for one in wire.seen("screen_update_notification") if one.session == opened.session_id
    ]
    assert about_the_first == []


@pytest.mark.notifies("NOTIFY_ON_SCREEN_UPDATE", source="3.6")
@pytest.mark.behaves("trailing", source="3.6")
async def test_the_last_change_of_many_is_told(wire: WireClient) -> None:
    opened = await wire.open_window("/bin/sh -c 'read it; seq 20000; echo the end; read more'")
    await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", opened.session_id)
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="go on\n"))
    # As the library does: what is shown is asked for only when a change is told.
    while "the end" not in await wire.text(opened.session_id):
        await wire.notified(lambda _: True, "screen_update_notification")


@pytest.mark.behaves("end", source="3.0")
async def test_after_its_end_a_subscription_tells_no_more(wire: WireClient) -> None:
    opened = await wire.open_window()
    kinds = ("NOTIFY_ON_NEW_SESSION", "NOTIFY_ON_LAYOUT_CHANGE", "NOTIFY_ON_FOCUS_CHANGE")
    for kind in kinds:
        assert await subscribe(wire, kind) == "OK"
    for kind in kinds:
        assert await subscribe(wire, kind, on=False) == "OK"
    await subscribe(wire, "NOTIFY_ON_TERMINATE_SESSION")
    await wire.open_window()
    await close(wire, opened.session_id)
    await wire.ask(api_pb2.ListSessionsRequest())  # by its answer all of that has been told
    assert [one.session_id for one in wire.seen("terminate_session_notification")] == [
        opened.session_id
    ]
    for told in ("new_session", "layout_changed", "focus_changed"):
        assert wire.seen(f"{told}_notification") == []


@pytest.mark.parametrize(
    "kind",
    [
        "NOTIFY_ON_KEYSTROKE",
        "KEYSTROKE_FILTER",
        "NOTIFY_ON_PROMPT",
        "NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE",
        "NOTIFY_ON_BROADCAST_CHANGE",
        "NOTIFY_ON_PROFILE_CHANGE",
    ],
)
async def test_what_never_happens_here_can_be_waited_for(wire: WireClient, kind: str) -> None:
    assert await subscribe(wire, kind, "all") == "OK"
    assert await subscribe(wire, kind, "all", on=False) == "OK"
    assert await subscribe(wire, kind, "all", on=False) == "NOT_SUBSCRIBED"


async def test_typed_text_is_no_keystroke(wire: WireClient) -> None:
    opened = await wire.open_window()
    await subscribe(wire, "NOTIFY_ON_KEYSTROKE", "all")
    await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", "all")
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="typed\n"))
    while "typed" not in await wire.text(opened.session_id):
        await wire.notified(lambda _: True, "screen_update_notification")
    assert wire.seen("keystroke_notification") == []


@pytest.mark.notifies("NOTIFY_ON_VARIABLE_CHANGE", source="3.9")
@pytest.mark.parametrize("scope", ["TAB", "WINDOW", "APP"])
async def test_a_variable_is_watched_in_each_scope(wire: WireClient, scope: str) -> None:
    opened = await wire.open_window()
    identifier = "" if scope == "APP" else str(getattr(opened, f"{scope.lower()}_id"))
    watch = monitor(scope, identifier, "user.state")
    assert await subscribe(wire, "NOTIFY_ON_VARIABLE_CHANGE", **watch) == "OK"
    where: Any = {"app": True} if scope == "APP" else {f"{scope.lower()}_id": identifier}
    for value in ('"busy"', '"busy"', "null"):
        change = api_pb2.VariableRequest.Set(name="user.state", value=value)
        await wire.ask(api_pb2.VariableRequest(set=[change], **where))
    for told in ("busy", None):  # what is set to what it was is not told
        event = await wire.notified(lambda _: True, "variable_changed_notification")
        assert (event.identifier, json.loads(event.json_new_value)) == (identifier, told)
        assert api_pb2.VariableScope.Name(event.scope) == scope


@pytest.mark.notifies("NOTIFY_ON_VARIABLE_CHANGE", source="3.9")
async def test_a_path_is_watched_through_what_it_leads_to(wire: WireClient) -> None:
    opened = await wire.open_window()
    split = await wire.ask(api_pb2.SplitPaneRequest(session=opened.session_id))
    watch = monitor("TAB", str(opened.tab_id), "currentSession.id")
    await subscribe(wire, "NOTIFY_ON_VARIABLE_CHANGE", **watch)
    await wire.ask(api_pb2.ActivateRequest(session_id=opened.session_id, select_session=True))
    event = await wire.notified(lambda _: True, "variable_changed_notification")
    assert json.loads(event.json_new_value) == opened.session_id
    await close(wire, opened.session_id)
    event = await wire.notified(lambda _: True, "variable_changed_notification")
    assert json.loads(event.json_new_value) == split.session_id[0]


@pytest.mark.notifies("NOTIFY_ON_VARIABLE_CHANGE", source="3.9")
async def test_the_active_sessions_variable_is_told_of_as_active(wire: WireClient) -> None:
    opened = await wire.open_window()
    watch = monitor("SESSION", "active", "terminalWindowName")
    assert await subscribe(wire, "NOTIFY_ON_VARIABLE_CHANGE", **watch) == "OK"
    await wire.feed(opened.session_id, b"\x1b]2;changed\x07")
    event = await wire.notified(lambda _: True, "variable_changed_notification")
    assert (event.identifier, json.loads(event.json_new_value)) == ("active", "changed")


async def test_subscriptions_end_with_their_session(wire: WireClient) -> None:
    opened = await wire.open_window()
    watch = monitor("SESSION", opened.session_id, "name")
    await subscribe(wire, "NOTIFY_ON_VARIABLE_CHANGE", **watch)
    await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", opened.session_id)
    await close(wire, opened.session_id)
    ended = [
        await subscribe(wire, "NOTIFY_ON_VARIABLE_CHANGE", on=False, **watch),
        await subscribe(wire, "NOTIFY_ON_SCREEN_UPDATE", opened.session_id, on=False),
    ]
    assert ended == ["NOT_SUBSCRIBED", "SESSION_NOT_FOUND"]
