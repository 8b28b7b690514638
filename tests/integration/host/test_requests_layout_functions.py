"""The app's own functions that move sessions and tabs, and those that need a screen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.host.test_requests_broadcast import panes
from tests.integration.host.test_requests_rpc import invocation, outcome
from tests.integration.host.test_requests_tabs import bury, layout, standing

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient

Invoke = api_pb2.InvokeFunctionRequest


async def call(
    wire: WireClient,
    name: str,
    receiver: str = "",
    /,
    **arguments: Any,  # noqa: ANN401 - any JSON
) -> Any:  # noqa: ANN401 - any JSON
    """Call a function of the app's, on a session, tab or window if one is named."""
    said = ", ".join(f"{key}: {json.dumps(one)}" for key, one in arguments.items())
    request = invocation(f"iterm2.{name}({said})")
    if receiver:
        request.method.receiver = receiver
    return outcome(await wire.ask(request))


@pytest.mark.behaves("iterm2.move_session", source="2.21")
@pytest.mark.behaves("before is before", source="D")
async def test_a_session_moves_beside_another_on_the_side_that_is_said(wire: WireClient) -> None:
    one, two = await panes(wire, 2)
    three = (await wire.open_window()).session_id
    for before, expected in ((True, [one, three, two]), (False, [one, two, three])):
        for vertical in (True, False):
            where = {"destination": two, "vertical": vertical, "before": before}
            assert await call(wire, "move_session", session=three, **where) is None
            assert await layout(wire) == [[expected]]


async def test_a_moved_session_leaves_its_room_to_its_neighbours(wire: WireClient) -> None:
    one, two, three = await panes(wire, 3)
    opened = await wire.open_window()
    where = {"destination": opened.session_id, "vertical": False, "before": False}
    await call(wire, "move_session", session=two, **where)
    assert await layout(wire) == [[[one, three]], [[opened.session_id, two]]]
    sizes = await wire.ask(api_pb2.VariableRequest(session_id=two, get=["columns", "rows"]))
    assert list(sizes.values) == ["80", "12"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"session": "none"}, "No such session: none"),
        ({"destination": "none"}, "No such session: none"),
        ({"destination": "one"}, "A session cannot be moved beside itself or a buried one"),
        ({"destination": "buried"}, "A session cannot be moved beside itself or a buried one"),
        ({"destination": "tiny"}, "There is no room beside the destination"),
        ({"vertical": "yes"}, "vertical must be true or false"),
    ],
)
async def test_a_session_that_cannot_move_stays(
    wire: WireClient, changed: dict[str, str], reason: str
) -> None:
    one, two, buried = await panes(wire, 3)
    tiny = (await wire.open_window(Columns="3", Rows="3")).session_id
    await bury(wire, buried, buried=True)
    ids = {"one": one, "buried": buried, "tiny": tiny}
    good = {"session": one, "destination": two, "vertical": True, "before": True}
    arguments = good | {key: ids.get(value, value) for key, value in changed.items()}
    assert await call(wire, "move_session", **arguments) == ("FAILED", reason)
    assert await layout(wire) == [[[one, two]], [[tiny]]]


@pytest.mark.behaves("iterm2.move_session_to_new_tab", source="2.21")
async def test_a_session_moves_to_a_tab_of_its_own(wire: WireClient) -> None:
    one, two, three = await panes(wire, 3)
    tab = await call(wire, "move_session_to_new_tab", session=two)
    assert await layout(wire) == [[[one, three], [two]]]
    ((window, tabs),) = (await standing(wire)).items()
    assert tabs[1] == tab
    first = await call(wire, "move_session_to_new_tab", session=three, tab_index=0)
    assert await layout(wire) == [[[three], [one], [two]]]
    assert (await standing(wire))[window][0] == first
    other = await wire.open_window()
    moved = await call(
        wire, "move_session_to_new_tab", session=two, window_id=other.window_id, tab_index=0
    )
    assert moved == tab
    assert await layout(wire) == [[[three], [one]], [[two], [other.session_id]]]


@pytest.mark.behaves("iterm2.move_session_to_new_window", source="2.21")
async def test_a_session_moves_to_a_window_of_its_own(wire: WireClient) -> None:
    one, two = await panes(wire, 2)
    window = await call(wire, "move_session_to_new_window", session=one)
    assert await layout(wire) == [[[two]], [[one]]]
    assert list(await standing(wire))[1] == window
    assert await call(wire, "move_session_to_new_window", session=one) == window
    await call(wire, "move_session_to_new_tab", session=one, window_id=window)
    assert await layout(wire) == [[[two]], [[one]]]


