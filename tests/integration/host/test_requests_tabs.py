"""Moving tabs between windows, and sessions out of sight and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.host.test_notifications import subscribe

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient

Reorder = api_pb2.ReorderTabsRequest
HORIZONTAL = api_pb2.SplitPaneRequest.HORIZONTAL
Status = api_pb2.ReorderTabsResponse.Status


async def reorder(wire: WireClient, **wanted: list[str]) -> str:
    """Assign tabs to windows; return the status's name."""
    assignments = [Reorder.Assignment(window_id=one, tab_ids=ids) for one, ids in wanted.items()]
    return Status.Name((await wire.ask(Reorder(assignments=assignments))).status)


async def standing(wire: WireClient) -> dict[str, list[str]]:
    """Return the tabs of each window."""
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    return {one.window_id: [tab.tab_id for tab in one.tabs] for one in listing.windows}


async def tab_in(wire: WireClient, window_id: str) -> str:
    response = await wire.ask(api_pb2.CreateTabRequest(window_id=window_id))
    return str(response.tab_id)


async def bury(wire: WireClient, session_id: str, *, buried: bool) -> None:
    response = await wire.ask(
        api_pb2.SetPropertyRequest(
            session_id=session_id, name="buried", json_value=json.dumps(buried)
        )
    )
    assert response.status == response.OK


async def is_buried(wire: WireClient, session_id: str) -> Any:  # noqa: ANN401
    response = await wire.ask(api_pb2.GetPropertyRequest(session_id=session_id, name="buried"))
    return json.loads(response.json_value)


def panes(node: api_pb2.SplitTreeNode) -> list[str]:
    return [
        one
        for link in node.links
        for one in (
            [link.session.unique_identifier] if link.HasField("session") else panes(link.node)
        )
    ]


async def layout(wire: WireClient) -> list[list[list[str]]]:
    """Return the sessions of each tab of each window."""
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    return [[panes(tab.root) for tab in window.tabs] for window in listing.windows]


@pytest.mark.answers("reorder_tabs_request", "OK", source="2.7")
async def test_listed_tabs_come_first_and_the_others_follow(wire: WireClient) -> None:
    opened = await wire.open_window()
    first, window = str(opened.tab_id), opened.window_id
    second, third = await tab_in(wire, window), await tab_in(wire, window)
    assert await reorder(wire, **{window: [third]}) == "OK"
    assert await standing(wire) == {window: [third, first, second]}


@pytest.mark.answers("reorder_tabs_request", "OK", source="2.7")
async def test_a_tab_moves_to_another_window_and_takes_its_size(wire: WireClient) -> None:
    one = await wire.open_window()
    other = await wire.open_window(Columns="40", Rows="10")
    stays = await tab_in(wire, one.window_id)
    assert await reorder(wire, **{other.window_id: [str(one.tab_id)]}) == "OK"
    assert await standing(wire) == {
        one.window_id: [stays],
        other.window_id: [str(one.tab_id), str(other.tab_id)],
    }
    response = await wire.ask(
        api_pb2.VariableRequest(session_id=one.session_id, get=["columns", "rows"])
    )
    assert list(response.values) == ["40", "10"]


@pytest.mark.answers("reorder_tabs_request", "OK", source="2.7")
@pytest.mark.notifies("NOTIFY_ON_LAYOUT_CHANGE", "NOTIFY_ON_FOCUS_CHANGE", source="3.3")
async def test_an_emptied_window_closes_and_nobody_sees_it_empty(wire: WireClient) -> None:
    one, other = await wire.open_window(), await wire.open_window()
    await subscribe(wire, "NOTIFY_ON_LAYOUT_CHANGE")
    await subscribe(wire, "NOTIFY_ON_FOCUS_CHANGE")
    assert await reorder(wire, **{one.window_id: [str(other.tab_id)]}) == "OK"
    told = await wire.notified(
        lambda event: len(event.list_sessions_response.windows) == 1, "layout_changed_notification"
    )
    (window,) = told.list_sessions_response.windows
    assert [tab.tab_id for tab in window.tabs] == [str(other.tab_id), str(one.tab_id)]
    await wire.notified(
        lambda event: event.window.window_id == one.window_id, "focus_changed_notification"
    )


async def test_two_windows_exchange_their_only_tabs(wire: WireClient) -> None:
    one, other = await wire.open_window(), await wire.open_window()
    swapped = {one.window_id: [str(other.tab_id)], other.window_id: [str(one.tab_id)]}
    assert await reorder(wire, **swapped) == "OK"
    assert await standing(wire) == swapped
    focus = await wire.ask(api_pb2.FocusRequest())
    selected = {one.selected_tab for one in focus.notifications if one.selected_tab}
    assert selected == {str(one.tab_id), str(other.tab_id)}


