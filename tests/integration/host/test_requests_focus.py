"""Focus and Activate: what is in front, and how it gets there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.host.test_requests_sessions import NOWHERE, listed
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient


@pytest.mark.behaves("active", source="2.0")
async def test_the_active_session_is_the_key_windows(wire: WireClient) -> None:
    first, second = await wire.open_window(), await wire.open_window()
    await wire.ask(api_pb2.SendTextRequest(session="active", text="here\n"))
    await eventually(lambda: wire.text(second.session_id), lambda lines: "here" in lines)
    assert "here" not in await wire.text(first.session_id)


@pytest.mark.answers("activate_request", "OK", source="2.13")
@pytest.mark.answers("focus_request", source="2.13")
async def test_the_focus_can_be_moved_and_asked_for(wire: WireClient) -> None:
    first, second = await wire.open_window(), await wire.open_window()
    split = await wire.ask(api_pb2.SplitPaneRequest(session=first.session_id))
    moved = await wire.ask(
        api_pb2.ActivateRequest(
            session_id=first.session_id,
            order_window_front=True,
            select_tab=True,
            select_session=True,
            activate_app=api_pb2.ActivateRequest.App(),
        )
    )
    assert moved.status == moved.OK
    focus = await wire.ask(api_pb2.FocusRequest())
    told = list(focus.notifications)
    assert told[0].application_active
    assert told[1].window.window_id == first.window_id
    assert told[1].window.window_status == told[1].Window.TERMINAL_WINDOW_BECAME_KEY
    assert {one.session for one in told if one.session} == {first.session_id, second.session_id}
    assert {one.selected_tab for one in told if one.selected_tab} == {
        str(first.tab_id), str(second.tab_id)
    }  # fmt: skip
    assert split.session_id[0] not in {one.session for one in told}


@pytest.mark.answers("focus_request", source="2.13")
async def test_without_windows_no_window_is_key(wire: WireClient) -> None:
    focus = await wire.ask(api_pb2.FocusRequest())
    window = focus.notifications[1].window
    assert window.window_status == focus.notifications[1].Window.TERMINAL_WINDOW_RESIGNED_KEY


@pytest.mark.answers("activate_request", "BAD_IDENTIFIER", "INVALID_OPTION", "OK", source="2.13")
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"window_id": "pty-none"}, "BAD_IDENTIFIER"),
        ({"tab_id": "none"}, "BAD_IDENTIFIER"),
        ({"session_id": NOWHERE}, "BAD_IDENTIFIER"),
        ({"order_window_front": True}, "INVALID_OPTION"),
        ({"select_tab": True}, "INVALID_OPTION"),
        ({"select_session": True}, "INVALID_OPTION"),
        ({"activate_app": api_pb2.ActivateRequest.App()}, "OK"),
    ],
)
async def test_what_cannot_be_focused_is_refused(
    wire: WireClient, asked: dict[str, Any], status: str
) -> None:
    response = await wire.ask(api_pb2.ActivateRequest(**asked))
    assert api_pb2.ActivateResponse.Status.Name(response.status) == status


async def test_a_closed_active_pane_hands_the_focus_on(wire: WireClient) -> None:
    opened = await wire.open_window()
    await wire.ask(api_pb2.SplitPaneRequest(session=opened.session_id))
    (tab,) = (await listed(wire, opened.window_id)).tabs
    await wire.ask(
        api_pb2.CloseRequest(
            sessions=api_pb2.CloseRequest.CloseSessions(session_ids=[tab.active_session_id])
        )
    )
    (after,) = (await listed(wire, opened.window_id)).tabs
    assert after.active_session_id == opened.session_id


async def test_the_first_window_has_the_focus_even_if_it_opens_in_the_background(
    wire: WireClient,
) -> None:
    opened = await wire.ask(api_pb2.CreateTabRequest(select_tab=False))
    await wire.ask(api_pb2.CreateTabRequest(select_tab=False))
    focus = await wire.ask(api_pb2.FocusRequest())
    assert focus.notifications[1].window.window_id == opened.window_id


async def test_a_split_takes_the_focus_in_a_selected_tab_only(wire: WireClient) -> None:
    behind = await wire.open_window()
    selected = await wire.ask(api_pb2.CreateTabRequest(window_id=behind.window_id))
    await wire.open_window()  # whether the window is in front does not matter
    for opened in (behind, selected):
        split = await wire.ask(api_pb2.SplitPaneRequest(session=opened.session_id))
        opened.session_id = split.session_id[0] if opened is selected else opened.session_id
    tabs = (await listed(wire, behind.window_id)).tabs
    assert [tab.active_session_id for tab in tabs] == [behind.session_id, selected.session_id]
