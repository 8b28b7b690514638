"""What each answer about places becomes: a value, or the error that says what to do."""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from iterm2 import api_pb2 as wire
from prometheus_client import CollectorRegistry
from tests.unit.terminal.peer import Peer, sessions_response

from iterm_mcp.errors import NotFoundError, TerminalRejectedError
from iterm_mcp.models.ids import SessionId, TabId, WindowId
from iterm_mcp.models.layouts import StandingPane, StandingSplitter
from iterm_mcp.models.sessions import Program, Size
from iterm_mcp.telemetry import Meter, Metrics
from iterm_mcp.terminal.iterm import ItermTerminal
from iterm_mcp.terminal.link import open_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS = 5
ONE, TAB, WINDOW = SessionId("one"), TabId("tab-1"), WindowId("window-1")
TREE = StandingSplitter(
    vertical=False,
    children=(StandingPane(SessionId("two"), Size(1, 1)), StandingPane(ONE, Size(1, 1))),
)


@asynccontextmanager
async def terminal_over(peer: Peer) -> AsyncIterator[ItermTerminal]:
    meter = Meter(CollectorRegistry(), "operation", "operations", "operation", "operations")
    with anyio.fail_after(2 * SECONDS):
        async with open_link(peer.find, Metrics(), SECONDS, connect=peer.connect) as link:
            yield ItermTerminal(link, meter, SECONDS)


def invoked(reason: str | None = None) -> wire.ServerOriginatedMessage:
    message = wire.ServerOriginatedMessage()
    if reason is None:
        message.invoke_function_response.success.json_result = "null"
    else:
        message.invoke_function_response.error.error_reason = reason
    return message


def asked(peer: Peer) -> str:
    return peer.asked[-1].invoke_function_request.invocation


@pytest.fixture
def peer() -> Peer:
    return Peer()


async def test_tabs_are_told_with_their_trees(peer: Peer) -> None:
    listing = sessions_response("one", "two")
    window = listing.list_sessions_response.windows[0]
    window.tabs.add(tab_id="being closed")
    inner = window.tabs[0].root.links.add().node
    for name in ("three", "four"):
        leaf = inner.links.add().session
        leaf.unique_identifier, leaf.grid_size.width, leaf.grid_size.height = name, 10, 5
    peer.answers["list_sessions_request"] = listing

    async with terminal_over(peer) as terminal:
        (tab,) = await terminal.list_tabs()

    assert (tab.window_id, tab.tab_id) == (WINDOW, TAB)
    assert tab.session_ids() == ["one", "two", "three", "four"]
    assert isinstance(tab.root, StandingSplitter)
    assert tab.root.vertical
    assert tab.root.children[2] == StandingSplitter(
        vertical=False,
        children=(
            StandingPane(SessionId("three"), Size(10, 5)),
            StandingPane(SessionId("four"), Size(10, 5)),
        ),
    )


async def test_trees_are_asked_for_in_one_call(peer: Peer) -> None:
    peer.answers["invoke_function_request"] = invoked()

    async with terminal_over(peer) as terminal:
        await terminal.arrange_tabs({TAB: TREE}, [TabId("gone")])

    function, _, encoded = asked(peer).partition('(spec_json_b64: "')
    assert function == "iterm2.apply_layout"
    assert json.loads(base64.b64decode(encoded.removesuffix('")'))) == {
        "tabs": [
            {
                "tab_id": "tab-1",
                "root": {
                    "vertical": False,
                    "children": [{"session_id": "two"}, {"session_id": "one"}],
                },
            }
        ],
        "close_tabs": ["gone"],
    }


async def test_a_refused_tree_says_why(peer: Peer) -> None:
    peer.answers["invoke_function_request"] = invoked("There is no room")

    async with terminal_over(peer) as terminal:
        with pytest.raises(TerminalRejectedError, match="no room") as caught:
            await terminal.arrange_tabs({TAB: TREE})

    assert "export_layout" in caught.value.hint


