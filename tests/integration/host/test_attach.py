"""``iterm-mcp attach`` on a real pseudo-terminal, seen through a real emulator."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from iterm2 import api_pb2
from tests.integration.host.test_notifications import subscribe
from tests.waiting import eventually

from iterm_mcp.attach.keys import PASTE_END, PASTE_START
from iterm_mcp.host.engine import Engine
from iterm_mcp.host.pty import Pty
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

COLUMNS, ROWS = 90, 20
PREFIX = b"\x1d"
SECONDS = 20.0


class Person:
    """Someone at a terminal, in which one command runs and then the modes are shown."""

    def __init__(self, pty: Pty, columns: int, rows: int) -> None:
        self.pty = pty
        self.engine = Engine(columns, rows, scrollback=100, on_osc=lambda _: None)
        self.output = bytearray()

    def heard(self, data: bytes) -> None:
        self.output += data
        self.engine.feed(data)

    def screen(self) -> list[str]:
        first = self.engine.overflow + self.engine.history
        lines = self.engine.lines(first, self.engine.rows, styles=False)
        return [line.text.replace("\0", " ").rstrip() for line in lines]

    async def sees(self, text: str) -> list[str]:
        """Wait until a text is on the screen; return the rows."""
        return await eventually(
            self.screen, lambda rows: any(text in row for row in rows), within_seconds=SECONDS
        )

    def attached_pid(self) -> int:
        return psutil.Process(self.pty.pid).children()[0].pid


@asynccontextmanager
async def person(
    home: Home, *words: str, columns: int = COLUMNS, rows: int = ROWS
) -> AsyncIterator[Person]:
    attach = shlex.join([sys.executable, "-m", "iterm_mcp", "attach"]) + " " + " ".join(words)
    script = (
        f'before=$(stty -g); {attach}; echo "code=$?"; '
        'test "$before" = "$(stty -g)" && echo same modes; cat'
    )
    pty = Pty.spawn(
        ["/bin/sh", "-c", script], columns=columns, rows=rows, directory="/", environ=home.environ
    )
    one = Person(pty, columns, rows)
    pty.start(one.heard, lambda _: None)
    try:
        yield one
    finally:
        await pty.aclose(grace_seconds=5)
        one.engine.close()


async def open_shell(wire: WireClient) -> Any:  # noqa: ANN401 - the response
    opened = await wire.open_window("/bin/sh")
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="PS1='sh: '; clear\n"))
    return opened


async def grid(wire: WireClient, session: str) -> tuple[int, int]:
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    for window in listing.windows:
        for tab in window.tabs:
            for link in tab.root.links:
                if link.session.unique_identifier == session:
                    return link.session.grid_size.width, link.session.grid_size.height
    raise AssertionError(session)


async def has_grid(wire: WireClient, session: str, wanted: tuple[int, int]) -> None:
    await eventually(
        lambda: grid(wire, session), lambda found: found == wanted, within_seconds=SECONDS
    )


async def test_typing_splitting_moving_and_detaching(host_home: Home, wire: WireClient) -> None:
    opened = await open_shell(wire)
    async with person(host_home) as one:
        await one.sees("ctrl-] ? for help")
        await has_grid(wire, opened.session_id, (90, 18))
        one.pty.write("echo $((40+2)) grün 漢\n".encode())
        rows = await one.sees("42 grün 漢")
        assert rows[0].startswith("──")
        split = await wire.ask(
            api_pb2.SplitPaneRequest(
                session=opened.session_id,
                split_direction=api_pb2.SplitPaneRequest.VERTICAL,
                custom_profile_properties=[
                    api_pb2.ProfileProperty(key="Custom Command", json_value='"Yes"'),
                    api_pb2.ProfileProperty(key="Command", json_value='"/bin/cat"'),
                ],
            )
        )
        await one.sees("│")
        one.pty.write(b"right\n")
        rows = await one.sees("right")
        assert rows[0].index("│") == 44
        assert rows[1].endswith("right")
        one.pty.write(PREFIX + b"\x1b[D")
        one.pty.write(b"printf '\\033[1;31mleft%s\\033[0m\\n' side\n")
        rows = await one.sees("leftside")
        await eventually(lambda: b"\x1b[0;1;38;5;1ml" in one.output)
        one.pty.write(PREFIX + b"d")
        await one.sees("same modes")
        assert "code=0" in one.screen()
        assert not one.engine.alternate_screen
        text = await wire.text(split.session_id[0])
        assert "leftside" not in "".join(text)


async def test_keys_send_what_the_program_asks_for_and_its_modes_end_with_the_view(
    host_home: Home, wire: WireClient
) -> None:
    opened = await open_shell(wire)
    async with person(host_home) as one:
        await one.sees("for help")
        one.pty.write(b"printf '\\033[?1h\\033=\\033[?2004h\\033[?25l'; stty -echo; cat -v\n")
        await eventually(lambda: one.engine.application_cursor and one.engine.bracketed_paste)
        await eventually(lambda: one.engine.cursor_look is None)
        one.pty.write(b'\x1bOA\x1b[200~a \\(b)"\x1b[201~\n')
        await one.sees('^[OA^[[200~a \\(b)"^[[201~')
        await wire.feed(opened.session_id, b"\x1b[?1l\x1b>\x1b[?25hshown")
        await eventually(lambda: not one.engine.application_cursor)
        await eventually(lambda: one.engine.cursor_look is not None)
        assert one.engine.bracketed_paste
        one.pty.write(PREFIX + b"d")
        await one.sees("same modes")
        assert not one.engine.bracketed_paste


async def test_a_title_follows_what_runs(host_home: Home, wire: WireClient) -> None:
    await open_shell(wire)
    async with person(host_home) as one:
        await one.sees("── sh ─")
        one.pty.write(b"cat\n")
        await one.sees("── cat ─")
        one.pty.write(b"\x04")
        await one.sees("── sh ─")


@pytest.mark.notifies("NOTIFY_ON_KEYSTROKE", "KEYSTROKE_FILTER", source="3.11")
async def test_scripts_see_the_keys_and_filters_take_them(
    host_home: Home, wire: WireClient
) -> None:
    opened = await open_shell(wire)
    await subscribe(wire, "NOTIFY_ON_KEYSTROKE", opened.session_id)
    taken = api_pb2.KeystrokeFilterRequest(
        patterns_to_ignore=[api_pb2.KeystrokePattern(characters=["Q"])]
    )
    await subscribe(wire, "KEYSTROKE_FILTER", opened.session_id, keystroke_filter_request=taken)

    async def told() -> list[api_pb2.KeystrokeNotification]:
        await wire.text(opened.session_id)  # what was told before the answer has come
        return list(wire.seen("keystroke_notification"))

    keys = 'echo QaQ"b\\\\"'
    async with person(host_home) as one:
        await one.sees("for help")
        one.pty.write(keys.encode() + PASTE_START + b"'QQ'" + PASTE_END + b"\r")
        await one.sees("QQ")
        one.pty.write(b"\x03")
        # The line's end and what interrupts it are keys again.
        seen = await eventually(told, lambda found: len(found) == len(keys) + 2)
    assert "".join(key.characters for key in seen) == keys + "\r\x03", "a paste is no keys"
    assert list(seen[-1].modifiers) == [api_pb2.CONTROL]
    shown = "".join(await wire.text(opened.session_id))
    assert 'echo a"b\\\\"' in shown
    assert "Qa" not in shown


async def test_two_are_attached_and_the_second_is_cut_off(
    host_home: Home, wire: WireClient
) -> None:
    opened = await open_shell(wire)
    async with person(host_home, opened.session_id) as first:
        await first.sees("for help")
        await has_grid(wire, opened.session_id, (90, 18))
        async with person(host_home, opened.window_id, columns=60, rows=15) as second:
            await second.sees("90x18, cut off")
            second.pty.write(b"echo $((40+2))\n")
            await second.sees("42")
            await first.sees("42")
            await wire.feed(opened.session_id, b"\x1b[2J\x1b[18;80Hfar off")
            await second.sees("far off")
            assert second.screen()[0] == "", "the title is out of sight"
            assert await grid(wire, opened.session_id) == (90, 18)


async def test_who_asks_for_it_resizes_the_window_and_so_does_a_terminal_that_grows(
    host_home: Home, wire: WireClient
) -> None:
    opened = await open_shell(wire)
    async with person(host_home) as first:
        await first.sees("for help")
        await has_grid(wire, opened.session_id, (90, 18))
        async with person(host_home, "--resize", columns=70) as second:
            await has_grid(wire, opened.session_id, (70, 18))
            await second.sees("for help")
            second.engine.resize(100, 30)
            second.pty.resize(100, 30)
            await has_grid(wire, opened.session_id, (100, 28))
            await first.sees("100x28, cut off")
            await second.sees("for help")


async def test_tabs_and_help(host_home: Home, wire: WireClient) -> None:
    opened = await wire.open_window()
    await wire.feed(opened.session_id, b"first tab")
    cat = {"Custom Command": '"Yes"', "Command": '"/bin/cat"'}  # a shell would draw over it
    made = await wire.ask(
        api_pb2.CreateTabRequest(
            window_id=opened.window_id,
            custom_profile_properties=[
                api_pb2.ProfileProperty(key=key, json_value=value) for key, value in cat.items()
            ],
        )
    )
    await wire.feed(made.session_id, b"second tab")
    async with person(host_home, "--prefix", "ctrl-b") as one:
        await one.sees("second tab")
        one.pty.write(b"\x02n")
        await one.sees("first tab")
        one.pty.write(b"\x02ptyped at once\n")
        await one.sees("second tab")
        await one.sees("typed at once")
        one.pty.write(b"\x02?")
        await one.sees("Any key closes this.")
        one.pty.write(b"x")
        await eventually(lambda: not any("Any key" in row for row in one.screen()))
        one.pty.write(b"\x02o")
        one.pty.write(b"\x02d")
        await one.sees("same modes")


async def test_a_window_that_closes_ends_it(host_home: Home, wire: WireClient) -> None:
    opened = await open_shell(wire)
    async with person(host_home) as one:
        await one.sees("for help")
        await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="exit\n"))
        await one.sees("[the window has closed]")
        await one.sees("same modes")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_gives_the_terminal_back(
    host_home: Home, wire: WireClient, number: signal.Signals
) -> None:
    await open_shell(wire)
    async with person(host_home) as one:
        await one.sees("for help")
        os.kill(one.attached_pid(), number)
        await one.sees("same modes")
        assert f"code={128 + number}" in one.screen()


async def test_a_host_that_ends_is_told(own_home: Home, own_wire: WireClient) -> None:
    await open_shell(own_wire)
    async with person(own_home) as one:
        await one.sees("for help")
        pid = lock_holder(own_home.paths.host_lock)
        assert pid
        os.kill(pid, signal.SIGKILL)
        await one.sees("[the host has ended, or closed the connection]")
        await one.sees("same modes")
        assert "code=1" in one.screen()


async def test_what_is_not_there_is_told(host_home: Home, wire: WireClient) -> None:
    async with person(host_home) as one:
        await one.sees("the host has no window")
        await one.sees("same modes")
    opened = await open_shell(wire)
    async with person(host_home, "nonsense") as one:
        await one.sees(opened.session_id)
        await one.sees("code=1")
    async with person(host_home, "</dev/null") as one:
        await one.sees("attach needs a terminal")
    async with person(host_home, "--prefix", "b") as one:
        await one.sees("no control key")
        await one.sees("code=2")
