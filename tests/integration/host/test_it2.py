"""`it2` with sessions, windows and tabs; and that every one of its commands is tested."""

from __future__ import annotations

import ast
import json
import re
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host.it2_cli import COMMAND
from tests.integration.host.test_requests_tabs import layout
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.host.it2_cli import It2
    from tests.integration.host.wire_client import WireClient

PBCOPY = Path("/usr/bin/pbcopy").exists()
GROUPS = (
    "session", "window", "window arrange", "tab", "profile", "app", "app broadcast", "monitor",
)  # fmt: skip
FILES = ("test_it2.py", "test_it2_app.py")


async def active(wire: WireClient, name: str) -> Any:  # noqa: ANN401 - any JSON
    response = await wire.ask(api_pb2.VariableRequest(session_id="active", get=[name]))
    return json.loads(response.values[0])


async def shows(wire: WireClient, session: str, line: str) -> None:
    await eventually(partial(wire.text, session), lambda lines: line in lines)


async def commands(it2: It2) -> set[str]:
    """Return all commands, as the help of each group lists them."""
    found: set[str] = set()

    async def look(group: str) -> None:
        _, _, listed = (await it2(*group.split(), "--help")).partition("Commands:\n")
        names = re.findall(r"^ {2}(\S+)", listed, re.MULTILINE)
        assert names
        found.update(f"{group} {name}".strip() for name in names)

    async with anyio.create_task_group() as tasks:
        for group in ["", *GROUPS]:
            tasks.start_soon(look, group)
    return found - set(GROUPS)


