"""The host's life: what may stand in its way at the start, and what it leaves at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest
from iterm2 import api_pb2
from tests.integration.host.neighbours import (
    close_windows,
    host,
    host_process,
    pid_of,
    quoted,
    still_serves,
    there,
)
from tests.integration.host.wire_client import open_wire
from tests.integration.line_client import end
from tests.integration.programs import needs_proc, wait_gone
from tests.waiting import eventually

from iterm_mcp.paths import find_paths
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import Process
    from tests.integration.homes import Home

DEAF = "/bin/sh -c 'trap \"\" HUP TERM INT; while :; do sleep 1; done'"


@asynccontextmanager
async def in_foreground(
    home: Home, *, before: str = ":", stderr: str = "/dev/null"
) -> AsyncIterator[Process]:
    """Run a host that its starter keeps, and wait until it serves."""
    process = await anyio.open_process(
        ["/bin/sh", "-c", f'{before}; exec "$0" -m iterm_mcp host run 2>{stderr}', sys.executable],
        env=home.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        await eventually(lambda: there(home.paths.host_socket), within_seconds=20)
        yield process
    finally:
        await end(process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_every_way_to_end_it_ends_its_shells_and_leaves_nothing(
    home: Home, number: signal.Signals
) -> None:
    async with in_foreground(home) as process:
        async with open_wire(home) as wire:
            opened = await wire.open_window(quoted(DEAF))
            pid = await pid_of(wire, opened.session_id)
        process.send_signal(number)
        with anyio.fail_after(15):
            assert await process.wait() == 0
        await wait_gone(pid)
    paths = home.paths
    assert [there(one) for one in (paths.host_socket, paths.library_folder)] == [False, False]
    assert lock_holder(paths.host_lock) is None


async def test_a_second_signal_does_not_cut_the_end_short(own_home: Home) -> None:
    process = host_process(own_home)
    async with open_wire(own_home) as wire:
        opened = await wire.open_window(quoted(DEAF))
        pid = await pid_of(wire, opened.session_id)
    process.send_signal(signal.SIGTERM)
    await eventually(lambda: there(own_home.paths.host_socket), lambda stands: not stands)
    for number in (signal.SIGTERM, signal.SIGINT):
        process.send_signal(number)
    await wait_gone(pid)
    await eventually(lambda: lock_holder(own_home.paths.host_lock), lambda holder: holder is None)


@needs_proc
async def test_signals_that_its_starter_ignores_are_not_ignored_in_sessions(home: Home) -> None:
    ignoring = "trap '' HUP INT QUIT TERM"
    async with in_foreground(home, before=ignoring) as process, open_wire(home) as wire:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGQUIT)
        opened = await wire.open_window()
        status = Path(f"/proc/{await pid_of(wire, opened.session_id)}/status")
        lines = (await anyio.Path(status).read_text()).splitlines()
        ignored = int(next(line for line in lines if line.startswith("SigIgn")).split()[1], 16)
        heard = {
            number
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
            if not ignored >> (number - 1) & 1
        }
        assert len(heard) == 4
        await close_windows(wire, opened.window_id)
        await still_serves(wire)


@pytest.mark.skipif(not there("/dev/full"), reason="no device that is always full")
async def test_a_log_that_cannot_be_written_stops_nothing(home: Home) -> None:
    async with in_foreground(home, stderr="/dev/full"), open_wire(home) as wire:
        wrong = api_pb2.CreateTabRequest(
            custom_profile_properties=[api_pb2.ProfileProperty(key="Columns", json_value='"x"')]
        )
        assert (await wire.ask(wrong)).status != api_pb2.CreateTabResponse.OK  # which is logged
        await still_serves(wire)


@pytest.mark.behaves("cookie", source="1.2")
async def test_after_a_crash_no_shell_is_left_and_the_same_cookie_opens(own_home: Home) -> None:
    cookie = await anyio.Path(own_home.paths.host_cookie).read_text()
    process = host_process(own_home)
    async with open_wire(own_home) as wire:
        opened = await wire.open_window("/bin/sh")
        pid = await pid_of(wire, opened.session_id)
        process.kill()
        await wait_gone(pid)
    assert (await host(own_home, "start"))[0] == 0
    assert host_process(own_home).pid != process.pid
    assert await anyio.Path(own_home.paths.host_cookie).read_text() == cookie
    async with open_wire(own_home) as wire:
        await still_serves(wire)


async def test_what_is_said_of_a_host_that_crashed_is_that_none_runs(own_home: Home) -> None:
    host_process(own_home).kill()
    await eventually(lambda: lock_holder(own_home.paths.host_lock), lambda holder: holder is None)
    code, words = await host(own_home, "status")
    assert (code, "no host runs" in words) == (1, True)
    assert await host(own_home, "stop") == (0, "no host runs\n")


async def test_two_in_the_foreground_are_one(home: Home) -> None:
    codes: list[int] = []

    async def bow_out() -> None:
        codes.append((await host(home, "run"))[0])

    async with in_foreground(home) as process, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(bow_out)
    assert codes == [0, 0, 0]
    assert process.returncode == 0


async def test_what_stands_where_the_socket_belongs_is_replaced(home: Home) -> None:
    place = anyio.Path(home.paths.host_socket)
    await place.parent.mkdir(parents=True)
    await place.write_text("not even a socket")
    code, _ = await host(home, "start")
    assert code == 0
    async with open_wire(home) as wire:
        await still_serves(wire)


@pytest.mark.parametrize("name", ["host.lock", "host.cookie", "host", "host/private"])
async def test_what_stands_in_its_place_is_named_without_a_traceback(home: Home, name: str) -> None:
    blocked = Path(home.paths.state) / name
    if name.startswith("host."):
        blocked.mkdir(parents=True)
    else:
        blocked.parent.mkdir(parents=True, exist_ok=True)
        blocked.write_text("")
    code, words = await host(home, "run")
    assert code == 1
    assert str(blocked) in words
    assert "Traceback" not in words


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_written_is_named_without_a_traceback(home: Home) -> None:
    state = Path(home.paths.state) / "kept"
    state.mkdir(mode=0o500)
    for verb in ("run", "start"):
        code, words = await host(home, verb, ITERM_MCP_HOME=str(state / "below"))
        assert code == 1
        assert str(state) in words
        assert "Traceback" not in words


async def test_a_home_too_long_for_a_socket_is_named_without_a_traceback(home: Home) -> None:
    state = f"{home.paths.state}/{'x' * 100}"
    code, words = await host(home, "run", ITERM_MCP_HOME=state)
    assert code == 1
    assert f"{state}/host/private/socket" in words
    assert "Traceback" not in words
    code, words = await host(home, "start", ITERM_MCP_HOME=state)
    assert code == 1
    assert find_paths({**home.environ, "ITERM_MCP_HOME": state}).logs in words


async def test_an_unknown_log_level_is_named_without_a_traceback(home: Home) -> None:
    code, words = await host(home, "run", ITERM_MCP_LOG_LEVEL="loud")
    assert code == 1
    assert "'loud'" in words
    assert "debug" in words
    assert "Traceback" not in words


async def test_a_folder_where_the_librarys_link_belongs_is_left_alone(home: Home) -> None:
    mine = anyio.Path(home.paths.library_folder) / "mine"
    await mine.parent.mkdir(parents=True)
    await mine.write_text("")
    assert (await host(home, "start"))[0] == 0
    assert (await host(home, "stop"))[0] == 0
    assert await mine.exists()


async def test_stopping_waits_until_the_shells_have_ended(own_home: Home) -> None:
    async with open_wire(own_home) as wire:
        pids = [
            await pid_of(wire, (await wire.open_window(quoted(DEAF))).session_id) for _ in range(5)
        ]
    assert await host(own_home, "stop") == (0, "stopped\n")
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
