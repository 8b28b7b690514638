"""The whole way, tried through a real daemon in a real terminal; nothing is left of it."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from tests.integration.homes import open_home
from tests.integration.http_home import start_daemon
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.homes import Home

pytestmark = pytest.mark.headless
STEPS = ["session", "command", "agent", "task"]


async def probe(home: Home, *arguments: str) -> tuple[int, str]:
    """Return the verb's exit code and what it said."""
    done = await anyio.run_process(
        [sys.executable, "-m", "iterm_mcp", "probe", *arguments],
        env=home.environ, check=False, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout.decode()


async def ask(home: Home, method: str, path: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {home.token()}"}
    async with httpx2.AsyncClient(base_url=home.http_url(), headers=headers, timeout=60) as http:
        return await http.request(method, path, json={} if method == "POST" else None)


async def tool(home: Home, name: str) -> dict[str, Any]:
    return dict((await ask(home, "POST", f"/v1/tools/{name}")).json())


async def standing(home: Home) -> list[Any]:
    """Return whatever a run might have left."""
    return [
        *(await tool(home, "list_sessions"))["sessions"],
        *(await tool(home, "list_agents"))["agents"],
        *(await tool(home, "list_tasks"))["tasks"],
        *([home.paths.probe] if underway(home) else []),
    ]


def underway(home: Home) -> bool:
    return Path(home.paths.probe).exists()


async def start(home: Home) -> None:
    """Start a daemon that lets tasks start however busy the machine is."""
    settings = "[admission]\nmost_load = 0\nmost_memory_pressure = 0\nleast_memory = 0\n"
    await anyio.Path(home.paths.task_settings).write_text(settings)
    await start_daemon(home)


async def told(home: Home) -> dict[str, float]:
    """Return the probe's metrics."""
    lines = (await ask(home, "GET", "/metrics")).text.splitlines()
    pairs = (one.rsplit(" ", 1) for one in lines if one.startswith("iterm_mcp_probe"))
    return {name.removeprefix("iterm_mcp_probe_"): float(value) for name, value in pairs}


async def test_a_run_tells_of_every_step_and_leaves_nothing(live_home: Home) -> None:
    await start(live_home)
    before = await told(live_home)
    assert before == {'runs_total{outcome="ok"}': 0, 'runs_total{outcome="failed"}': 0}
    codes: list[int] = []

    async def other() -> None:
        await eventually(lambda: underway(live_home), within_seconds=30)
        codes.append((await ask(live_home, "POST", "/v1/probe")).status_code)

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        code, said = await probe(live_home, "--json")
    journey = json.loads(said)
    assert (code, journey["ok"]) == (0, True), said
    assert [one["step"] for one in journey["steps"]] == STEPS
    assert all(one["seconds"] > 0 for one in journey["steps"])
    assert codes == [403]  # one at a time
    assert await standing(live_home) == []
    metrics = await told(live_home)
    for step in journey["steps"]:
        label = f'{{step="{step["step"]}"}}'
        assert metrics[f"success{label}"] == 1
        assert metrics[f"step_duration_seconds{label}"] == pytest.approx(step["seconds"], abs=1e-3)
    assert metrics['runs_total{outcome="ok"}'] == 1
    assert metrics["last_run_timestamp_seconds"] > 1.7e9
    shown = (await ask(live_home, "GET", "/v1/probe")).json()
    assert (shown["every_seconds"], shown["last"]) == (0, journey)


@pytest.mark.long
async def test_where_no_terminal_answers_each_step_says_why_and_nothing_is_left() -> None:
    async with open_home("iterm2") as home:
        home.environ["ITERM_MCP_CONNECT_TIMEOUT_SECONDS"] = "0.2"
        await start(home)
        code, said = await probe(home)
        assert code == 1
        lines = said.splitlines()
        assert [line.split()[0] for line in lines[:4]] == STEPS
        assert all("failed: " in line for line in lines[:3])
        assert "there is no session to do it in" in lines[1]
        assert (await told(home))['success{step="all"}'] == 0
        assert not underway(home)
        assert (await tool(home, "list_tasks"))["tasks"] == []


@pytest.mark.long
async def test_what_a_kill_has_cut_off_is_removed_by_the_next_daemon(live_home: Home) -> None:
    await start(live_home)
    running = await anyio.open_process(
        [sys.executable, "-m", "iterm_mcp", "probe"], env=live_home.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    async with running:
        await eventually(
            partial(tool, live_home, "list_sessions"),
            lambda found: found["sessions"],
            within_seconds=30,
        )
        await live_home.kill_daemon()
        assert await running.wait() == 1
    assert underway(live_home)
    await start(live_home)
    await eventually(partial(standing, live_home), lambda found: not found, within_seconds=40)
    code, said = await probe(live_home)
    assert code == 0, said
    assert await standing(live_home) == []