@pytest.mark.answers(
    "reorder_tabs_request",
    "INVALID_ASSIGNMENT",
    "INVALID_WINDOW_ID",
    "INVALID_TAB_ID",
    source="2.7",
)
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ([("window", ["first", "first"])], "INVALID_ASSIGNMENT"),
        ([("window", ["first"]), ("window", [])], "INVALID_ASSIGNMENT"),
        ([("window", ["second"]), ("none", ["first"])], "INVALID_WINDOW_ID"),
        ([("window", ["second", "none"])], "INVALID_TAB_ID"),
    ],
)
async def test_a_wrong_assignment_moves_nothing(
    wire: WireClient, asked: list[tuple[str, list[str]]], status: str
) -> None:
    opened = await wire.open_window()
    second = await tab_in(wire, opened.window_id)
    ids = {"window": opened.window_id, "first": str(opened.tab_id), "second": second}
    response = await wire.ask(
        Reorder(
            assignments=[
                Reorder.Assignment(
                    window_id=ids.get(window, window), tab_ids=[ids.get(tab, tab) for tab in tabs]
                )
                for window, tabs in asked
            ]
        )
    )
    assert Status.Name(response.status) == status
    assert await standing(wire) == {opened.window_id: [str(opened.tab_id), second]}


@pytest.mark.behaves("buried", source="2.8")
@pytest.mark.answers("list_sessions_request", source="2.1")
async def test_a_buried_session_is_listed_apart_and_runs_on(wire: WireClient) -> None:
    opened = await wire.open_window()
    split = (await wire.ask(api_pb2.SplitPaneRequest(session=opened.session_id))).session_id[0]
    await bury(wire, opened.session_id, buried=True)
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    assert [one.unique_identifier for one in listing.buried_sessions] == [opened.session_id]
    assert await layout(wire) == [[[split]]]
    assert await is_buried(wire, opened.session_id) is True
    assert await is_buried(wire, split) is False
    await wire.feed(opened.session_id, b"still here")
    assert (await wire.text(opened.session_id))[0] == "still here"


@pytest.mark.behaves("all", source="2.0")
@pytest.mark.answers("split_pane_request", "SESSION_NOT_FOUND", source="2.6")
async def test_a_buried_session_is_not_among_all_and_cannot_be_split(wire: WireClient) -> None:
    opened = await wire.open_window()
    await wire.open_window()
    await bury(wire, opened.session_id, buried=True)
    await bury(wire, opened.session_id, buried=True)
    await wire.ask(api_pb2.InjectRequest(session_id=["all"], data=b"for all"))
    assert (await wire.text(opened.session_id))[0] == ""
    response = await wire.ask(api_pb2.SplitPaneRequest(session=opened.session_id))
    assert response.status == response.SESSION_NOT_FOUND


@pytest.mark.behaves("buried", source="2.8")
@pytest.mark.answers("set_property_request", "OK", source="2.8")
async def test_a_session_comes_back_to_where_it_was_buried(wire: WireClient) -> None:
    opened = await wire.open_window()
    one = opened.session_id
    two = (await wire.ask(api_pb2.SplitPaneRequest(session=one))).session_id[0]
    below = api_pb2.SplitPaneRequest(session=two, split_direction=HORIZONTAL)
    three = (await wire.ask(below)).session_id[0]
    for session_id in (one, two, three):
        await bury(wire, session_id, buried=True)
        await bury(wire, session_id, buried=False)
        assert await layout(wire) == [[[one, two, three]]]
        assert await is_buried(wire, session_id) is False


async def test_a_session_whose_place_is_gone_gets_a_window(wire: WireClient) -> None:
    opened = await wire.open_window(Columns="50", Rows="20")
    await bury(wire, opened.session_id, buried=True)
    assert await standing(wire) == {}
    await bury(wire, opened.session_id, buried=False)
    assert await layout(wire) == [[[opened.session_id]]]
    response = await wire.ask(
        api_pb2.VariableRequest(session_id="active", get=["id", "columns", "rows"])
    )
    assert list(response.values) == [f'"{opened.session_id}"', "50", "20"]


async def test_a_session_whose_neighbours_have_no_room_gets_a_tab(wire: WireClient) -> None:
    opened = await wire.open_window()
    split = (await wire.ask(api_pb2.SplitPaneRequest(session=opened.session_id))).session_id[0]
    await bury(wire, split, buried=True)
    size = api_pb2.SetPropertyRequest(
        session_id=opened.session_id, name="grid_size", json_value='{"width": 3, "height": 3}'
    )
    assert (await wire.ask(size)).status == 0
    await bury(wire, split, buried=False)
    assert await layout(wire) == [[[opened.session_id], [split]]]


@pytest.mark.answers("close_request", "OK", source="2.11")
async def test_a_buried_session_can_be_closed(wire: WireClient) -> None:
    opened = await wire.open_window()
    await bury(wire, opened.session_id, buried=True)
    closed = await wire.ask(
        api_pb2.CloseRequest(
            sessions=api_pb2.CloseRequest.CloseSessions(session_ids=[opened.session_id])
        )
    )
    assert list(closed.statuses) == [closed.OK]
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    assert not listing.buried_sessions


@pytest.mark.answers("set_property_request", "INVALID_VALUE", source="2.8")
async def test_only_yes_or_no_buries(wire: WireClient) -> None:
    opened = await wire.open_window()
    response = await wire.ask(
        api_pb2.SetPropertyRequest(session_id=opened.session_id, name="buried", json_value="1")
    )
    assert response.status == response.INVALID_VALUE