@pytest.mark.parametrize(
    ("window_id", "function"),
    [(None, "iterm2.move_session_to_new_window"), (WINDOW, "iterm2.move_session_to_new_tab")],
)
async def test_a_session_moves_by_the_function_for_it(
    peer: Peer, window_id: WindowId | None, function: str
) -> None:
    peer.answers["invoke_function_request"] = invoked()

    async with terminal_over(peer) as terminal:
        await terminal.move_session(ONE, window_id)

    assert asked(peer).startswith(f'{function}(session: "one"')


@pytest.mark.parametrize(
    ("session_id", "window_id", "error"),
    [
        ("nobody", WINDOW, NotFoundError("session", "nobody")),
        ("one", WindowId("nowhere"), NotFoundError("window", "nowhere")),
        ("one", WINDOW, TerminalRejectedError("the terminal would not move the session: why")),
        ("one", None, TerminalRejectedError("the terminal would not move the session: why")),
    ],
)
async def test_a_refused_move_says_what_is_missing(
    peer: Peer, session_id: str, window_id: WindowId | None, error: Exception
) -> None:
    peer.answers["invoke_function_request"] = invoked("why")

    async with terminal_over(peer) as terminal:
        with pytest.raises(type(error)) as caught:
            await terminal.move_session(SessionId(session_id), window_id)

    assert str(caught.value) == str(error)


def profile(**values: object) -> wire.ServerOriginatedMessage:
    message = wire.ServerOriginatedMessage()
    answer = message.get_profile_property_response
    answer.status = wire.GetProfilePropertyResponse.Status.OK
    for key, value in values.items():
        answer.properties.add(key=key.replace("_", " "), json_value=json.dumps(value))
    return message


def shared(*names: str) -> wire.ServerOriginatedMessage:
    message = wire.ServerOriginatedMessage()
    message.list_profiles_response.SetInParent()
    for name in names:
        found = message.list_profiles_response.profiles.add()
        found.properties.add(key="Name", json_value=json.dumps(name))
    return message


@pytest.mark.parametrize(
    ("values", "names", "program"),
    [
        ({"Guid": "g", "Name": "Default"}, ["Default"], Program(profile="Default")),
        (
            {"Guid": "g", "Original_Guid": "o", "Name": "say \\\u200b(x)"},
            ["Dark"],
            Program(profile="Dark", name="say \\(x)"),
        ),
        ({"Guid": "g", "Name": "mine"}, [], Program(name="mine")),
        ({"Name": "mine"}, ["unasked"], Program(name="mine")),
        ({}, [], Program()),
        (
            {"Custom_Command": "Yes", "Command": "top", "Custom_Directory": "Yes",
             "Working_Directory": "/usr"},
            [],
            Program(command="top", directory="/usr"),
        ),
        (
            {"Custom_Command": "No", "Command": "top", "Custom_Directory": "Recycle",
             "Working_Directory": "/usr"},
            [],
            Program(),
        ),
        ({"Custom_Command": "Yes"}, [], Program()),
    ],
)  # fmt: skip
async def test_a_profile_tells_what_was_asked_for(
    peer: Peer, values: dict[str, object], names: list[str], program: Program
) -> None:
    peer.answers["get_profile_property_request"] = profile(**values)
    peer.answers["list_profiles_request"] = shared(*names)

    async with terminal_over(peer) as terminal:
        assert await terminal.read_program(ONE) == program


async def test_nobody_has_no_profile(peer: Peer) -> None:
    message = wire.ServerOriginatedMessage()
    status = wire.GetProfilePropertyResponse.Status.SESSION_NOT_FOUND
    message.get_profile_property_response.status = status
    peer.answers["get_profile_property_request"] = message

    async with terminal_over(peer) as terminal:
        with pytest.raises(NotFoundError):
            await terminal.read_program(ONE)