def called() -> list[str]:
    """Return the constant words with which the tests begin their commands."""
    calls = [
        node
        for name in FILES
        for node in ast.walk(ast.parse(Path(__file__).with_name(name).read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("it2")
    ]
    return [
        " ".join(str(one.value) for one in call.args if isinstance(one, ast.Constant)) + " "
        for call in calls
    ]


@pytest.mark.long
async def test_every_command_is_tested(it2: It2) -> None:
    found = called()
    missing = {
        one for one in await commands(it2) if not any(call.startswith(f"{one} ") for call in found)
    }
    assert not missing


async def test_sessions_are_listed(it2: It2, wire: WireClient) -> None:
    assert await it2.json("session", "list") == []
    opened = await wire.open_window(Name='"mine"')
    (found,) = await it2.json("session", "list")
    assert found.pop("tty").startswith("/dev/")
    assert found == {
        "id": opened.session_id, "name": "mine (cat)", "title": "", "rows": 25, "cols": 80,
        "is_tmux": False, "window_id": opened.window_id, "tab_id": str(opened.tab_id),
    }  # fmt: skip
    assert "mine (cat)" in await it2("session", "list")
    assert "80x25" in await it2("ls")


async def test_text_and_commands_are_typed(it2: It2, wire: WireClient) -> None:
    one, two = await wire.open_window(), await wire.open_window()
    await it2("session", "send", "some ", "-s", one.session_id)
    await it2("send", "text", "-s", f"w0t0p0:{one.session_id}")  # as ITERM_SESSION_ID has it
    await it2("session", "run", "", "-s", f"w0t0p0.{one.session_id}")  # as termid has it
    await shows(wire, one.session_id, "some text")
    assert await it2("run", "both", "--all") == "Executed command in 2 sessions\n"
    for session in (one, two):
        await shows(wire, session.session_id, "both")
    assert "not found" in await it2("session", "send", "x", "-s", "none", code=3)


@pytest.mark.long
async def test_screens_are_read_captured_and_cleared(
    it2: It2, wire: WireClient, tmp_path: Path
) -> None:
    opened = await wire.open_window("cat -v", Rows="10")
    await wire.feed(opened.session_id, b"".join(b"line %d\r\n" % n for n in range(30)))
    lines = [f"line {n}" for n in range(30)] + [""]
    assert (await it2("session", "read")).splitlines() == lines[-10:]
    assert (await it2("session", "read", "-n", "3")).splitlines() == lines[-3:]
    file = tmp_path / "captured"
    await it2("session", "capture", "-o", str(file))
    assert file.read_text().split("\n") == lines[-10:]
    await it2("session", "capture", "--history", "-o", str(file), "-s", opened.session_id)
    assert file.read_text().split("\n") == lines
    await it2("session", "clear")  # it types control-L, and leaves the rest to the program
    await it2("clear", "-s", opened.session_id)
    await eventually(partial(wire.text, opened.session_id), lambda now: now[-1] == "^L^L")


@pytest.mark.long
async def test_what_is_selected_can_be_had_and_copied_where_there_is_a_clipboard(
    it2: It2, wire: WireClient
) -> None:
    opened = await wire.open_window()
    assert await it2("session", "copy") == "No text selected\n"
    await wire.feed(opened.session_id, b"some text")
    start, end = api_pb2.Coord(x=0, y=0), api_pb2.Coord(x=4, y=0)
    part = api_pb2.WindowedCoordRange(coord_range=api_pb2.CoordRange(start=start, end=end))
    chosen = api_pb2.SubSelection(windowed_coord_range=part, selection_mode=api_pb2.CHARACTER)
    asked = api_pb2.SelectionRequest.SetSelectionRequest(
        session_id=opened.session_id, selection=api_pb2.Selection(sub_selections=[chosen])
    )
    await wire.ask(api_pb2.SelectionRequest(set_selection_request=asked))
    if not PBCOPY:
        assert "'/usr/bin/pbcopy'" in await it2("session", "copy", code=1)
    else:
        assert "copied" in await it2("session", "copy")


async def test_panes_are_split_focused_restarted_and_closed(it2: It2, wire: WireClient) -> None:
    first = (await wire.open_window()).session_id

    await it2("split", "--profile", "none", code=1)
    said = await it2("session", "split", "--vertical")
    assert said.startswith("Created new pane: ")
    right = said.split()[-1]
    below = (await it2("split", "-s", first)).split()[-1]
    beside = (await it2("vsplit", "-s", below)).split()[-1]
    assert await layout(wire) == [[[first, below, beside, right]]]
    await it2("session", "focus", right)
    assert await active(wire, "id") == right
    assert "not found" in await it2("session", "focus", "none", code=3)
    pid = await active(wire, "pid")
    assert await it2("session", "restart") == "Session restarted\n"
    assert await active(wire, "pid") != pid
    assert await it2("session", "close", "--force") == "Session closed\n"
    await it2("session", "close", "-f", "-s", below)
    assert await layout(wire) == [[[first, beside]]]
    assert "Close session" in await it2("session", "close", code=1)  # nobody says yes
    assert await layout(wire) == [[[first, beside]]]


async def test_names_and_variables_are_set_and_got(it2: It2, wire: WireClient) -> None:
    opened = await wire.open_window()
    assert "builder" in await it2("session", "set-name", "builder")
    assert await it2("session", "get-var", "name") == "builder (cat)\n"
    await it2("session", "set-var", "user.mine", "a value", "-s", opened.session_id)
    assert await it2("session", "get-var", "user.mine") == "a value\n"
    assert await it2("session", "get-var", "columns") == "80\n"
    assert "not set" in await it2("session", "get-var", "user.none")
    assert "INVALID_NAME" in await it2("session", "set-var", "name", "x", code=1)


@pytest.mark.long
async def test_it_works_inside_a_session_with_what_the_session_has(
    it2: It2, wire: WireClient
) -> None:
    other, own = await wire.open_window(), await wire.open_window("/bin/sh")
    command = f"{shlex.join(COMMAND)} session set-var user.by $ITERM_SESSION_ID"
    await it2("run", f"{command} -s {other.session_id}", "-s", own.session_id)

    async def seen() -> Any:  # noqa: ANN401 - any JSON
        got = api_pb2.VariableRequest(session_id=other.session_id, get=["user.by"])
        return json.loads((await wire.ask(got)).values[0])

    assert await eventually(seen, within_seconds=20) == f"w1t0p0:{own.session_id}"


@pytest.mark.long
async def test_windows_are_opened_listed_moved_sized_and_closed(it2: It2, wire: WireClient) -> None:
    assert "No active window" in await it2("session", "read", code=3)
    assert (await it2("window", "new")).startswith("Created new window: pty-")
    said = await it2("window", "new", "--profile", "Default", "--command", "/bin/cat")
    window = said.split()[-1]
    await it2("window", "move", "30", "40")
    await it2("window", "resize", "800", "480", window)
    found = await it2.json("window", "list")
    assert found[1] == {
        "id": window, "tabs": 1, "x": 30, "y": 40, "width": 800, "height": 480,
        "is_fullscreen": False,
    }  # fmt: skip
    assert "800x480" in await it2("window", "list")
    first = str(found[0]["id"])
    await it2("window", "focus", first)
    assert first in await it2("app", "get-focus")
    assert "not found" in await it2("window", "focus", "none", code=3)
    assert await it2("window", "fullscreen", "off") == "Fullscreen already disabled\n"
    await it2("window", "fullscreen", "toggle", code=1)  # there is no screen to fill
    assert await it2("window", "close", "-f") == "Window closed\n"
    assert await it2("window", "close", "-f", window) == "Window closed\n"
    assert await layout(wire) == []
    assert "No current window" in await it2("window", "close", "-f", code=3)
    await it2("new", "-c", "/bin/cat")
    assert len(await layout(wire)) == 1
    await it2("new", "-c", "/no/such/program", code=1)


@pytest.mark.long
async def test_tabs_are_opened_listed_chosen_moved_and_closed(it2: It2, wire: WireClient) -> None:
    opened = await wire.open_window()
    first, window = str(opened.tab_id), opened.window_id
    second = (await it2("tab", "new")).split()[-1]
    said = await it2("newtab", "--window", window, "--command", "echo $((20 + 3))")
    third = said.split()[-1]
    await shows(wire, str(await active(wire, "id")), "23")

    async def selected() -> str:
        return str(await active(wire, "tab.id"))

    assert [(one["id"], one["is_active"]) for one in await it2.json("tab", "list")] == [
        (first, False), (second, False), (third, True)
    ]  # fmt: skip
    assert window[:20] in await it2("tab", "list", "-w", window)
    assert await it2("tab", "next") == "Switched to tab 0\n"
    assert await selected() == first
    await it2("tab", "prev")
    assert await selected() == third
    await it2("tab", "goto", "1")
    assert await selected() == second
    await it2("tab", "select", "0")
    assert await selected() == first
    assert "out of range" in await it2("tab", "goto", "9", code=4)
    assert "not found" in await it2("tab", "select", "none", code=3)
    await it2("tab", "move", second)
    assert [len(one) for one in await layout(wire)] == [2, 1]
    await it2("tab", "close", "-f", second)
    await it2("tab", "close", "-f")
    assert [len(one) for one in await layout(wire)] == [1]
    assert "not found" in await it2("tab", "close", "none", code=3)
