"""The front door: who is let in, and what becomes of what is no request."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host.wire_client import headers, open_wire, printed_environment
from tests.waiting import eventually
from websockets.asyncio.client import unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

SCRIPT = """
import asyncio, iterm2

async def main(connection):
    app = await iterm2.async_get_app(connection)
    window = await iterm2.Window.async_create(connection, command="/bin/sh")
    session = window.current_tab.current_session
    other = await session.async_split_pane(vertical=True)
    assert {one.session_id for one in window.current_tab.sessions} == {
        session.session_id, other.session_id
    }
    await other.async_send_text("echo $((6 * 7))\\n")
    for _ in range(500):
        contents = await other.async_get_screen_contents()
        lines = [contents.line(n).string for n in range(contents.number_of_lines)]
        if "42" in lines:
            print("read back 42")
            break
        await asyncio.sleep(0.01)
    await window.async_close(force=True)

iterm2.run_until_complete(main)
"""


async def _connect_with(home: Home, changed: dict[str, str | None], **options: object) -> int:
    """Return the HTTP status with which a client is refused, 101 when it is let in."""
    given = {"uri": "ws://localhost/", "subprotocols": ["api.iterm2.com"], **options}
    try:
        async with unix_connect(
            home.paths.host_socket,
            additional_headers=headers(home, **changed),
            compression=None,
            **given,  # type: ignore[arg-type]
        ):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.behaves("cookie", source="1.2")
@pytest.mark.behaves("refusals", source="1.3")
@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 101),
        ({"X-iTerm2-Cookie": "wrong"}, 401),
        ({"X-iTerm2-Cookie": None}, 401),
        ({"Origin": "http://example.com/"}, 400),
        ({"Origin": None}, 400),
        ({"X-iTerm2-Library-Version": None}, 400),
        ({"X-iTerm2-Library-Version": "python"}, 400),
        ({"X-iTerm2-Library-Version": "python 0.23"}, 406),
        ({"X-iTerm2-Library-Version": "python x.y"}, 406),
        ({"X-iTerm2-Library-Version": "rust 0.1"}, 101),
        ({"X-iTerm2-Library-Version": "rust"}, 400),
        ({"X-iTerm2-Library-Version": "python 2.30 beta"}, 400),
        ({"X-iTerm2-Library-Version": " 2.30"}, 400),
    ],
)
async def test_a_client_is_let_in_by_its_headers(
    host_home: Home, changed: dict[str, str | None], status: int
) -> None:
    assert await _connect_with(host_home, changed) == status


@pytest.mark.behaves("refusals", source="1.3")
@pytest.mark.parametrize(
    "options",
    [
        {"uri": "ws://localhost/other"},
        {"uri": "ws://example.com/"},
        {"subprotocols": ["chat"]},
        {"subprotocols": None},
    ],
)
async def test_another_path_host_or_protocol_is_refused(
    host_home: Home, options: dict[str, object]
) -> None:
    assert await _connect_with(host_home, {}, **options) == 400


@pytest.mark.behaves("1.18", source="1.5")
async def test_the_protocol_version_is_told_at_the_handshake(wire: WireClient) -> None:
    assert wire.socket.response is not None
    assert wire.socket.response.headers["X-iTerm2-Protocol-Version"] == "1.18"
    assert wire.socket.subprotocol == "api.iterm2.com"


@pytest.mark.behaves("unknown", source="1.4")
async def test_a_request_of_no_kind_gets_an_error_with_its_id(wire: WireClient) -> None:
    await wire.socket.send(api_pb2.ClientOriginatedMessage(id=77).SerializeToString())
    answer = await wire.receive()
    assert answer.id == 77
    assert "Upgrade" in answer.error


@pytest.mark.behaves("id", source="1.4")
async def test_the_first_request_of_the_library_has_the_id_zero(wire: WireClient) -> None:
    request = api_pb2.ClientOriginatedMessage(id=0, focus_request=api_pb2.FocusRequest())
    await wire.socket.send(request.SerializeToString())
    answer = await wire.receive()
    assert (answer.HasField("id"), answer.id) == (True, 0)
    assert answer.HasField("focus_response")


async def test_an_empty_message_is_a_request_of_no_kind(wire: WireClient) -> None:
    await wire.socket.send(b"")
    answer = await wire.receive()
    assert (answer.HasField("id"), answer.WhichOneof("submessage")) == (True, "error")


@pytest.mark.behaves("fragments", source="1.4")
async def test_a_request_in_pieces_is_put_together(wire: WireClient) -> None:
    request = api_pb2.ClientOriginatedMessage(id=5, focus_request=api_pb2.FocusRequest())
    await wire.socket.send([bytes([one]) for one in request.SerializeToString()])
    assert (await wire.receive()).id == 5


@pytest.mark.behaves("unknown", source="1.4")
async def test_a_request_of_the_future_gets_an_error_with_its_id(wire: WireClient) -> None:
    unknown_field = b"\xea\x3f\x00"  # field 1021, an empty message
    request = api_pb2.ClientOriginatedMessage(id=78).SerializeToString() + unknown_field
    await wire.socket.send(request)
    answer = await wire.receive()
    assert (answer.id, answer.WhichOneof("submessage")) == (78, "error")


@pytest.mark.behaves("no message", source="1.4")
async def test_what_is_no_message_ends_its_own_connection_only(
    host_home: Home, wire: WireClient
) -> None:
    async with open_wire(host_home) as bad:
        await bad.socket.send(b"\xff" * 40)
        with pytest.raises(ConnectionClosed):
            await bad.receive()
    await wire.ask(api_pb2.ListSessionsRequest())


@pytest.mark.behaves("text", source="1.4")
async def test_text_frames_are_ignored(wire: WireClient) -> None:
    await wire.socket.send("hello")
    await wire.ask(api_pb2.ListSessionsRequest())


@pytest.mark.behaves("order", source="1.4")
async def test_answers_come_in_the_order_of_the_requests(wire: WireClient) -> None:
    numbers = [await wire.send(api_pb2.FocusRequest()) for _ in range(50)]
    assert [(await wire.receive()).id for _ in numbers] == numbers


@pytest.mark.behaves("socket", source="1.1")
async def test_an_unmodified_script_needs_only_the_printed_environment(host_home: Home) -> None:
    environ = await printed_environment(host_home)
    with anyio.fail_after(60):
        done = await anyio.run_process(
            [sys.executable, "-c", SCRIPT], env=environ, check=False, stderr=subprocess.STDOUT
        )
    assert "read back 42" in done.stdout.decode(), done.stdout.decode()
    assert done.returncode == 0


async def test_the_printed_environment_is_what_a_shell_evaluates(host_home: Home) -> None:
    command = 'eval "$("$0" -m iterm_mcp host env)" && printf "%s %s" "$IT2_SUITE" "$ITERM2_COOKIE"'
    done = await anyio.run_process(
        ["/bin/sh", "-c", command, sys.executable], env=host_home.environ
    )
    suite, cookie = done.stdout.decode().split()
    assert suite == host_home.paths.suite
    assert cookie == headers(host_home)["X-iTerm2-Cookie"]


async def test_a_session_that_opens_for_a_client_is_there_for_the_next(
    host_home: Home, wire: WireClient
) -> None:
    opened = await wire.open_window()
    async with open_wire(host_home) as other:
        listing = await other.ask(api_pb2.ListSessionsRequest())
        assert opened.window_id in {window.window_id for window in listing.windows}
        await other.ask(api_pb2.SendTextRequest(session=opened.session_id, text="to all\n"))
    await eventually(lambda: wire.text(opened.session_id), lambda lines: "to all" in lines)
