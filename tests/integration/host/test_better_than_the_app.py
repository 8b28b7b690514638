"""Where the app surprises, and the host does what its own words promise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient


def where(scope: str, identifier: str) -> dict[str, Any]:
    return {scope: identifier}


@pytest.mark.answers("set_property_request", "OK", source="2.8")
@pytest.mark.behaves("all", source="2.0")
@pytest.mark.behaves("really all", source="D")
async def test_a_property_of_all_sessions_is_set_in_each(wire: WireClient) -> None:
    sessions = [(await wire.open_window()).session_id for _ in range(3)]
    size = {"width": 40, "height": 10}
    asked = api_pb2.SetPropertyRequest(
        session_id="all", name="grid_size", json_value=json.dumps(size)
    )
    response = await wire.ask(asked)
    assert response.status == response.OK
    for one in sessions:
        got = await wire.ask(api_pb2.GetPropertyRequest(session_id=one, name="grid_size"))
        assert json.loads(got.json_value) == size


@pytest.mark.parametrize("scope", ["window_id", "tab_id", "session_id"])
@pytest.mark.answers("variable_request", "OK", source="2.10")
@pytest.mark.behaves("really all", source="D")
async def test_a_variable_of_all_is_set_in_each_of_its_scope(wire: WireClient, scope: str) -> None:
    opened = [await wire.open_window() for _ in range(2)]
    change = api_pb2.VariableRequest.Set(name="user.everywhere", value="7")
    response = await wire.ask(api_pb2.VariableRequest(set=[change], **where(scope, "all")))
    assert response.status == response.OK
    for one in opened:
        asked = where(scope, str(getattr(one, scope)))
        got = await wire.ask(api_pb2.VariableRequest(get=["user.everywhere"], **asked))
        assert list(got.values) == ["7"]


@pytest.mark.answers("split_pane_request", "OK", "CANNOT_SPLIT", source="2.6")
@pytest.mark.behaves("room at the target", source="D")
async def test_room_is_looked_for_in_the_pane_that_is_split(wire: WireClient) -> None:
    wide = (await wire.open_window(Columns="80")).session_id
    narrow = (await wire.open_window(Columns="4")).session_id  # has the focus
    split = await wire.ask(api_pb2.SplitPaneRequest(session=wide))
    assert split.status == split.OK
    await wire.ask(
        api_pb2.ActivateRequest(session_id=wide, order_window_front=True, select_session=True)
    )
    split = await wire.ask(api_pb2.SplitPaneRequest(session=narrow))
    assert split.status == split.CANNOT_SPLIT
