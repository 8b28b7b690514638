from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tests.integration.homes import Home, mode_of
from tests.integration.line_client import META, SECONDS, end, open_client
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import Process

pytestmark = pytest.mark.headless

LISTEN = ("subscriptions/listen", {"notifications": {"toolsListChanged": True}, "_meta": META})
LIST = ("tools/list", {"_meta": META})
CLIENTS = 'iterm_mcp_clients_connected{transport="unix"}'


@asynccontextmanager
async def run_daemon(home: Home) -> AsyncIterator[Process]:
    """Run a daemon in the foreground; it is up when it has written down where it is."""
    process = await anyio.open_process(
        [sys.executable, "-m", "iterm_mcp", "daemon", "run"],
        env=home.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await eventually(Path(home.paths.daemon_info).exists, within_seconds=SECONDS)
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            await end(process)


async def get(home: Home, path: str, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=home.http_url(), timeout=SECONDS) as client:
        return await client.get(path, headers=headers)


async def test_what_it_keeps_is_for_its_owner_only(home: Home) -> None:
    async with run_daemon(home):
        assert mode_of(home.paths.state) == 0o700
        assert mode_of(home.paths.daemon_socket) == 0o600
        assert mode_of(home.paths.token) == 0o600
        assert mode_of(home.paths.database) == 0o600


async def test_sigterm_ends_it_in_order(home: Home) -> None:
    async with run_daemon(home) as process, open_client(home.environ) as client:
        await client.greet()
        waiting = await client.request("tools/call", name="list_sessions", arguments={})
        await client.call("list_agents")
        process.send_signal(signal.SIGTERM)
        with anyio.fail_after(SECONDS):
            code = await process.wait()

        cut_off = await client.read()

    assert code == 0
    assert cut_off["id"] == waiting
    assert not await anyio.Path(home.paths.daemon_socket).exists()
    assert not await anyio.Path(home.paths.daemon_info).exists()


async def test_a_second_one_bows_out(home: Home) -> None:
    async with run_daemon(home) as first:
        second = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "daemon", "run"], env=home.environ
        )

        assert f"process {first.pid}" in second.stderr.decode()
        assert second.returncode == 0
        assert first.returncode is None


@pytest.mark.parametrize("requests", [[LISTEN], [LIST] * 50], ids=["listening", "asking"])
async def test_a_client_that_vanishes_with_answers_to_come_takes_nobody_with_it(
    home: Home, requests: list[tuple[str, dict[str, object]]]
) -> None:
    lines = "".join(
        json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) + "\n"
        for number, (method, params) in enumerate(requests)
    )

    async def clients() -> str:
        text = (await get(home, "/metrics", authorization=f"Bearer {home.token()}")).text
        return next(line for line in text.splitlines() if line.startswith(CLIENTS))

    async with run_daemon(home) as process:
        before = await clients()
        async with await anyio.connect_unix(home.paths.daemon_socket) as connection:
            await connection.send(lines.encode())
            with anyio.fail_after(SECONDS):
                await connection.receive()
        await eventually(clients, lambda line: line == before, within_seconds=SECONDS)
        async with open_client(home.environ) as other:
            greeting = await other.greet()

        assert "result" in greeting
        assert home.daemon_pid() == process.pid


async def test_the_verbs_start_report_and_stop_it(home: Home) -> None:
    async def verb(*words: str, check: bool = True) -> str:
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "daemon", *words], env=home.environ, check=check
        )
        return done.stdout.decode()

    assert "no daemon runs" in await verb("status", check=False)
    assert "serves" in await verb("start")
    pid = home.daemon_pid()
    assert "serves" in await verb("start")
    assert home.daemon_pid() == pid
    assert json.loads(await verb("status", "--json"))["pid"] == pid
    assert await verb("stop") == "stopped\n"
    assert home.daemon_pid() is None
    assert "no daemon runs" in await verb("stop")


async def test_health_needs_no_token_and_says_little(home: Home) -> None:
    async with run_daemon(home):
        health = await get(home, "/healthz")
        await eventually_unready(home)
        ready = await get(home, "/readyz")

    assert health.status_code == 200
    assert health.json()["status"] == "ok"
    assert ready.status_code == 503
    assert "macOS" in ready.json()["problems"][0]


async def eventually_unready(home: Home) -> None:
    async def problems() -> str:
        return (await get(home, "/readyz")).text

    await eventually(problems, lambda text: "macOS" in text, within_seconds=SECONDS)


@pytest.fixture
async def served(shared_home: Home) -> Home:
    """A home that is used by others too, with its daemon running."""
    if shared_home.daemon_pid() is None:
        start = [sys.executable, "-m", "iterm_mcp", "daemon", "start"]
        with anyio.fail_after(SECONDS):
            await anyio.run_process(start, env=shared_home.environ)
    return shared_home


async def test_metrics_need_the_token(served: Home) -> None:
    without = await get(served, "/metrics")
    wrong = await get(served, "/metrics", authorization="Bearer nonsense")
    right = await get(served, "/metrics", authorization=f"Bearer {served.token()}")

    assert (without.status_code, wrong.status_code, right.status_code) == (401, 401, 200)
    assert without.json()["error"]["code"] == "unauthorized"
    assert "iterm_mcp_tool_calls_total" in right.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:80"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:1"}, 403),
    ],
)
async def test_web_pages_of_others_are_refused(
    served: Home, headers: dict[str, str], status: int
) -> None:
    authorization = f"Bearer {served.token()}"
    answer = await get(served, "/metrics", authorization=authorization, **headers)

    assert answer.status_code == status


async def test_an_unknown_path_is_an_error_of_the_one_shape(served: Home) -> None:
    answer = await get(served, "/nowhere", authorization=f"Bearer {served.token()}")

    assert answer.status_code == 404
    assert answer.json() == {"error": {"code": "not_found", "message": "Not Found"}}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_mcp_is_spoken_over_http(served: Home, mode: str) -> None:
    headers = {"authorization": f"Bearer {served.token()}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http,
        Client(
            streamable_http_client(f"{served.http_url()}/mcp", http_client=http),
            mode=mode,
        ) as client,
    ):
        result = await client.call_tool("list_sessions", {})

    assert "sessions" in (result.structured_content or {})


async def test_a_taken_port_named_by_the_user_ends_it_with_a_reason(home: Home) -> None:
    async with run_daemon(home):
        port = home.http_url().rsplit(":", 1)[1]
        other = {**home.environ, "ITERM_MCP_HOME": f"{home.paths.state}/other"}
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "daemon", "run"],
            env=other | {"ITERM_MCP_HTTP_PORT": port},
            check=False,
        )

    assert done.returncode != 0
    assert "in use" in done.stderr.decode()


async def test_a_setting_that_makes_no_sense_ends_it_with_the_variables_name(home: Home) -> None:
    done = await anyio.run_process(
        [sys.executable, "-m", "iterm_mcp", "daemon", "run"],
        env=home.environ | {"ITERM_MCP_HTTP_PORT": "many"},
        check=False,
    )

    assert done.returncode == 2
    assert "ITERM_MCP_HTTP_PORT" in done.stderr.decode()