async def test_a_buried_session_comes_back_by_moving(wire: WireClient) -> None:
    one, two, three = await panes(wire, 3)
    for session in (two, three):
        await bury(wire, session, buried=True)
    where = {"destination": one, "vertical": True, "before": False}
    await call(wire, "move_session", session=two, **where)
    await call(wire, "move_session_to_new_tab", session=three)
    assert await layout(wire) == [[[one, two]], [[three]]]
    assert not (await wire.ask(api_pb2.ListSessionsRequest())).buried_sessions


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"window_id": "none"}, "No such window"),
        ({"tab_index": -1}, "tab_index must be a whole number, 0 or more"),
        ({"tab_index": True}, "tab_index must be a whole number, 0 or more"),
    ],
)
async def test_a_tab_needs_a_place(
    wire: WireClient, arguments: dict[str, object], reason: str
) -> None:
    opened = await wire.open_window()
    made = await call(wire, "move_session_to_new_tab", session=opened.session_id, **arguments)
    assert made == ("FAILED", reason)


@pytest.mark.behaves("iterm2.move_tab_to_window", source="2.21")
async def test_a_tab_moves_to_a_window_of_its_own_unless_it_is_alone(wire: WireClient) -> None:
    opened = await wire.open_window()
    tab = str(opened.tab_id)
    status, _ = await call(wire, "move_tab_to_window", tab)
    assert status == "FAILED"
    other = await wire.ask(api_pb2.CreateTabRequest(window_id=opened.window_id))
    window = await call(wire, "move_tab_to_window", tab)
    assert await standing(wire) == {opened.window_id: [str(other.tab_id)], window: [tab]}
    status, reason = await call(wire, "move_tab_to_window", opened.session_id)
    assert (status, reason) == ("FAILED", "move_tab_to_window needs a tab")


@pytest.mark.behaves("iterm2.select_pane_in_direction", source="2.21")
async def test_the_pane_in_a_direction_is_selected(wire: WireClient) -> None:
    one, two = await panes(wire, 2)
    ((_, (tab,)),) = (await standing(wire)).items()
    for direction, found in (("left", one), ("left", None), ("right", two), ("above", None)):
        assert await call(wire, "select_pane_in_direction", tab, direction=direction) == found
    active = await wire.ask(api_pb2.VariableRequest(session_id="active", get=["id"]))
    assert list(active.values) == [f'"{two}"']
    status, _ = await call(wire, "select_pane_in_direction", tab, direction="up")
    assert status == "FAILED"


@pytest.mark.behaves(
    "iterm2.alert",
    "iterm2.get_string",
    "iterm2.get_poly_modal_alert",
    "iterm2.open_panel",
    "iterm2.save_panel",
    "iterm2.run_tmux_command",
    "iterm2.load_url",
    source="2.21",
)
@pytest.mark.answers("invoke_function_request", "FAILED", source="2.21")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("alert", "Nobody can be asked: this terminal has no screen"),
        ("open_panel", "Nobody can be asked: this terminal has no screen"),
        ("run_tmux_command", "Not a tmux integration session"),
        ("load_url", "Not a browser session"),
    ],
)
async def test_what_needs_more_than_there_is_says_so(
    wire: WireClient, name: str, reason: str
) -> None:
    opened = await wire.open_window()
    assert await call(wire, name, opened.session_id, anything=1) == ("FAILED", reason)


@pytest.mark.behaves("iterm2.add_annotation", source="2.21")
@pytest.mark.parametrize(
    ("start", "end", "failed"),
    [
        ((0, 0), (5, 0), False),
        ((5, 0), (0, 1), False),
        ((5, 0), (5, 0), True),
        ((0, 0), (81, 0), True),
        ((0, 0), (0, 25), True),
        ((0, "0"), (5, 0), True),
    ],
)
async def test_a_note_lies_beside_text_that_is_there(
    wire: WireClient, start: tuple[object, object], end: tuple[object, object], *, failed: bool
) -> None:
    session = (await wire.open_window()).session_id
    where = dict(zip(("startX", "startY", "endX", "endY"), (*start, *end), strict=True))
    said = await call(wire, "add_annotation", session, text="note", **where)
    assert said == (("FAILED", "Invalid range") if failed else None)


@pytest.mark.behaves(
    "iterm2.get_time_offset", "iterm2.set_status_bar_component_unread_count", source="2.21"
)
async def test_a_session_knows_its_clocks_zone(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    said = await call(wire, "get_time_offset", session)
    assert said.keys() == {"offset", "tz"}
    assert (
        await call(wire, "set_status_bar_component_unread_count", session, identifier="i", count=1)
        is None
    )
