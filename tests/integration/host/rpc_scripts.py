"""Scripts about functions, keys, selections, coprocesses and moves: the `iterm2` library alone.

``python rpc_scripts.py NAME`` runs one in a process of its own; it fails by an assertion.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import iterm2
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable

Connection = iterm2.Connection

COLUMNS: Any = iterm2.Reference("session.columns")
PROFILE: Any = iterm2.Reference("profileName")


async def open_window(
    connection: Connection,
) -> tuple[iterm2.App, iterm2.Window, iterm2.Session]:
    """Return the app, a new window and its session."""
    app = await iterm2.async_get_app(connection)
    window = await iterm2.Window.async_create(connection, command="/bin/cat")
    session = window and window.current_tab and window.current_tab.current_session
    assert app
    assert window
    assert session
    return app, window, session


async def refuses(call: Awaitable[object], reason: str) -> None:
    try:
        await call
    except iterm2.RPCException as error:
        said = str(error)
    else:
        said = "nothing"
    assert reason in said, said


@pytest.mark.answers("invoke_function_request", "success", "FAILED", source="2.21")
@pytest.mark.answers("server_originated_rpc_result_request", source="2.21")
@pytest.mark.notifies("NOTIFY_ON_SERVER_ORIGINATED_RPC", source="3.10")
@pytest.mark.behaves("registered", "defaults", "roles", source="2.21")
async def offers_functions(connection: Connection) -> None:
    app, _, session = await open_window(connection)

    @iterm2.RPC
    async def add(one: int, other: int, columns: int = COLUMNS) -> int:
        await app.async_refresh()  # it may speak to the host meanwhile
        return one + other + columns

    @iterm2.RPC
    async def breaks() -> None:
        raise ValueError("broken")

    await add.async_register(connection)
    await breaks.async_register(connection)
    assert await session.async_invoke_function("add(one: 1, other: 2)") == 83
    assert await session.async_invoke_function("add(one: 1, other: 2, columns: 0)") == 3
    await refuses(session.async_invoke_function("breaks()"), "broken")

    @iterm2.TitleProviderRPC
    async def my_title(name: str = PROFILE) -> str:
        return f"<{name}>"

    await my_title.async_register(connection, "My Title", "com.example.my-title")
    said = await session.async_invoke_function("title.com.example.my_title.my_title()")
    assert said == "<Default>"


@pytest.mark.answers("selection_request", "OK", source="2.17")
@pytest.mark.answers("set_broadcast_domains_request", "OK", source="2.16")
@pytest.mark.answers("reorder_tabs_request", "OK", source="2.7")
@pytest.mark.behaves("buried", source="2.8")
async def selects_and_broadcasts(connection: Connection) -> None:
    app, window, session = await open_window(connection)
    await session.async_inject(b"some text")
    part = iterm2.SubSelection(
        iterm2.WindowedCoordRange(iterm2.CoordRange(iterm2.Point(5, 0), iterm2.Point(8, 0))),
        iterm2.SelectionMode.CHARACTER,
        False,  # noqa: FBT003 - as the library has it
    )
    await session.async_set_selection(iterm2.Selection([part]))
    selection = await session.async_get_selection()
    assert await session.async_get_selection_text(selection) == "tex"
    other = await session.async_split_pane()
    domain = iterm2.broadcast.BroadcastDomain()
    domain.add_session(session)
    domain.add_session(other)
    await iterm2.async_set_broadcast_domains(connection, [domain])
    await app.async_refresh_broadcast_domains()
    (found,) = app.broadcast_domains
    assert {one.session_id for one in found.sessions} == {session.session_id, other.session_id}
    await session.async_set_buried(buried=True)
    await app.async_refresh()
    assert [one.session_id for one in app.buried_sessions] == [session.session_id]
    await session.async_set_buried(buried=False)
    tab = await window.async_create_tab()
    assert tab
    await window.async_set_tabs([tab, window.tabs[0]])
    await app.async_refresh()
    assert window.tabs[0].tab_id == tab.tab_id


@pytest.mark.notifies("NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE", source="3.8")
@pytest.mark.notifies("NOTIFY_ON_KEYSTROKE", source="3.11")
@pytest.mark.behaves(
    "iterm2.select_pane_in_direction",
    "iterm2.alert",
    "iterm2.run_coprocess",
    "iterm2.get_coprocess",
    "iterm2.stop_coprocess",
    "iterm2.move_session",
    source="2.21",
)
async def watches_and_moves(connection: Connection) -> None:
    app, window, session = await open_window(connection)
    async with iterm2.CustomControlSequenceMonitor(connection, "me", r"^do (\w+)$") as monitor:
        await session.async_inject(b"\x1b]1337;Custom=id=other:do no\x07")
        await session.async_inject(b"\x1b]1337;Custom=id=me:do it\x07")
        match = await monitor.async_get()
        assert match.group(1) == "it"
    async with iterm2.KeystrokeMonitor(connection, session.session_id) as keys:
        key = {
            "characters": "x", "charactersIgnoringModifiers": "x", "modifiers": ["SHIFT"],
            "keyCode": 7, "action": "KEY_DOWN", "bytes": "x",
        }  # fmt: skip
        said = ", ".join(f"{name}: {json.dumps(value)}" for name, value in key.items())
        assert await session.async_invoke_function(f"iterm_mcp.press_key({said})")
        pressed = await keys.async_get()
        assert pressed.characters == "x"
        assert pressed.modifiers == [iterm2.Modifier.SHIFT]
    assert await session.async_run_coprocess("cat > /dev/null")
    assert await session.async_get_coprocess() == "cat > /dev/null"
    assert await session.async_stop_coprocess()
    split = await session.async_split_pane(vertical=True)
    tab = window.current_tab
    assert tab
    assert await tab.async_select_pane_in_direction(iterm2.NavigationDirection.LEFT)
    await app.async_move_session(split, session, False, True)  # noqa: FBT003
    await app.async_refresh()
    assert [one.session_id for one in tab.sessions] == [split.session_id, session.session_id]
    alert = iterm2.Alert("title", "subtitle")
    await refuses(alert.async_run(connection), "no screen")


SCRIPTS = [offers_functions, selects_and_broadcasts, watches_and_moves]

if __name__ == "__main__":
    by_name = {script.__name__: script for script in SCRIPTS}
    iterm2.run_until_complete(by_name[sys.argv[1]])
