"""A real Prometheus scrapes a real daemon, and every query of every dashboard has an answer."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from contextlib import asynccontextmanager
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import httpx2
from tests.integration.line_client import end, open_client
from tests.integration.programs import installed
from tests.waiting import eventually

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home
    from tests.integration.line_client import LineClient

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "docs" / "grafana").glob("*.json"))
NOT_YET = 503
VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "1m",
    "$job": ".*",
    "$instance": ".*",
}


def info(home: Home) -> str:
    return str(json.loads(Path(home.paths.daemon_info).read_text())["http"])


def token(home: Home) -> str:
    return Path(home.paths.token).read_text().strip()


async def make_traffic(home: Home, client: LineClient) -> None:
    """Do some of everything, failures included."""
    opened = (await client.call("open_session"))["structuredContent"]["session_id"]
    split = (await client.call("split_session", session_id=opened))["structuredContent"]
    await client.call("create_team", name="crew")
    await client.call("register_agent", name="ann", session_id=opened, teams=["crew"])
    await client.call("register_agent", name="ben", session_id=split["session_id"])
    await client.call(
        "cascade_message",
        broadcast="true",
        teams={"crew": "echo crew"},
        agents={"ben": "echo ben"},
    )
    await client.call("send_text", session_id=opened, text="true")
    await client.call("read_screen", session_id=opened)
    await client.call("read_screen", session_id="nowhere")
    await client.call("read_screen", nonsense=1)
    await client.call("close_session", session_id=split["session_id"], confirm=True)
    async with httpx2.AsyncClient(base_url=info(home), timeout=10) as http:
        await http.get("/healthz")
        await http.get("/metrics")


async def ask_permission(home: Home, client: LineClient) -> None:
    """Have an agent's hook ask for something, and allow it."""
    if "cem" not in {one["name"] for one in await told(client, "list_agents", "agents")}:
        opened = (await client.call("open_session"))["structuredContent"]["session_id"]
        await client.call("register_agent", name="cem", session_id=opened, kind="claude")
    event = {
        "hook_event_name": "PermissionRequest", "session_id": "a-conversation", "cwd": "/app",
        "tool_name": "Bash", "tool_input": {"command": "make"},
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {token(home)}", "X-Iterm-Mcp-Agent": "cem"}
    async with (
        httpx2.AsyncClient(base_url=info(home), headers=headers, timeout=30) as http,
        anyio.create_task_group() as group,
    ):
        group.start_soon(partial(http.post, "/v1/hooks/claude?seconds=20", json=event))
        asked = await eventually(
            lambda: told(client, "list_approvals", "approvals"), within_seconds=20
        )
        await client.call("answer_approval", approval_id=asked[0]["approval_id"], choice="allow")


async def told(client: LineClient, tool: str, key: str) -> list[Any]:
    return list((await client.call(tool))["structuredContent"][key])


def freeze_host(home: Home) -> None:
    pid = lock_holder(home.paths.host_lock)
    assert pid
    os.kill(pid, signal.SIGSTOP)


def kill_host(home: Home) -> None:
    pid = lock_holder(home.paths.host_lock)
    assert pid
    os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def run_prometheus(home: Home, folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Run a Prometheus that scrapes the home's daemon three times a second."""
    port = free_port()
    config = {
        "global": {"scrape_interval": "300ms"},
        "scrape_configs": [
            {
                "job_name": "iterm-mcp",
                "authorization": {"credentials_file": home.paths.token},
                "static_configs": [{"targets": [urlsplit(info(home)).netloc]}],
            }
        ],
    }
    settings = folder / "prometheus.json"
    settings.write_text(json.dumps(config))  # JSON is YAML
    process = await anyio.open_process(
        [
            installed("prometheus", "prometheus"),
            f"--config.file={settings}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
            yield http
    finally:
        with anyio.CancelScope(shield=True):
            await end(process)


async def ask(http: httpx2.AsyncClient, expr: str) -> list[Any]:
    """Return what an expression gives now; empty while Prometheus is not up."""
    try:
        answer = await http.get("/api/v1/query", params={"query": expr})
    except httpx2.HTTPError:
        return []
    if answer.status_code == NOT_YET:
        return []
    body = answer.json()
    assert body["status"] == "success", (expr, body)
    return list(body["data"]["result"])


def all_queries() -> list[str]:
    found = []
    for path in FILES:
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel.get("targets", []):
                expr = target["expr"]
                for name, value in VARIABLES.items():
                    expr = expr.replace(name, value)
                found.append(expr)
    return found


def numbers(series: list[Any]) -> list[float]:
    """Return the values; what is no number, such as nothing divided by nothing, is no answer."""
    return [value for one in series if isfinite(value := float(one["value"][1]))]


async def silent_queries(http: httpx2.AsyncClient) -> list[str]:
    return [expr for expr in all_queries() if not numbers(await ask(http, expr))]


async def failures(http: httpx2.AsyncClient) -> list[str]:
    """Return the outcomes of failed tool calls that show as growth."""
    grown = "sum by (outcome) (increase(iterm_mcp_tool_calls_total[1m])) > 0"
    return sorted({one["metric"]["outcome"] for one in await ask(http, grown)} - {"ok"})


async def test_every_query_of_every_dashboard_returns_data(live_home: Home, tmp_path: Path) -> None:
    installed("prometheus", "prometheus")
    assert len(FILES) >= 5
    environ = live_home.environ | {"ITERM_MCP_REQUEST_TIMEOUT_SECONDS": "3"}
    async with open_client(environ) as client:
        await client.greet()
        await client.call("list_sessions")  # starts the host: it is not part of the traffic
        await show_all(live_home, client, tmp_path)


async def show_all(home: Home, client: LineClient, folder: Path) -> None:
    async with run_prometheus(home, folder) as http:
        scrapes = 'count_over_time(iterm_mcp_build_info{job="iterm-mcp"}[1m]) >= 3'
        await eventually(lambda: ask(http, scrapes), within_seconds=30)
        await make_traffic(home, client)
        freeze_host(home)  # so that there is a fault
        await client.call("list_sessions")
        kill_host(home)  # and a loss and a reconnect
        await client.call("open_session")

        # A series that is new has no growth until it was scraped twice.
        async def silent() -> list[str]:
            await ask_permission(home, client)
            return await silent_queries(http)

        await eventually(silent, lambda found: found == [], within_seconds=45)

        await eventually(
            lambda: failures(http),
            lambda seen: {"invalid", "not_found", "timeout"} <= set(seen),
            within_seconds=30,
        )


async def test_promtool_has_nothing_to_say_about_a_live_scrape(
    live_home: Home, client: LineClient
) -> None:
    promtool = installed("promtool", "prometheus")
    await make_traffic(live_home, client)
    async with httpx2.AsyncClient(base_url=info(live_home), timeout=10) as http:
        scrape = await http.get("/metrics", headers={"Authorization": f"Bearer {token(live_home)}"})
    assert 'iterm_mcp_tool_calls_total{outcome="ok",tool="open_session"} 1.0' in scrape.text
    done = await anyio.run_process(
        [promtool, "check", "metrics"],
        input=scrape.content,
        check=False,
        stderr=subprocess.STDOUT,
    )
    assert (done.returncode, done.stdout.decode()) == (0, "")
