"""ListSessions, CreateTab, SplitPane, SendText, Inject, Close, SetTabLayout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host.wire_client import open_wire
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

NOWHERE = "00000000-0000-0000-0000-000000000000"
BAD_JSON = [api_pb2.ProfileProperty(key="Columns", json_value="{")]


async def listed(wire: WireClient, window_id: str) -> Any:  # noqa: ANN401
    """Return a window as it is listed."""
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    return next(one for one in listing.windows if one.window_id == window_id)


@pytest.mark.answers("create_tab_request", "OK", source="2.5")
@pytest.mark.answers("list_sessions_request", source="2.1")
async def test_a_new_window_is_listed_with_its_tab_session_and_size(wire: WireClient) -> None:
    opened = await wire.open_window(Columns="100", Rows="30")
    window = await listed(wire, opened.window_id)
    assert window.window_id.startswith("pty-")
    assert (window.frame.size.width, window.frame.size.height) == (800, 480)
    (tab,) = window.tabs
    assert tab.tab_id == str(opened.tab_id) == window.selected_tab_id
    assert tab.active_session_id == opened.session_id
    (link,) = tab.root.links
    assert link.session.unique_identifier == opened.session_id
    assert (link.session.grid_size.width, link.session.grid_size.height) == (100, 30)


@pytest.mark.answers("create_tab_request", "OK", source="2.5")
async def test_a_tab_opens_where_it_was_asked_for(wire: WireClient) -> None:
    opened = await wire.open_window()
    second = await wire.ask(api_pb2.CreateTabRequest(window_id=opened.window_id, tab_index=0))
    third = await wire.ask(api_pb2.CreateTabRequest(window_id=opened.window_id, select_tab=False))
    window = await listed(wire, opened.window_id)
    wanted = [second.tab_id, opened.tab_id, third.tab_id]
    assert [tab.tab_id for tab in window.tabs] == [str(one) for one in wanted]
    assert window.selected_tab_id == str(second.tab_id)


@pytest.mark.answers(
    "create_tab_request",
    "INVALID_WINDOW_ID",
    "INVALID_PROFILE_NAME",
    "MISSING_SUBSTITUTION",
    source="2.5",
)
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (api_pb2.CreateTabRequest(window_id="pty-none"), "INVALID_WINDOW_ID"),
        (api_pb2.CreateTabRequest(profile_name="none"), "INVALID_PROFILE_NAME"),
        (api_pb2.CreateTabRequest(custom_profile_properties=BAD_JSON), "MISSING_SUBSTITUTION"),
    ],
)
async def test_what_cannot_be_opened_is_refused(
    wire: WireClient, request_: api_pb2.CreateTabRequest, status: str
) -> None:
    response = await wire.ask(request_)
    assert api_pb2.CreateTabResponse.Status.Name(response.status) == status


@pytest.mark.answers("create_tab_request", "INVALID_TAB_INDEX", source="2.5")
async def test_a_tab_index_beyond_the_end_opens_at_the_end_and_says_so(wire: WireClient) -> None:
    opened = await wire.open_window()
    late = await wire.ask(api_pb2.CreateTabRequest(window_id=opened.window_id, tab_index=9))
    assert late.status == late.INVALID_TAB_INDEX
    window = await listed(wire, opened.window_id)
    assert [tab.tab_id for tab in window.tabs] == [str(opened.tab_id), str(late.tab_id)]


@pytest.mark.answers("create_tab_request", "MISSING_SUBSTITUTION", source="2.5")
@pytest.mark.answers("split_pane_request", "CANNOT_SPLIT", source="2.6")
@pytest.mark.parametrize("command", ["'unbalanced", "/no/such/program", "/etc", "no-such-program"])
async def test_a_program_that_cannot_be_started_opens_nothing(
    wire: WireClient, command: str
) -> None:
    opened = await wire.open_window()
    custom = [
        api_pb2.ProfileProperty(key="Custom Command", json_value='"Yes"'),
        api_pb2.ProfileProperty(key="Command", json_value=json.dumps(command)),
    ]
    tab = await wire.ask(api_pb2.CreateTabRequest(custom_profile_properties=custom))
    assert tab.status == tab.MISSING_SUBSTITUTION
    split = await wire.ask(
        api_pb2.SplitPaneRequest(session=opened.session_id, custom_profile_properties=custom)
    )
    assert split.status == split.CANNOT_SPLIT
    (window,) = (await wire.ask(api_pb2.ListSessionsRequest())).windows
    assert [len(tab.root.links) for tab in window.tabs] == [1]


@pytest.mark.answers("split_pane_request", "OK", source="2.6")
@pytest.mark.parametrize("vertical", [True, False])
@pytest.mark.parametrize("before", [True, False])
async def test_a_split_stands_beside_or_below_and_shares_the_cells(
    wire: WireClient, *, vertical: bool, before: bool
) -> None:
    opened = await wire.open_window(Columns="81", Rows="25")
    direction = (
        api_pb2.SplitPaneRequest.VERTICAL if vertical else api_pb2.SplitPaneRequest.HORIZONTAL
    )
    split = await wire.ask(
        api_pb2.SplitPaneRequest(
            session=opened.session_id, split_direction=direction, before=before
        )
    )
    assert split.status == split.OK
    (tab,) = (await listed(wire, opened.window_id)).tabs
    ids = [link.session.unique_identifier for link in tab.root.links]
    wanted = [opened.session_id, *split.session_id]
    assert ids == (wanted[::-1] if before else wanted)
    assert tab.root.vertical is vertical
    sizes = [(s.session.grid_size.width, s.session.grid_size.height) for s in tab.root.links]
    assert sizes == ([(40, 25), (40, 25)] if vertical else [(81, 12), (81, 12)])
    assert tab.active_session_id == split.session_id[0]


@pytest.mark.answers("split_pane_request", "OK", source="2.6")
@pytest.mark.behaves("all", source="2.0")
async def test_all_panes_are_split_at_once(wire: WireClient) -> None:
    one, other = await wire.open_window(), await wire.open_window()
    split = await wire.ask(api_pb2.SplitPaneRequest(session="all"))
    assert len(split.session_id) == 2
    for opened in (one, other):
        (tab,) = (await listed(wire, opened.window_id)).tabs
        assert len(tab.root.links) == 2


@pytest.mark.answers(
    "split_pane_request",
    "SESSION_NOT_FOUND",
    "INVALID_PROFILE_NAME",
    "MALFORMED_CUSTOM_PROFILE_PROPERTY",
    source="2.6",
)
@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"session": NOWHERE}, "SESSION_NOT_FOUND"),
        ({"session": ""}, "SESSION_NOT_FOUND"),
        ({"profile_name": "none"}, "INVALID_PROFILE_NAME"),
        ({"custom_profile_properties": BAD_JSON}, "MALFORMED_CUSTOM_PROFILE_PROPERTY"),
    ],
)
async def test_a_split_is_refused_with_its_reason(
    wire: WireClient, changed: dict[str, Any], status: str
) -> None:
    opened = await wire.open_window()
    response = await wire.ask(api_pb2.SplitPaneRequest(**{"session": opened.session_id, **changed}))
    assert api_pb2.SplitPaneResponse.Status.Name(response.status) == status


@pytest.mark.answers("split_pane_request", "CANNOT_SPLIT", source="2.6")
async def test_a_pane_without_room_is_not_split(wire: WireClient) -> None:
    opened = await wire.open_window(Columns="4", Rows="4")
    response = await wire.ask(
        api_pb2.SplitPaneRequest(
            session=opened.session_id, split_direction=api_pb2.SplitPaneRequest.VERTICAL
        )
    )
    while response.status == response.OK:
        response = await wire.ask(
            api_pb2.SplitPaneRequest(
                session=opened.session_id, split_direction=api_pb2.SplitPaneRequest.VERTICAL
            )
        )
    assert response.status == response.CANNOT_SPLIT


@pytest.mark.answers("send_text_request", "OK", source="2.4")
@pytest.mark.behaves("all", source="2.0")
async def test_text_reaches_one_session_or_all(wire: WireClient) -> None:
    one, other = await wire.open_window(), await wire.open_window()

    async def shows(session_id: str, *shown: str) -> None:
        await eventually(
            lambda: wire.text(session_id), lambda lines: lines[: len(shown)] == list(shown)
        )

    # A terminal's driver shows what is typed, and cat repeats it.
    sent = await wire.ask(api_pb2.SendTextRequest(session=one.session_id, text="ünly öne\n"))
    assert sent.status == sent.OK
    await shows(one.session_id, "ünly öne", "ünly öne")
    sent = await wire.ask(api_pb2.SendTextRequest(session="all", text="everybody\n"))
    assert sent.status == sent.OK
    await shows(one.session_id, "ünly öne", "ünly öne", "everybody", "everybody")
    await shows(other.session_id, "everybody", "everybody")


@pytest.mark.answers("send_text_request", "SESSION_NOT_FOUND", source="2.4")
async def test_text_for_nobody_is_refused(wire: WireClient) -> None:
    response = await wire.ask(api_pb2.SendTextRequest(session=NOWHERE, text="x"))
    assert response.status == response.SESSION_NOT_FOUND


@pytest.mark.answers("inject_request", "OK", "SESSION_NOT_FOUND", source="2.14")
async def test_injected_bytes_appear_as_output(wire: WireClient) -> None:
    opened = await wire.open_window()
    response = await wire.ask(
        api_pb2.InjectRequest(
            session_id=[opened.session_id, NOWHERE], data=b"\x1b[2Jshown\x1b[3;1Hx"
        )
    )
    assert list(response.status) == [response.OK, response.SESSION_NOT_FOUND]
    lines = await wire.text(opened.session_id)
    assert (lines[0], lines[2]) == ("shown", "x")


@pytest.mark.answers("close_request", "OK", "NOT_FOUND", source="2.11")
async def test_sessions_tabs_and_windows_close_with_a_status_each(wire: WireClient) -> None:
    close = api_pb2.CloseRequest
    opened = await wire.open_window()
    split = await wire.ask(api_pb2.SplitPaneRequest(session=opened.session_id))
    second = await wire.ask(api_pb2.CreateTabRequest(window_id=opened.window_id))
    response = await wire.ask(
        close(sessions=close.CloseSessions(session_ids=[split.session_id[0], NOWHERE]))
    )
    assert list(response.statuses) == [response.OK, response.NOT_FOUND]
    response = await wire.ask(close(tabs=close.CloseTabs(tab_ids=[str(second.tab_id), "x"])))
    assert list(response.statuses) == [response.OK, response.NOT_FOUND]
    (tab,) = (await listed(wire, opened.window_id)).tabs
    assert [link.session.unique_identifier for link in tab.root.links] == [opened.session_id]
    response = await wire.ask(
        close(windows=close.CloseWindows(window_ids=[opened.window_id, "pty-none"]))
    )
    assert list(response.statuses) == [response.OK, response.NOT_FOUND]
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    assert opened.window_id not in {window.window_id for window in listing.windows}


async def test_a_program_that_ends_takes_its_pane_with_it(wire: WireClient) -> None:
    opened = await wire.open_window()
    split = await wire.ask(api_pb2.SplitPaneRequest(session=opened.session_id))
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="\x04"))

    async def sessions() -> list[str]:
        (tab,) = (await listed(wire, opened.window_id)).tabs
        return [link.session.unique_identifier for link in tab.root.links]

    await eventually(sessions, lambda ids: ids == list(split.session_id))


@pytest.mark.answers("set_tab_layout_request", "OK", source="2.7")
async def test_a_tabs_sizes_can_be_set_by_its_own_tree(wire: WireClient) -> None:
    opened = await wire.open_window(Columns="81", Rows="25")
    await wire.ask(
        api_pb2.SplitPaneRequest(
            session=opened.session_id, split_direction=api_pb2.SplitPaneRequest.VERTICAL
        )
    )
    (tab,) = (await listed(wire, opened.window_id)).tabs
    tab.root.links[0].session.grid_size.width = 20
    tab.root.links[1].session.grid_size.width = 60
    response = await wire.ask(api_pb2.SetTabLayoutRequest(tab_id=tab.tab_id, root=tab.root))
    assert response.status == response.OK
    (after,) = (await listed(wire, opened.window_id)).tabs
    assert [link.session.grid_size.width for link in after.root.links] == [20, 60]


@pytest.mark.answers("set_tab_layout_request", "WRONG_TREE", "BAD_TAB_ID", source="2.7")
async def test_a_tree_of_another_shape_or_tab_is_refused(wire: WireClient) -> None:
    opened = await wire.open_window()
    response = await wire.ask(
        api_pb2.SetTabLayoutRequest(tab_id=str(opened.tab_id), root=api_pb2.SplitTreeNode())
    )
    assert response.status == response.WRONG_TREE
    response = await wire.ask(api_pb2.SetTabLayoutRequest(tab_id="none"))
    assert response.status == response.BAD_TAB_ID


async def test_windows_that_open_at_the_same_time_are_numbered_apart(
    host_home: Home, wire: WireClient
) -> None:
    async def open_one() -> None:
        async with open_wire(host_home) as other:
            await other.open_window()

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(open_one)
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    assert sorted(window.number for window in listing.windows) == list(range(6))


@pytest.mark.answers("send_text_request", "SESSION_NOT_FOUND", source="2.4")
@pytest.mark.answers("close_request", "OK", "NOT_FOUND", source="2.11")
@pytest.mark.notifies("NOTIFY_ON_TERMINATE_SESSION", source="3.2")
async def test_a_session_may_be_kept_when_its_program_ends(wire: WireClient) -> None:
    opened = await wire.open_window(**{"Close Sessions On End": "0"})
    for kind in (api_pb2.NOTIFY_ON_TERMINATE_SESSION, api_pb2.NOTIFY_ON_NEW_SESSION):
        await wire.ask(api_pb2.NotificationRequest(notification_type=kind, subscribe=True))
    sent = await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="shown\n\x04"))
    assert sent.status == sent.OK
    await wire.notified(lambda _: True, "terminate_session_notification")
    assert (await wire.text(opened.session_id))[0] == "shown"
    await listed(wire, opened.window_id)
    sent = await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="x"))
    assert sent.status == sent.SESSION_NOT_FOUND
    close = api_pb2.CloseRequest
    closing = close(sessions=close.CloseSessions(session_ids=[opened.session_id]))
    assert list((await wire.ask(closing)).statuses) == [api_pb2.CloseResponse.OK]
    assert list((await wire.ask(closing)).statuses) == [api_pb2.CloseResponse.NOT_FOUND]
    assert wire.seen("terminate_session_notification") == []  # that has been told


@pytest.mark.answers("create_tab_request", "OK", source="2.5")
@pytest.mark.answers("split_pane_request", "OK", source="2.6")
async def test_windows_tabs_and_panes_start_each_where_an_advanced_profile_says(
    wire: WireClient, tmp_path: Path
) -> None:
    advanced = {"Custom Command": "Yes", "Command": "/bin/cat", "Custom Directory": "Advanced"}
    for kind in ("Window", "Tab", "Pane"):
        folder = tmp_path / kind
        folder.mkdir()
        advanced |= {f"AWDS {kind} Option": "Yes", f"AWDS {kind} Directory": str(folder)}
    properties = [
        api_pb2.ProfileProperty(key=key, json_value=json.dumps(value))
        for key, value in advanced.items()
    ]
    opened = await wire.ask(api_pb2.CreateTabRequest(custom_profile_properties=properties))
    tab = await wire.ask(
        api_pb2.CreateTabRequest(window_id=opened.window_id, custom_profile_properties=properties)
    )
    pane = await wire.ask(
        api_pb2.SplitPaneRequest(session=tab.session_id, custom_profile_properties=properties)
    )
    started = {"Window": opened.session_id, "Tab": tab.session_id, "Pane": pane.session_id[0]}
    for kind, session in started.items():
        answer = await wire.ask(api_pb2.VariableRequest(session_id=session, get=["path"]))
        assert json.loads(answer.values[0]) == str(tmp_path / kind)
