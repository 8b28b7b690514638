"""The daemon's disk is full, or turns read-only: it goes on, says so, and loses nothing it took."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from anyio import to_thread
from tests.integration.events.small_disks import small_disk
from tests.integration.homes import Home
from tests.integration.http_home import start_by_hand, start_daemon
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

from iterm_mcp.agents.hook_spool import spool_command
from iterm_mcp.clock import SystemClock
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import EventKind
from iterm_mcp.store.events import open_event_store
from iterm_mcp.store.events.verifying import verify_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.integration.events.small_disks import SmallDisk
    from tests.integration.tool_client import ToolClient

pytestmark = [pytest.mark.headless, pytest.mark.long]

LARGE = 100_000
"""Characters of an event, which finds no room where a small one may."""


class Teller:
    """Tells a daemon of events, and notes which it has acknowledged."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._numbers = count(1)
        self.owed: set[str] = set()

    async def export(self) -> httpx2.Response:
        """Export a large record once."""
        name = f"told-{next(self._numbers)}"
        attributes = [
            {"key": key, "value": {"stringValue": value}}
            for key, value in (("event.name", name), ("prompt", "word " * (LARGE // 5)))
        ]
        record = {"timeUnixNano": str(time_ns()), "attributes": attributes}
        body: dict[str, Any] = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
        async with _http(self._home) as client:
            answer = await client.post("/v1/logs", json=body)
        if answer.status_code == httpx2.codes.OK:
            self.owed.add(name)
        return answer

    async def hook(self) -> bool:
        """Fire a hook, and tell whether its event was left in the spool."""
        name = f"told-{next(self._numbers)}"
        told = {"session_id": "c", "hook_event_name": "Notification", "message": name}
        command = spool_command(self._home.paths.spool, "claude")
        done = await to_thread.run_sync(
            lambda: subprocess.run(
                ["/bin/sh", "-c", command], input=json.dumps(told).encode() + b"\n",
                env=self._home.environ, capture_output=True, check=False,
            )
        )  # fmt: skip
        if done.returncode:
            assert b"lost" in done.stderr, "an agent shows why"
            return False
        self.owed.add(name)
        return True


def _http(home: Home) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {home.token()}"}
    return httpx2.AsyncClient(base_url=home.http_url(), timeout=30, headers=headers)


async def health(home: Home) -> dict[str, Any]:
    async with _http(home) as client:
        return dict((await client.get("/health")).json())


async def is_well(home: Home) -> bool:
    return bool((await health(home))["status"] == "ok")


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with small_disk() as one:
        (one.folder / "h").mkdir(mode=0o700)
        yield one


@asynccontextmanager
async def open_home_on(disk: SmallDisk) -> AsyncIterator[Home]:
    home = Home(f"{disk.folder}/h", "headless")
    try:
        yield home
    finally:
        await home.stop()


async def check_trouble(home: Home, tools: ToolClient, teller: Teller, session_id: str) -> None:
    """Nothing can be written: that is told to whoever tells something, and all else goes on."""
    refused = await teller.export()
    assert refused.status_code == httpx2.codes.SERVICE_UNAVAILABLE
    assert refused.headers["retry-after"]
    assert not await teller.hook()
    seen = await health(home)
    assert seen["status"] == "troubled"
    assert any("the events" in one for one in seen["problems"])
    assert seen["events"]["refused"] > 0
    ran = await tools.data("run_command", session_id=session_id, command="echo still here")
    assert (ran["exit_code"], ran["output"]) == (0, "still here")
    assert await tools.open(name="another")
    assert (await tools.data("query_events", limit=1))["events"]


async def check_kept(home: Home, teller: Teller) -> None:
    """All that was acknowledged is there once; no daemon may run."""
    kept: list[str] = []
    async with open_event_store(home.paths.events, SystemClock()) as store:
        kinds = frozenset({EventKind.LOG_REPORTED, EventKind.AGENT_NOTIFIED})
        page = await store.query(EventQuery(kinds=kinds, limit=1000))
        for one in page.events:
            kept += [name for name in (one.event.subject, one.event.text) if name[:5] == "told-"]
    assert page.complete
    assert teller.owed <= set(kept)
    assert len(kept) == len(set(kept))
    assert (await to_thread.run_sync(verify_events, Path(home.paths.events))).problems == ()


async def test_a_full_disk_is_told_and_when_there_is_room_all_goes_on(disk: SmallDisk) -> None:
    async with open_home_on(disk) as home:
        teller = Teller(home)
        async with open_tools(home) as tools:
            session_id = await tools.open(name="first")
            assert (await teller.export()).status_code == httpx2.codes.OK
            assert await teller.hook()
            disk.fill()
            await check_trouble(home, tools, teller, session_id)
            disk.make_room()
            await eventually(lambda: is_well(home), within_seconds=30)
            assert (await teller.export()).status_code == httpx2.codes.OK
            assert await teller.hook()
        await home.stop()
        await start_daemon(home)
        await eventually(lambda: is_well(home), within_seconds=30)
        await home.stop()
        await check_kept(home, teller)
        assert len(teller.owed) == 4


async def test_a_daemon_that_is_killed_on_a_full_disk_starts_once_there_is_room(
    disk: SmallDisk,
) -> None:
    async with open_home_on(disk) as home:
        teller = Teller(home)
        await start_daemon(home)
        assert (await teller.export()).status_code == httpx2.codes.OK
        await home.kill_daemon()
        assert await teller.hook()
        disk.fill()
        with pytest.raises(AssertionError, match=r"[Mm]ake room"):
            await start_by_hand(home)
        told = await said_by_run(home)
        assert "the daemon cannot go on: " in told
        assert "Traceback" not in told
        disk.make_room()
        await start_daemon(home)
        await eventually(lambda: is_well(home), within_seconds=30)
        assert (await teller.export()).status_code == httpx2.codes.OK
        await home.stop()
        await check_kept(home, teller)


async def said_by_run(home: Home) -> str:
    """Return what a daemon in the foreground says that cannot start."""
    with anyio.fail_after(60):
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "daemon", "run"],
            env=home.environ, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    return done.stdout.decode()


async def test_a_daemon_on_a_disk_that_never_had_room_says_what_to_do(disk: SmallDisk) -> None:
    async with open_home_on(disk) as home:
        disk.fill()
        with pytest.raises(AssertionError, match="No space left on device; make room"):
            await start_by_hand(home)
        disk.make_room()
        await start_daemon(home)
        await eventually(lambda: is_well(home), within_seconds=30)


async def test_a_disk_that_turns_read_only_is_told_and_nothing_is_lost(disk: SmallDisk) -> None:
    async with open_home_on(disk) as home:
        teller = Teller(home)
        async with open_tools(home) as tools:
            session_id = await tools.open(name="first")
            assert (await teller.export()).status_code == httpx2.codes.OK
            disk.turn_read_only()
            await check_trouble(home, tools, teller, session_id)
        await home.stop()
        disk.unmount()
        disk.mount()
        await start_daemon(home)
        await eventually(lambda: is_well(home), within_seconds=30)
        assert (await teller.export()).status_code == httpx2.codes.OK
        await home.stop()
        await check_kept(home, teller)
        assert len(teller.owed) == 2
