"""Screenshots of sessions: by the API, by the library, and by the verb."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.homes import open_home
from tests.integration.host.wire_client import open_wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREETING = "\x1b[1;31mhello\x1b[0m 漢字 👍 \x1b[4:3mcurly\x1b[0m".encode()


@dataclass(frozen=True)
class Shown:
    code: int
    out: bytes
    words: str


async def show(home: Home, *words: str) -> Shown:
    """Run the verb."""
    with anyio.fail_after(60):
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "host", "screenshot", *words],
            env=home.environ,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    return Shown(done.returncode, done.stdout, done.stderr.decode())


@pytest.fixture
async def session_id(wire: WireClient) -> str:
    """A session that shows the greeting."""
    response = await wire.open_window(Columns="30", Rows="4")
    await wire.feed(response.session_id, GREETING)
    return str(response.session_id)


def function(session_id: str, **arguments: Any) -> api_pb2.InvokeFunctionRequest:  # noqa: ANN401
    request = api_pb2.InvokeFunctionRequest()
    request.session.session_id = session_id
    given = ", ".join(f"{name}: {json.dumps(value)}" for name, value in arguments.items())
    request.invocation = f"iterm_mcp.screenshot({given})"
    return request


@pytest.mark.answers("screenshot_request", "OK", source="2.19")
async def test_a_screenshot_is_a_png_of_the_visible_screen(
    wire: WireClient, session_id: str
) -> None:
    response = await wire.ask(api_pb2.ScreenshotRequest(session=session_id))

    assert response.status == response.OK
    assert response.png.startswith(SIGNATURE)
    width, height = struct.unpack_from(">II", response.png, 16)
    assert width / height == pytest.approx((30 * 9 + 16) / (4 * 20 + 16), abs=0.01)


async def test_it_follows_what_is_shown(wire: WireClient, session_id: str) -> None:
    before = await wire.ask(api_pb2.ScreenshotRequest(session="active"))
    again = await wire.ask(api_pb2.ScreenshotRequest(session=session_id))
    await wire.feed(session_id, b"\r\nmore")
    after = await wire.ask(api_pb2.ScreenshotRequest(session=session_id))

    assert before.png == again.png != after.png


async def test_many_screenshots_at_once_are_all_drawn_and_hold_up_nothing(
    wire: WireClient, session_id: str
) -> None:
    asked = [await wire.send(api_pb2.ScreenshotRequest(session=session_id)) for _ in range(5)]
    focus = await wire.send(api_pb2.FocusRequest())

    answers = [await wire.receive() for _ in range(6)]

    assert answers[0].id == focus
    assert {answer.id for answer in answers[1:]} == set(asked)
    assert {answer.screenshot_response.png[:8] for answer in answers[1:]} == {SIGNATURE}


@pytest.mark.answers("screenshot_request", "SESSION_NOT_FOUND", source="2.19")
async def test_of_an_unknown_session_there_is_no_screenshot(wire: WireClient) -> None:
    response = await wire.ask(api_pb2.ScreenshotRequest(session="none"))

    assert response.status == response.SESSION_NOT_FOUND


async def test_a_screenshot_is_answered_inside_a_transaction(
    wire: WireClient, session_id: str
) -> None:
    await wire.ask(api_pb2.TransactionRequest(begin=True))
    response = await wire.ask(api_pb2.ScreenshotRequest(session=session_id))
    await wire.ask(api_pb2.TransactionRequest(begin=False))

    assert response.png.startswith(SIGNATURE)


@pytest.mark.behaves("iterm_mcp.screenshot", source="2.21")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"format": "gif", "history": 0}, "format must be one of text, ansi, svg"),
        ({"format": 1, "history": 0}, "format must be a string"),
        ({"format": "svg", "history": -1}, "history must be a whole number from 0 to 2000"),
        ({"format": "svg", "history": True}, "history must be a whole number"),
    ],
)
async def test_what_the_function_cannot_show_it_says(
    wire: WireClient, session_id: str, arguments: dict[str, Any], reason: str
) -> None:
    response = await wire.ask(function(session_id, **arguments))

    assert reason in response.error.error_reason


async def test_the_verb_prints_the_screen_as_text(host_home: Home, session_id: str) -> None:
    assert await show(host_home, session_id) == Shown(0, "hello 漢字 👍 curly\n\n\n\n".encode(), "")


async def test_the_verb_prints_escape_sequences(host_home: Home, session_id: str) -> None:
    shown = await show(host_home, session_id, "--format", "ansi")

    assert shown.out.splitlines()[0] == (
        "\x1b[0;1;31mhello\x1b[0m 漢字 👍 \x1b[0;4:3mcurly\x1b[0m".encode()
    )


async def test_the_verb_draws_a_picture_with_the_colours_of_the_sessions_profile(
    host_home: Home, session_id: str, wire: WireClient
) -> None:
    color = {"Red Component": 0, "Green Component": 0, "Blue Component": 1}
    changed = await wire.ask(
        api_pb2.SetProfilePropertyRequest(
            session=session_id, key="Background Color", json_value=json.dumps(color)
        )
    )
    assert changed.status == changed.OK

    shown = await show(host_home, session_id, "--format", "svg")

    root = ET.fromstring(shown.out)
    assert root[0].get("fill") == "#0000ff"
    assert "".join(root.itertext()).split() == ["hello", "漢字", "👍", "curly"]


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", SIGNATURE), ("a.svg", b"<svg "), ("a.txt", b"hello ")]
)
async def test_the_verb_writes_what_the_files_name_says(
    host_home: Home, session_id: str, tmp_path: Path, name: str, start: bytes
) -> None:
    file = tmp_path / name

    shown = await show(host_home, session_id, "--output", str(file))

    assert shown == Shown(0, b"", "")
    assert file.read_bytes().startswith(start)


async def test_the_verb_shows_history_above_the_screen(
    host_home: Home, session_id: str, wire: WireClient
) -> None:
    await wire.feed(session_id, b"\r\n2\r\n3\r\n4\r\n5\r\n6")

    shown = await show(host_home, session_id, "--history", "1")

    assert shown.out == b"2\n3\n4\n5\n6\n"
    beyond = await show(host_home, session_id, "--history", "2001")
    assert (beyond.code, beyond.out) == (1, b"")
    assert "history must be" in beyond.words


async def test_the_verb_names_the_sessions_there_are_when_it_knows_none_of_that_name(
    host_home: Home, session_id: str, wire: WireClient
) -> None:
    await wire.ask(
        api_pb2.SetPropertyRequest(session_id=session_id, name="buried", json_value="true")
    )
    other = await wire.open_window()

    shown = await show(host_home, "nobody")

    assert (shown.code, shown.out) == (1, b"")
    assert shown.words.startswith("no session 'nobody'; these are open:\n")
    assert f"\n  {session_id}  " in shown.words
    assert f"\n  {other.session_id}  " in shown.words


async def test_the_verb_says_when_no_host_runs(home: Home) -> None:
    shown = await show(home, "active")

    assert shown.code == 1
    assert shown.words.startswith("no host answers")
    assert "iterm-mcp host start" in shown.words


@pytest.mark.answers("screenshot_request", "INTERNAL_ERROR", source="2.19")
async def test_without_the_extra_a_png_is_refused_and_the_verb_says_what_to_install(
    tmp_path: Path,
) -> None:
    (tmp_path / "resvg_py.py").write_text("raise ImportError")
    async with open_home("headless") as home:
        home.environ["PYTHONPATH"] = str(tmp_path)
        await home.start("host")
        async with open_wire(home) as wire:
            opened = await wire.open_window()
            response = await wire.ask(api_pb2.ScreenshotRequest(session=opened.session_id))
            refused = await show(home, opened.session_id, "--format", "png")
            drawn = await show(home, opened.session_id, "--format", "svg")
        log = await anyio.Path(home.paths.logs, "host.log").read_text()

    assert (response.status, response.png) == (response.INTERNAL_ERROR, b"")
    assert (refused.code, refused.out) == (1, b"")
    assert "pip install 'iterm-mcp[png]'" in refused.words
    assert drawn.out.startswith(b"<svg ")
    assert "pip install 'iterm-mcp[png]'" in log
