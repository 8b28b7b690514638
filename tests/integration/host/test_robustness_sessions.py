"""Whatever programs do, and whatever runs out, the session beside them goes on answering."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest
from iterm2 import api_pb2
from tests.integration.host.neighbours import (
    close_windows,
    host_process,
    pid_of,
    quoted,
    still_echoes,
    still_serves,
)
from tests.integration.host.wire_client import open_wire
from tests.integration.programs import wait_gone
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

DEAF = "/bin/sh -c 'trap \"\" HUP TERM INT; echo deaf; while :; do sleep 1; done'"

needs_prlimit = pytest.mark.skipif(
    not hasattr(psutil, "RLIMIT_NOFILE"), reason="another process's limits cannot be set here"
)


@contextmanager
def crowded(home: Home) -> Iterator[None]:
    """Leave the host no descriptor, and let callers wait who take any that it gets back."""
    process = host_process(home)
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 2, before[1]))
    try:
        with ExitStack() as callers:
            for _ in range(40):
                caller = callers.enter_context(socket.socket(socket.AF_UNIX))
                caller.connect(home.paths.host_socket)
            yield
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, before)


@needs_prlimit
async def test_a_stubborn_shell_is_closed_while_no_descriptor_is_left(own_home: Home) -> None:
    async with open_wire(own_home) as wire:
        opened = await wire.open_window(quoted(DEAF))
        await eventually(lambda: wire.text(opened.session_id), lambda lines: lines[0] == "deaf")
        pid = await pid_of(wire, opened.session_id)
        healthy = await wire.open_window()
        with crowded(own_home):
            await still_echoes(wire, healthy.session_id, "before")
            await close_windows(wire, opened.window_id)
            await wait_gone(pid)
            listing = await wire.ask(api_pb2.ListSessionsRequest())
            assert [window.window_id for window in listing.windows] == [healthy.window_id]
            await wire.ask(api_pb2.SendTextRequest(session=healthy.session_id, text="after\n"))
            await eventually(lambda: wire.text(healthy.session_id), lambda text: "after" in text)


@needs_prlimit
async def test_callers_that_had_to_wait_for_a_descriptor_are_served_at_last(
    own_home: Home,
) -> None:
    process = host_process(own_home)
    with crowded(own_home):
        full, _ = process.rlimit(psutil.RLIMIT_NOFILE)
        await eventually(process.num_fds, lambda count: count == full)
    async with open_wire(own_home) as wire:
        await still_serves(wire)
    log = await anyio.Path(f"{own_home.paths.logs}/host.log").read_text()
    assert log.count("callers_wait") == 1
    assert "out of system resource" not in log


@needs_prlimit
async def test_a_host_with_few_descriptors_says_no_and_later_yes(home: Home) -> None:
    with anyio.fail_after(30):
        await anyio.run_process(
            ["/bin/sh", "-c", 'ulimit -n 48; exec "$0" -m iterm_mcp host start', sys.executable],
            env=home.environ,
            stdout=subprocess.DEVNULL,
        )
    async with open_wire(home) as wire:
        healthy = await wire.open_window()
        create = api_pb2.CreateTabRequest(window_id=healthy.window_id)
        opened = []
        refused = ""
        while not refused:
            answer = await wire.whole_answer(await wire.send(create))
            refused = answer.error
            if not refused:
                opened.append(answer.create_tab_response.session_id)
        limited = "too many files are open (the limit of open files is 48)"
        assert limited in refused
        split = api_pb2.SplitPaneRequest(session=healthy.session_id)
        assert limited in (await wire.whole_answer(await wire.send(split))).error
        log = await anyio.Path(f"{home.paths.logs}/host.log").read_text()
        assert limited in log
        await still_echoes(wire, healthy.session_id)

        close = api_pb2.CloseRequest
        await wire.ask(close(sessions=close.CloseSessions(session_ids=opened)))
        await eventually(lambda: wire.ask(create), lambda one: one.status == one.OK)


async def test_programs_that_end_at_once_leave_neither_window_nor_descriptor(
    own_home: Home,
) -> None:
    process = host_process(own_home)
    async with open_wire(own_home) as wire:
        healthy = await wire.open_window()
        before = 0
        for turn in range(3):  # the first round makes threads and caches that stay
            for code in range(10):
                await wire.open_window(quoted(f"/bin/sh -c 'exit {code}'"))
            await eventually(lambda: window_ids(wire), lambda ids: ids == [healthy.window_id])
            await eventually(process.children, lambda left: len(left) == 1)
            if turn == 0:
                before = process.num_fds()
        await eventually(process.num_fds, lambda count: count <= before)
        await still_echoes(wire, healthy.session_id)


async def test_a_program_that_stopped_itself_is_closed(wire: WireClient) -> None:
    opened = await wire.open_window(quoted("/bin/sh -c 'kill -STOP $$; cat'"))
    pid = await pid_of(wire, opened.session_id)
    await eventually(psutil.Process(pid).status, lambda status: status == psutil.STATUS_STOPPED)
    await close_windows(wire, opened.window_id)
    await wait_gone(pid)
    await still_serves(wire)


async def test_closing_twenty_stubborn_shells_takes_no_longer_than_one(own_home: Home) -> None:
    async with open_wire(own_home) as wire:
        healthy = await wire.open_window()
        opened = [await wire.open_window(quoted(DEAF)) for _ in range(20)]
        for one in opened:
            await eventually(partial(wire.text, one.session_id), lambda lines: lines[0] == "deaf")
        await close_windows(wire, *(one.window_id for one in opened))
        await still_echoes(wire, healthy.session_id)
        process = host_process(own_home)
        await eventually(process.children, lambda left: len(left) == 1, within_seconds=10)


@pytest.mark.parametrize(
    "program",
    [
        "exec cat /dev/urandom",
        "exec yes",
        r'while :; do printf "\033[?1049h\033[2J\033[?1049l\033[3J"; done',
        r'while :; do printf "\033[c\033[6n\033]10;?\007"; done',
        r'printf "\033]0;"; exec cat /dev/zero',
    ],
    ids=["noise", "lines", "screens", "questions", "an endless title"],
)
async def test_floods_of_any_kind_slow_nobody_else(wire: WireClient, program: str) -> None:
    healthy = await wire.open_window()
    flooding = [await wire.open_window(quoted(f"/bin/sh -c '{program}'")) for _ in range(3)]
    pids = [await pid_of(wire, one.session_id) for one in flooding]
    for line in range(10):
        await wire.ask(api_pb2.SendTextRequest(session=healthy.session_id, text=f"{line}\n"))
        await eventually(
            partial(wire.text, healthy.session_id), partial(shows_twice, text=str(line))
        )
    await close_windows(wire, *(one.window_id for one in flooding))
    for pid in pids:
        await wait_gone(pid)


async def test_input_for_a_program_that_never_reads_blocks_only_its_sender(
    host_home: Home, wire: WireClient
) -> None:
    opened = await wire.open_window(quoted("/bin/sh -c 'stty raw -echo; echo deaf; sleep 60'"))
    await eventually(lambda: wire.text(opened.session_id), lambda lines: lines[0] == "deaf")
    async with open_wire(host_home) as sender:
        typed = api_pb2.SendTextRequest(session=opened.session_id, text="x" * (6 << 20))
        numbers = [await sender.send(typed) for _ in range(4)]
        await still_serves(wire)
        await close_windows(wire, opened.window_id)
        for number in numbers:
            answer = await sender.whole_answer(number)
            assert answer.HasField("send_text_response")


async def window_ids(wire: WireClient) -> list[str]:
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    return [window.window_id for window in listing.windows]


def shows_twice(lines: list[str], text: str) -> bool:
    """Tell whether a line was echoed by the terminal, and then by ``cat``."""
    return lines.count(text) == 2
