"""Whole tabs arranged anew, in one call."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.host.test_requests_broadcast import panes
from tests.integration.host.test_requests_layout_functions import call
from tests.integration.host.test_requests_tabs import layout, standing
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient


async def apply(wire: WireClient, **spec: Any) -> Any:  # noqa: ANN401
    encoded = base64.b64encode(json.dumps(spec).encode()).decode()
    return await call(wire, "apply_layout", spec_json_b64=encoded)


def tab(tab_id: object, root: dict[str, Any]) -> dict[str, Any]:
    return {"tab_id": str(tab_id), "root": root}


def split(*children: dict[str, Any], vertical: bool = True) -> dict[str, Any]:
    return {"vertical": vertical, "children": list(children)}


def pane(session_id: str) -> dict[str, str]:
    return {"session_id": session_id}


async def tab_of(wire: WireClient, session_id: str) -> str:
    response = await wire.ask(api_pb2.VariableRequest(session_id=session_id, get=["tab.id"]))
    return str(json.loads(response.values[0]))


async def sizes(wire: WireClient, *sessions: str) -> list[list[int]]:
    return [
        [json.loads(one) for one in response.values]
        for session in sessions
        for response in [
            await wire.ask(api_pb2.VariableRequest(session_id=session, get=["columns", "rows"]))
        ]
    ]


@pytest.mark.behaves("iterm2.apply_layout", source="2.21")
async def test_panes_are_arranged_anew(wire: WireClient) -> None:
    one, two, three = await panes(wire, 3)
    root = split(pane(three), split(pane(one), pane(two)), vertical=False)
    assert await apply(wire, tabs=[tab(await tab_of(wire, one), root)]) is None
    assert await layout(wire) == [[[three, one, two]]]
    assert await sizes(wire, three, one, two) == [[80, 12], [40, 12], [39, 12]]


async def test_sessions_move_between_tabs_and_what_is_named_closes(wire: WireClient) -> None:
    one, two, three = await panes(wire, 3)
    other = await wire.open_window()
    first = await tab_of(wire, one)
    arranged = [tab(first, split(pane(other.session_id), pane(one)))]
    said = await apply(
        wire, tabs=arranged, close_sessions=[three, two], close_tabs=[str(other.tab_id)]
    )
    assert said is None
    assert await layout(wire) == [[[other.session_id, one]]]
    assert list((await standing(wire)).values()) == [[first]]
    active = await wire.ask(api_pb2.VariableRequest(session_id="active", get=["id"]))
    assert json.loads(active.values[0]) in {one, other.session_id}


@pytest.mark.behaves("iterm2.apply_layout", source="2.21")
async def test_new_sessions_start_in_their_places(wire: WireClient) -> None:
    opened = await wire.open_window()
    command = "cd / && echo started in $PWD; exec cat"  # as only a shell understands
    new = {"new_session": {"command": command}}
    root = split(new, pane(opened.session_id))
    assert await apply(wire, tabs=[tab(opened.tab_id, root)]) is None
    (((started, second),),) = await layout(wire)
    assert second == opened.session_id
    assert await sizes(wire, started, second) == [[40, 25], [39, 25]]
    await eventually(partial(wire.text, started), lambda lines: "started in /" in lines)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ({"profile": "none"}, "No such profile: none"),
        ({"profile": 7}, "must be strings"),
        ({"command": ["true"]}, "must be strings"),
    ],
)
async def test_a_session_that_cannot_start_changes_nothing(
    wire: WireClient, new: dict[str, Any], reason: str
) -> None:
    opened = await wire.open_window()
    root = split({"new_session": {}}, pane(opened.session_id), {"new_session": new})
    status, said = await apply(wire, tabs=[tab(opened.tab_id, root)])
    assert (status, reason in said) == ("FAILED", True), said
    assert await layout(wire) == [[[opened.session_id]]]


async def test_too_many_panes_for_the_window_change_nothing(wire: WireClient) -> None:
    opened = await wire.open_window(Columns="10", Rows="10")
    root = split(pane(opened.session_id), *[{"new_session": {}}] * 5)
    status, said = await apply(wire, tabs=[tab(opened.tab_id, root)])
    assert (status, "no room" in said) == ("FAILED", True)
    assert await layout(wire) == [[[opened.session_id]]]


@pytest.mark.behaves("iterm2.apply_layout", source="2.21")
async def test_a_layout_that_is_none_is_refused(wire: WireClient) -> None:
    said = await call(wire, "apply_layout", spec_json_b64="?")
    assert said == ("FAILED", "The layout is not JSON in base64")
