"""``iterm-mcp host``: one a home, started, asked after, and ended in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psutil
from iterm2 import api_pb2
from tests.integration.homes import open_home
from tests.integration.host.neighbours import host, there
from tests.integration.host.wire_client import open_wire
from tests.integration.line_client import end
from tests.waiting import eventually

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from tests.integration.homes import Home


DEAF = "/bin/sh -c 'trap : HUP TERM; while :; do sleep 1; done'"


async def test_the_verbs_say_what_is(home: Home) -> None:
    assert await host(home, "stop") == (0, "no host runs\n")
    code, words = await host(home, "status")
    assert (code, "no host runs" in words) == (1, True)
    code, words = await host(home, "env")
    assert (code, "iterm-mcp host start" in words) == (1, True)

    code, words = await host(home, "start")
    pid = lock_holder(home.paths.host_lock)
    assert (code, words) == (0, f"host {pid} serves {home.paths.host_socket}\n")
    assert await host(home, "start") == (0, words)
    code, words = await host(home, "status", "--json")
    assert code == 0
    told = json.loads(words)
    assert told == {
        "running": True,
        "answers": True,
        "pid": pid,
        "socket": home.paths.host_socket,
        "suite": home.paths.suite,
        "warning": told["warning"],
    }

    assert await host(home, "stop") == (0, "stopped\n")
    assert lock_holder(home.paths.host_lock) is None


async def test_two_starts_at_once_make_one_host(home: Home) -> None:
    told: list[str] = []

    async def start() -> None:
        told.append((await host(home, "start"))[1])

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(start)
    assert set(told) == {
        f"host {lock_holder(home.paths.host_lock)} serves {home.paths.host_socket}\n"
    }


async def test_a_second_one_in_the_foreground_bows_out(own_home: Home) -> None:
    code, words = await host(own_home, "run")
    assert (code, "runs already" in words) == (0, True)


async def test_sigterm_ends_the_shells_and_leaves_no_socket(own_home: Home) -> None:
    async with open_wire(own_home) as wire:
        polite = await wire.open_window("/bin/sh")
        deaf = await wire.open_window(DEAF)
        pids = []
        for opened in (polite, deaf):
            answer = await wire.ask(
                api_pb2.VariableRequest(session_id=opened.session_id, get=["pid"])
            )
            pids.append(int(answer.values[0]))
    assert all(psutil.pid_exists(pid) for pid in pids)
    assert there(own_home.paths.library_folder)
    pid = lock_holder(own_home.paths.host_lock)
    assert pid
    os.kill(pid, signal.SIGTERM)
    await eventually(lambda: lock_holder(own_home.paths.host_lock), lambda holder: holder is None)
    await eventually(lambda: [one for one in pids if psutil.pid_exists(one)], lambda left: not left)
    assert not there(own_home.paths.host_socket)
    assert not there(own_home.paths.library_folder)


async def test_after_a_crash_it_starts_again_over_what_is_left(own_home: Home) -> None:
    pid = lock_holder(own_home.paths.host_lock)
    assert pid
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: lock_holder(own_home.paths.host_lock), lambda holder: holder is None)
    assert there(own_home.paths.host_socket)
    code, _ = await host(own_home, "start")
    assert code == 0
    async with open_wire(own_home) as wire:
        assert not (await wire.ask(api_pb2.ListSessionsRequest())).windows


async def test_the_death_of_its_starter_does_not_reach_it(home: Home) -> None:
    shell = await anyio.open_process(
        ["/bin/sh", "-c", f"'{sys.executable}' -m iterm_mcp host start; exec sleep 60"],
        env=home.environ,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        await eventually(Path(home.paths.host_socket).exists, within_seconds=20)
        os.killpg(shell.pid, signal.SIGHUP)
        os.killpg(shell.pid, signal.SIGKILL)
    finally:
        await end(shell)
    async with open_wire(home) as wire:
        await wire.ask(api_pb2.ListSessionsRequest())


async def test_a_state_folder_that_cannot_be_made_is_an_error_with_its_name() -> None:
    async with open_home("headless") as home:
        blocked = Path(home.paths.state) / "file"
        blocked.write_text("")
        state = str(blocked / "state")
        for verb in ("start", "run"):
            code, words = await host(home, verb, ITERM_MCP_HOME=state)
            assert code == 1
            assert state in words
            assert "Traceback" not in words


async def test_a_library_folder_that_cannot_be_made_is_no_reason_to_fail(home: Home) -> None:
    nowhere = Path(home.paths.state) / "file"
    nowhere.write_text("")
    code, _ = await host(home, "start", HOME=str(nowhere))
    assert code == 0
    async with open_wire(home) as wire:
        await wire.ask(api_pb2.ListSessionsRequest())
