"""What is selected in a session, over the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from iterm2 import api_pb2
from tests.integration.host.test_notifications import monitor, subscribe

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient

Request = api_pb2.SelectionRequest
Status = api_pb2.SelectionResponse.Status


def part(
    start: tuple[int, int], end: tuple[int, int], columns: tuple[int, int] = (0, 0)
) -> api_pb2.SubSelection:
    one = api_pb2.SubSelection(selection_mode=api_pb2.SelectionMode.WORD, connected=False)
    coordinates = one.windowed_coord_range.coord_range
    coordinates.start.x, coordinates.start.y = start
    coordinates.end.x, coordinates.end.y = end
    one.windowed_coord_range.columns.location, one.windowed_coord_range.columns.length = columns
    return one


async def put(wire: WireClient, session_id: str, *parts: api_pb2.SubSelection) -> str:
    asked = Request.SetSelectionRequest(
        session_id=session_id, selection=api_pb2.Selection(sub_selections=parts)
    )
    return Status.Name((await wire.ask(Request(set_selection_request=asked))).status)


async def got(wire: WireClient, session_id: str) -> list[api_pb2.SubSelection]:
    asked = Request.GetSelectionRequest(session_id=session_id)
    response = await wire.ask(Request(get_selection_request=asked))
    assert response.status == Status.OK
    assert response.WhichOneof("response") == "get_selection_response"
    return list(response.get_selection_response.selection.sub_selections)


async def variables(wire: WireClient, session_id: str) -> list[str]:
    asked = api_pb2.VariableRequest(session_id=session_id, get=["selection", "selectionLength"])
    return list((await wire.ask(asked)).values)


@pytest.mark.answers("selection_request", "OK", source="2.17")
async def test_a_selection_is_kept_and_replaced(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    assert await got(wire, session) == []
    assert await variables(wire, session) == ['""', "0"]
    await wire.feed(session, b"first\r\nsecond")
    both = [part((0, 0), (3, 0)), part((2, 1), (6, 1), (2, 10))]
    assert await put(wire, session, *both) == "OK"
    assert await got(wire, session) == both
    assert await variables(wire, session) == ['"fir\\ncond"', "8"]
    assert await put(wire, "active", part((0, 1), (3, 1))) == "OK"
    assert await variables(wire, session) == ['"sec"', "3"]
    assert await put(wire, session) == "OK"
    assert await got(wire, session) == []


async def test_who_watches_the_selection_is_told(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    await wire.feed(session, b"text")
    await subscribe(wire, "NOTIFY_ON_VARIABLE_CHANGE", **monitor("SESSION", session, "selection"))
    await put(wire, session, part((0, 0), (4, 0)))
    told = await wire.notified(lambda _: True, "variable_changed_notification")
    assert told.json_new_value == '"text"'


async def test_a_selection_ends_with_its_lines_or_with_their_wrapping(wire: WireClient) -> None:
    session = (await wire.open_window(**{"Rows": "5", "Scrollback Lines": "5"})).session_id
    await put(wire, session, part((0, 0), (4, 0)))
    await wire.feed(session, b"\r\n" * 30)
    assert await got(wire, session) == []
    await put(wire, session, part((0, 30), (4, 30)))
    assert len(await got(wire, session)) == 1
    size = '{"width": 20, "height": 5}'
    await wire.ask(
        api_pb2.SetPropertyRequest(session_id=session, name="grid_size", json_value=size)
    )
    assert await got(wire, session) == []


@pytest.mark.answers("selection_request", "REQUEST_MALFORMED", source="2.17")
@pytest.mark.parametrize(
    "wrong",
    [
        part((0, 0), (81, 0)),
        part((0, -1), (5, 0)),
        part((0, 0), (5, 0), (79, 2)),
        api_pb2.SubSelection.FromString(part((0, 0), (1, 0)).SerializeToString() + b"\x10\x09"),
    ],
    ids=["too wide", "negative", "columns too wide", "unknown mode"],
)
async def test_what_cannot_be_selected_changes_nothing(
    wire: WireClient, wrong: api_pb2.SubSelection
) -> None:
    session = (await wire.open_window()).session_id
    right = part((0, 0), (1, 0))
    await put(wire, session, right)
    assert await put(wire, session, right, wrong) == "REQUEST_MALFORMED"
    assert await got(wire, session) == [right]


@pytest.mark.answers("selection_request", "REQUEST_MALFORMED", source="2.17")
async def test_a_session_that_is_not_there_has_no_selection(wire: WireClient) -> None:
    assert await put(wire, "none") == "REQUEST_MALFORMED"
    asked = Request.GetSelectionRequest(session_id="none")
    response = await wire.ask(Request(get_selection_request=asked))
    assert Status.Name(response.status) == "REQUEST_MALFORMED"
    assert Status.Name((await wire.ask(Request())).status) == "REQUEST_MALFORMED"
