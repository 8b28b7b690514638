"""Agents' processes, as the system knows them; and names among several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.waiting import eventually

from iterm_mcp.agents.keeper import start_of
from iterm_mcp.clock import SystemClock
from iterm_mcp.services.agents.processes import ProcessId, SystemAgentProcesses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ORIGIN = "/no/such/state"


@pytest.fixture
def processes() -> SystemAgentProcesses:
    return SystemAgentProcesses(SystemClock())


@contextmanager
def running(script: str, **environ: str) -> Iterator[ProcessId]:
    """Run a shell script in a process group of its own, and end all of it."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", script], start_new_session=True, env={**os.environ, **environ}
    )
    try:
        yield ProcessId(process.pid, start_of(process.pid))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def test_a_process_is_signalled_only_if_it_is_the_one_that_is_meant(
    processes: SystemAgentProcesses,
) -> None:
    with running("sleep 300") as one:
        other = ProcessId(one.pid, "a former one of that id")

        assert await processes.stands(one)
        assert not await processes.stands(other)
        assert not await processes.signal(other, signal.SIGKILL)
        assert await processes.stands(one)
        assert await processes.signal(one, signal.SIGTERM, signal.SIGCONT)
        await eventually(lambda: processes.stands(one), lambda stands: not stands)
        assert not await processes.signal(one, signal.SIGTERM), "it is a zombie by now"
    assert await processes.tree(one) == ()
    assert await processes.describe((one,)) == ()


async def test_processes_of_the_system_are_never_touched(processes: SystemAgentProcesses) -> None:
    first = ProcessId(1, start_of(1))

    assert not await processes.stands(first)
    assert not await processes.signal(first, signal.SIGCONT)


async def test_a_tree_holds_a_process_and_all_below_it(processes: SystemAgentProcesses) -> None:
    with running("sleep 300 & sh -c 'sleep 301; true'; wait") as root:
        tree = await eventually(lambda: processes.tree(root), lambda found: len(found) == 4)

        assert tree[0] == root
        described = await processes.describe(tree)
        assert described[0].startswith(f"{root.pid} /bin/sh -c ")
        assert {"sleep 300", "sleep 301"} < {one.split(" ", 1)[1] for one in described}


async def test_what_an_agent_started_is_known_by_its_mark_and_nothing_else(
    processes: SystemAgentProcesses,
) -> None:
    marks = {"ITERM_MCP_ORIGIN": ORIGIN, "ITERM_MCP_AGENT": "ada", "ITERM_MCP_EPOCH": "3"}
    with (
        running("sleep 300 & wait", **marks) as mine,
        running("sleep 300", **(marks | {"ITERM_MCP_ORIGIN": "/another"})),
        running("sleep 300", ITERM_MCP_AGENT="ada"),
    ):
        found = await eventually(lambda: processes.marked(ORIGIN), lambda found: len(found) == 2)
        nobody = await processes.marked("/nobody")

    assert {(one.agent, one.epoch) for one in found} == {("ada", 3)}
    assert mine in {one.process for one in found}
    assert all(one.memory_bytes > 0 and one.age_seconds < 60 for one in found)
    assert nobody == ()


async def test_we_ourselves_and_who_started_us_are_nobody_s_orphans(
    processes: SystemAgentProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    def environ(_process: psutil.Process) -> dict[str, str]:
        return {"ITERM_MCP_ORIGIN": ORIGIN, "ITERM_MCP_AGENT": "ada"}

    monkeypatch.setattr(psutil.Process, "environ", environ)

    found = {one.process.pid for one in await processes.marked(ORIGIN)}

    assert os.getpid() not in found
    assert os.getppid() not in found


NAMER = """
import asyncio, random, sys
from iterm_mcp.services.agents.names import take_name
from iterm_mcp.services.agents.life_files import LifeFiles

async def main():
    files, dice = LifeFiles(sys.argv[1]), random.Random(7)
    for _ in range(2500):
        print(await take_name(dice, (), files.reserve))

asyncio.run(main())
"""


def test_ten_thousand_names_that_four_processes_take_at_once_are_all_different(
    tmp_path: Path,
) -> None:
    """They even throw the same dice."""
    command = [sys.executable, "-c", NAMER, str(tmp_path)]
    namers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    names = [name for one in namers for name in one.communicate(timeout=100)[0].split()]

    assert len(names) == len(set(names)) == 10_000
    assert [one.returncode for one in namers] == [0] * 4
