"""What comes out of a nest is as if it had been started; see `tests/nest/sitecustomize.py`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import psutil
import pytest
from tests.hatching import NEST
from tests.integration.homes import Home, open_home
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.headless
OWN = {"HOME", "ITERM_MCP_HOME", NEST}
START_OF_STACK = 25
"""Where /proc/<pid>/stat has it, counted from what follows the program's name."""


@pytest.fixture
async def other_home() -> AsyncIterator[Home]:
    async with open_home("headless") as one:
        if one.environ.get(NEST, "off") == "off":
            pytest.skip("nothing is hatched here")
        yield one


@pytest.fixture
async def nestless_home() -> AsyncIterator[Home]:
    async with open_home("headless") as one:
        one.environ.pop(NEST, None)
        yield one


async def host_of(home: Home) -> psutil.Process:
    await home.start("host")
    return psutil.Process(lock_holder(home.paths.host_lock))


def stack_of(process: psutil.Process) -> int:
    """Return where its stack begins, which no two programs have in common, but forks of one."""
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2]
    return int(stat.split()[START_OF_STACK])


def seen(process: psutil.Process, home: Home) -> dict[str, Any]:
    """Return what others can see of a process, as it is in any home."""
    proc = Path(f"/proc/{process.pid}")
    status = dict(line.split(":\t") for line in (proc / "status").read_text().splitlines())
    streams = [os.readlink(proc / "fd" / one) for one in "012"]  # noqa: PTH115 - one is a pattern
    return {
        "command": process.cmdline(),
        "program": (process.exe(), process.name()),
        "environment": {k: v for k, v in process.environ().items() if k not in OWN},
        "home": process.environ()["ITERM_MCP_HOME"] == home.paths.state,
        "folder": process.cwd(),
        "streams": [one.replace(home.paths.state, "") for one in streams],
        "files": process.num_fds(),
        "threads": process.num_threads(),
        "parent": process.ppid(),
        "leads": os.getsid(process.pid) == process.pid,
        "of its session": os.getsid(process.pid) == os.getpgid(process.pid),
        "of ours": os.getsid(process.pid) == os.getsid(0),
        "limits": (proc / "limits").read_text(),
        "niceness": process.nice(),
        "signals": {name: status[name] for name in ("SigBlk", "SigIgn", "SigCgt", "Umask")},
    }


async def test_what_is_hatched_looks_like_what_is_started(
    other_home: Home, nestless_home: Home
) -> None:
    hatched, started = await host_of(other_home), await host_of(nestless_home)
    assert stack_of(hatched) != stack_of(started)
    assert seen(hatched, other_home) == seen(started, nestless_home)


async def test_a_daemon_is_hatched_with_its_tools(other_home: Home) -> None:
    async with open_home("headless") as twin:
        found = set()
        for home in (other_home, twin):
            await home.start("daemon")
            found.add(stack_of(psutil.Process(home.daemon_pid())))
        assert len(found) == 1
        async with open_tools(twin) as tools:
            assert await tools.open(name="mine")


async def test_it_is_started_where_a_variable_differs_that_modules_may_read(
    other_home: Home,
) -> None:
    async with open_home("headless") as twin, open_home("headless") as stranger:
        stranger.environ["PROMETHEUS_DISABLE_CREATED_SERIES"] = "1"
        found = [stack_of(await host_of(one)) for one in (other_home, twin, stranger)]
    assert found[0] == found[1] != found[2]


async def test_it_is_started_where_it_inherits_another_limit(other_home: Home) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    first = stack_of(await host_of(other_home))
    async with open_home("headless") as strict:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits[0] - 1, limits[1]))
        try:
            assert stack_of(await host_of(strict)) != first
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_nests_end_with_the_tests_however_those_end(other_home: Home) -> None:
    look = "from tests.hatching import allow, hatch; allow(); hatch(e := {})"
    die = "print(e['TESTS_NEST'], flush=True); import os; os.kill(os.getpid(), 9)"
    done = await anyio.run_process(
        [sys.executable, "-c", f"{look}; {die}"],
        cwd=Path(__file__).parents[2],
        env={name: value for name, value in other_home.environ.items() if name != NEST},
        check=False,
    )
    folder = Path(done.stdout.decode().strip())
    assert folder.is_absolute()
    await eventually(lambda: not folder.exists(), within_seconds=15)
