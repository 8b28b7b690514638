"""Values that cannot be kept or sent are refused or bounded, and everybody else is served on."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from iterm2 import api_pb2
from tests.waiting import eventually

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

MOST = 1000
DEEP = "[" * 100_000
HALF_A_PAIR = '"\\ud800"'
Property = api_pb2.SetPropertyRequest
ProfileProperty = api_pb2.SetProfilePropertyRequest
Variable = api_pb2.VariableRequest
Invoke = api_pb2.InvokeFunctionRequest


async def only_pane(wire: WireClient, window_id: str) -> Any:  # noqa: ANN401
    """Return the summary of a window's only session."""
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    (window,) = (one for one in listing.windows if one.window_id == window_id)
    return window.tabs[0].root.links[0].session


async def title_of(wire: WireClient, window_id: str) -> str:
    return str((await only_pane(wire, window_id)).title)


async def status_of(wire: WireClient, request: Message) -> str:
    response = await wire.ask(request)
    field = response.DESCRIPTOR.fields_by_name["status"]
    name: str = field.enum_type.values_by_number[response.status].name
    return name


def frame(x: object = 0, width: object = 640) -> str:
    return json.dumps({"origin": {"x": x, "y": 0}, "size": {"width": width, "height": 400}})


@pytest.mark.answers("set_property_request", "INVALID_VALUE", source="2.8")
@pytest.mark.parametrize(
    "value", [frame(x=1e10), frame(x=-1e10), frame(width=float("inf")), frame(width=1e300), DEEP]
)
async def test_a_frame_that_cannot_be_sent_is_refused(wire: WireClient, value: str) -> None:
    opened = await wire.open_window()
    before = await only_pane(wire, opened.window_id)
    asked = Property(window_id=opened.window_id, name="frame", json_value=value)
    assert await status_of(wire, asked) == "INVALID_VALUE"
    after = await only_pane(wire, opened.window_id)  # but for the title, which its job may change
    assert (after.frame, after.grid_size) == (before.frame, before.grid_size)


async def test_a_frame_as_large_as_a_town_gives_the_largest_grid(wire: WireClient) -> None:
    opened = await wire.open_window()
    asked = Property(window_id=opened.window_id, name="frame", json_value=frame(width=10**9))
    assert await status_of(wire, asked) == "OK"
    assert (await only_pane(wire, opened.window_id)).grid_size.width == MOST


async def test_a_window_shrinks_no_further_than_its_panes_can(wire: WireClient) -> None:
    opened = await wire.open_window()
    for _ in range(3):
        split = await wire.ask(api_pb2.SplitPaneRequest(session=opened.session_id))
        assert split.status == split.OK
    asked = Property(window_id=opened.window_id, name="frame", json_value=frame(width=8))
    assert await status_of(wire, asked) == "OK"
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    window = next(one for one in listing.windows if one.window_id == opened.window_id)
    widths = [link.session.grid_size.width for link in window.tabs[0].root.links]
    assert widths == [2, 2, 2, 2]
    assert window.frame.size.width == 8 * (sum(widths) + 3)


@pytest.mark.answers("set_tab_layout_request", "OK", source="2.7")
@pytest.mark.parametrize(
    ("wanted", "given"), [(2**31 - 1, MOST), (-5, 2), (0, 2), (MOST + 1, MOST), (90, 90)]
)
async def test_a_layouts_sizes_are_bounded(wire: WireClient, wanted: int, given: int) -> None:
    opened = await wire.open_window()
    root = api_pb2.SplitTreeNode()
    size = root.links.add().session.grid_size
    size.width, size.height = wanted, wanted
    asked = api_pb2.SetTabLayoutRequest(tab_id=str(opened.tab_id), root=root)
    assert await status_of(wire, asked) == "OK"
    after = (await only_pane(wire, opened.window_id)).grid_size
    assert (after.width, after.height) == (given, given)


@pytest.mark.answers("set_property_request", "INVALID_VALUE", "OK", source="2.8")
async def test_a_session_larger_than_the_largest_grid_is_refused(wire: WireClient) -> None:
    opened = await wire.open_window()
    for width, status in ((MOST + 1, "INVALID_VALUE"), (MOST, "OK")):
        value = json.dumps({"width": width, "height": 25})
        asked = Property(session_id=opened.session_id, name="grid_size", json_value=value)
        assert await status_of(wire, asked) == status


@pytest.mark.answers("set_profile_property_request", "REQUEST_MALFORMED", source="2.9")
@pytest.mark.answers("variable_request", "INVALID_NAME", source="2.10")
@pytest.mark.parametrize("value", ["NaN", "[1e999]", HALF_A_PAIR, DEEP, ""])
async def test_json_that_others_could_not_read_is_not_kept(wire: WireClient, value: str) -> None:
    opened = await wire.open_window()
    session = opened.session_id
    asked = ProfileProperty(session=session, key="Name", json_value=value)
    assert await status_of(wire, asked) == "REQUEST_MALFORMED"
    variable = Variable(session_id=session, set=[Variable.Set(name="user.x", value=value)])
    assert await status_of(wire, variable) == "INVALID_NAME"
    assert (await wire.ask(Variable(session_id=session, get=["user.x"]))).values == ["null"]
    await eventually(lambda: title_of(wire, opened.window_id), lambda title: title == "cat")


@pytest.mark.answers("invoke_function_request", "FAILED", source="2.21")
@pytest.mark.parametrize(
    ("invocation", "reason"),
    [
        (f"iterm2.set_name(name: {DEEP}", "nested too deeply"),
        ("iterm2.set_name(name: null)", "must be a string"),
        ("iterm2.set_name(name: 7)", "must be a string"),
    ],
    ids=["deep", "null", "number"],
)
async def test_a_name_is_a_string(wire: WireClient, invocation: str, reason: str) -> None:
    opened = await wire.open_window()
    receiver = Invoke.Method(receiver=opened.session_id)
    response = await wire.ask(Invoke(method=receiver, invocation=invocation))
    assert reason in response.error.error_reason
    await eventually(lambda: title_of(wire, opened.window_id), lambda title: title == "cat")


async def test_a_programs_name_and_folder_may_be_any_bytes(
    host_home: Home, wire: WireClient
) -> None:
    folder = os.fsdecode(os.fsencode(host_home.paths.state) + b"/any\xff")
    try:
        await anyio.Path(folder).mkdir()
        shutil.copy("/bin/cat", os.fsdecode(os.fsencode(folder) + b"/cat\xff"))
    except OSError:
        pytest.skip("this file system wants names in UTF-8")
    opened = await wire.open_window("/bin/sh")
    typed = f"cd {host_home.paths.state}/any*; exec ./cat*\n"
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text=typed))

    await eventually(lambda: title_of(wire, opened.window_id), lambda title: title == "cat?")
    response = await wire.ask(Variable(session_id=opened.session_id, get=["path", "jobName"]))
    path, job = (json.loads(value) for value in response.values)
    assert (Path(path).name, job) == ("any?", "cat?")
