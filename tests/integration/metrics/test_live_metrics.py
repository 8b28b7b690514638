"""What a real daemon tells of real clients, of itself, and of the host beside it."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import httpx2
import pytest
from tests.integration.http_home import start_daemon
from tests.integration.line_client import open_client
from tests.integration.metrics.scraping import OPEN_METRICS, scrape
from tests.waiting import eventually

from iterm_mcp.processes import lock_holder
from iterm_mcp.telemetry.loop_lag import PERIOD_SECONDS, LoopLag

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home
    from tests.integration.line_client import LineClient
    from tests.integration.metrics.scraping import Scrape

OPERATIONS = "mcp_server_operation_duration_seconds_count"
SESSIONS = "mcp_server_session_duration_seconds_count"
CALLS = "iterm_mcp_client_tool_calls_total"


@asynccontextmanager
async def open_named(home: Home, name: str) -> AsyncIterator[LineClient]:
    """Start a relay, and greet as a client of this name."""
    async with open_client(home.environ) as client:
        await client.ask(
            "initialize",
            protocolVersion="2025-11-25",
            capabilities={},
            clientInfo={"name": name, "version": "1"},
        )
        await client.write('{"jsonrpc":"2.0","method":"notifications/initialized"}')
        yield client


async def test_the_calls_of_stdio_clients_are_told_by_what_client_makes_them(home: Home) -> None:
    async with open_named(home, "claude-code") as claude, open_named(home, "codex-mcp-client"):
        for _ in range(3):
            await claude.call("list_agents")
        await claude.call("no_such_tool")
        await claude.ask("made/up")
        found = await scrape(home)

    assert found.value(CALLS, client="claude-code", tool="list_agents") == 3
    assert found.value(CALLS, client="codex", tool="list_agents") == 0  # it is there, from zero
    assert found.labels(CALLS, "client") == {"claude-code", "codex"}
    assert "no_such_tool" not in found.labels(CALLS, "tool")
    counted = partial(found.value, OPERATIONS, network_transport="pipe")
    assert counted(mcp_method_name="tools/call") == 4
    assert counted(mcp_method_name="initialize") == 2
    assert counted(mcp_method_name="other") == 1
    assert found.value(SESSIONS, network_transport="pipe") == 0

    async def ended() -> Scrape:
        return await scrape(home)

    after = await eventually(
        ended, lambda one: one.value(SESSIONS, network_transport="pipe") == 2, within_seconds=10
    )
    assert after.value("mcp_server_session_duration_seconds_sum", network_transport="pipe")


async def test_our_own_command_line_comes_to_the_socket_itself(home: Home) -> None:
    await start_daemon(home)
    await anyio.run_process(
        [sys.executable, "-m", "iterm_mcp", "notes", "list"], env=home.environ, check=False
    )
    found = await eventually(
        lambda: scrape(home),
        lambda one: one.value(SESSIONS, network_transport="unix") == 1,
        within_seconds=10,
    )
    unix = {"network_transport": "unix", "mcp_method_name": "initialize"}
    assert found.value(OPERATIONS, **unix) == 1
    assert found.labels(CALLS, "client") == {"other"}
    assert found.value(SESSIONS, network_transport="pipe") == 0


async def test_a_session_over_http_is_timed_from_its_greeting_to_its_end(home: Home) -> None:
    url = await start_daemon(home)
    headers = {
        "Authorization": f"Bearer {home.token()}",
        "Accept": "application/json, text/event-stream",
    }
    greeting = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "gemini-cli-mcp-client", "version": "1"},
        },
    }  # fmt: skip
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=10) as http:
        answer = await http.post("/mcp", json=greeting)
        session = {"mcp-session-id": answer.headers["mcp-session-id"]}
        before = await scrape(home)
        await http.delete("/mcp", headers=session)
        after = await eventually(
            lambda: scrape(home),
            lambda one: one.value(SESSIONS, network_transport="tcp") == 1,
            within_seconds=10,
        )
    assert before.value(SESSIONS, network_transport="tcp") == 0
    tcp = {"network_transport": "tcp", "mcp_method_name": "initialize"}
    assert after.value(OPERATIONS, **tcp) == 1
    assert after.value(CALLS, client="gemini", tool="list_agents") == 0
    classes = {one: after.value("iterm_mcp_http_request_duration_seconds_count", **{"class": one})
               for one in ("stream", "read", "write")}  # fmt: skip
    assert classes["stream"] == 2
    assert classes["read"]
    assert classes["write"] == 0
    assert after.value("iterm_mcp_http_requests_in_flight") == 1  # the scrape itself


async def test_a_daemon_without_a_terminal_says_that_it_is_not_ready(home: Home) -> None:
    await start_daemon(home)
    found = await scrape(home)
    assert found.value("iterm_mcp_daemon_ready") == 0
    lag, size = (
        found.value(f"iterm_mcp_{name}") for name in ("loop_lag_seconds", "state_database_bytes")
    )
    assert lag is not None
    assert 0 <= lag < 60
    assert size is not None
    assert size > 4096
    # iTerm2 was asked for, so there is no host that could be away.
    assert found.value("iterm_mcp_host_up") is None


@pytest.mark.headless
async def test_the_host_tells_what_passes_through_it(live_home: Home, client: LineClient) -> None:
    opened = (await client.call("open_session"))["structuredContent"]["session_id"]
    await client.call("run_command", session_id=opened, command="seq 2000")
    found = await eventually(
        lambda: scrape(live_home),
        lambda one: (one.value("iterm_mcp_host_output_bytes_total") or 0) > 8000,
        within_seconds=10,
    )

    assert found.value("iterm_mcp_host_up") == 1
    assert found.value("iterm_mcp_daemon_ready") == 1
    assert found.value("iterm_mcp_host_sessions") == 1
    assert found.value("iterm_mcp_host_clients") == 1
    assert found.value("iterm_mcp_host_paused_sessions") == 0
    typed = found.value("iterm_mcp_host_input_bytes_total")
    assert typed is not None
    assert typed >= len("seq 2000\r")
    assert (found.value("iterm_mcp_host_echo_seconds_count") or 0) > 0
    assert (found.value("iterm_mcp_host_memory_bytes") or 0) > 10_000_000
    assert (found.value("iterm_mcp_host_cpu_seconds_total") or 0) > 0
    assert found.value("iterm_mcp_host_pauses_total") is not None
    assert found.value("iterm_mcp_host_loop_lag_seconds") is not None


@pytest.mark.headless
async def test_a_host_that_hangs_or_is_gone_holds_no_scrape_up(
    live_home: Home, client: LineClient
) -> None:
    await client.call("list_sessions")
    assert (await scrape(live_home)).value("iterm_mcp_host_up") == 1
    pid = lock_holder(live_home.paths.host_lock)
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with anyio.fail_after(20):
            while True:
                hangs = await scrape(live_home)
                if hangs.value("iterm_mcp_host_up") == 0:
                    break
        assert hangs.value("iterm_mcp_host_sessions") is None

    finally:
        os.kill(pid, signal.SIGCONT)
    await eventually(
        lambda: scrape(live_home),
        lambda one: one.value("iterm_mcp_host_sessions") == 0,
        within_seconds=10,
    )


async def test_open_metrics_are_given_to_who_asks_for_them(home: Home) -> None:
    await start_daemon(home)
    plain, rich = await scrape(home), await scrape(home, accept=OPEN_METRICS)
    names = {one.name for one in plain.families}
    assert {"iterm_mcp_tool_calls", "iterm_mcp_loop_lag_seconds"} <= names
    assert names <= {one.name for one in rich.families}


async def test_who_holds_the_event_loop_up_is_found_out() -> None:
    lag = LoopLag()
    with anyio.fail_after(20), lag.watching():
        while lag.worst() < PERIOD_SECONDS:
            time.sleep(2.5 * PERIOD_SECONDS)  # noqa: ASYNC251 - that is what is looked for
            await anyio.lowlevel.checkpoint()
