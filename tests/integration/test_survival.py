"""What is left after a crash: everything that was there."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from tests.integration.line_client import open_client
from tests.waiting import eventually

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.line_client import LineClient

NAMES = ["ann", "ben", "cem", "dana"]


async def data(client: LineClient, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a successful call's data."""
    result = await client.call(tool, **arguments)
    assert not result.get("isError"), result
    return dict(result["structuredContent"])


async def screen(client: LineClient, session_id: str) -> str:
    result = await client.call("read_screen", session_id=session_id)
    assert not result.get("isError"), result
    return str(result["content"][0]["text"])


def inside(screen_text: str) -> str:
    """Return a screen without the sealing lines, whose marks differ in each answer."""
    return "\n".join(screen_text.splitlines()[1:-1])


async def open_team(client: LineClient) -> dict[str, str]:
    """Open four named sessions with agents in two teams; return the session ids by name."""
    layout = await data(
        client,
        "apply_layout",
        root={
            "split": "rows",
            "children": [
                {"split": "columns", "children": [{"name": one} for one in NAMES[:2]]},
                {"split": "columns", "children": [{"name": one} for one in NAMES[2:]]},
            ],
        },
    )
    ids = {pane["name"]: str(pane["session_id"]) for pane in layout["panes"]}
    await data(client, "create_team", name="crew")
    await data(client, "create_team", name="night", parent="crew")
    for name, team in zip(NAMES, ["crew", "crew", "night", "night"], strict=True):
        await data(client, "register_agent", name=name, session_id=ids[name], teams=[team])
        await client.call("send_text", session_id=ids[name], text=f"echo $((6 * 7)) {name}")
    for name, session_id in ids.items():
        await eventually(
            lambda session_id=session_id: screen(client, session_id),  # type: ignore[misc]
            lambda text, name=name: f"42 {name}" in text,  # type: ignore[misc]
        )
    return ids


def without_titles(sessions: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is listed but for titles, which name the job that runs at the moment."""
    rows = sessions["sessions"]
    return [{key: value for key, value in row.items() if key != "title"} for row in rows]


async def test_after_the_daemon_is_killed_everything_is_as_it_was(
    live_home: Home, client: LineClient
) -> None:
    ids = await open_team(client)
    sessions = without_titles(await data(client, "list_sessions"))
    agents = await data(client, "list_agents")
    screens = {name: inside(await screen(client, ids[name])) for name in NAMES}
    assert len(agents["agents"]) == 4

    await live_home.kill_daemon()

    assert without_titles(await data(client, "list_sessions")) == sessions
    assert await data(client, "list_agents") == agents
    for name in NAMES:
        assert inside(await screen(client, ids[name])) == screens[name]
    receipts = await data(client, "cascade_message", teams={"crew": "echo $((40 + 1)) again"})
    assert [one["state"] for one in receipts["receipts"]] == ["written"] * 4
    for session_id in ids.values():
        await eventually(
            lambda session_id=session_id: screen(client, session_id),  # type: ignore[misc]
            lambda text: "41 again" in text,
        )


async def test_a_receipt_survives_the_crash_and_nothing_is_typed_twice(
    live_home: Home, client: LineClient
) -> None:
    ids = await open_team(client)
    message = {"agents": {"ann": "echo $((50 + 5)) once"}, "idempotency_key": "the-same"}
    first = await data(client, "cascade_message", **message)
    await eventually(lambda: screen(client, ids["ann"]), lambda text: "55 once" in text)

    await live_home.kill_daemon()

    second = await data(client, "cascade_message", **message)
    assert second["receipts"] == first["receipts"]
    assert (await screen(client, ids["ann"])).count("\n55 once") == 1


def web(home: Home) -> httpx2.AsyncClient:
    """Return a client of the daemon's HTTP side, with the token."""
    info = json.loads(Path(home.paths.daemon_info).read_text())
    token = Path(home.paths.token).read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.AsyncClient(base_url=info["http"], headers=headers, timeout=10)


async def ready(home: Home) -> int:
    async with web(home) as http:
        return (await http.get("/readyz")).status_code


async def reconnects(home: Home) -> float:
    async with web(home) as http:
        text = (await http.get("/metrics")).text
    return next(
        float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith("iterm_mcp_terminal_reconnects_total ")
    )


@pytest.mark.headless
async def test_after_the_host_is_killed_a_new_one_is_found_and_it_is_said(
    live_home: Home, client: LineClient
) -> None:
    opened = await data(client, "open_session")
    assert await ready(live_home) == 200
    assert await reconnects(live_home) == 0
    pid = lock_holder(live_home.paths.host_lock)
    assert pid

    os.kill(pid, signal.SIGKILL)

    lost = await client.call("read_screen", session_id=opened["session_id"])
    assert lost["isError"]
    assert "\n" in lost["content"][0]["text"], "what happened, and what to do"
    again = await data(client, "open_session")
    assert lock_holder(live_home.paths.host_lock) not in {None, pid}
    assert [one["session_id"] for one in (await data(client, "list_sessions"))["sessions"]] == [
        again["session_id"]
    ]
    assert await reconnects(live_home) == 1
    assert await ready(live_home) == 200


@pytest.mark.headless
async def test_a_daemon_without_a_terminal_is_alive_but_not_ready(home: Home) -> None:
    environ = {**home.environ, "ITERM_MCP_CONNECT_TIMEOUT_SECONDS": "1"}
    async with open_client(environ) as client:
        await client.greet()
        await eventually(lambda: ready(home), lambda status: status == 503)
        refused = await client.call("list_sessions")
        assert refused["isError"]
        assert "ITERM_MCP_TERMINAL" in refused["content"][0]["text"]


async def test_sessions_and_agents_outlive_the_client(live_home: Home, client: LineClient) -> None:
    await open_team(client)
    async with open_client(live_home.environ, modern=True) as other:
        await other.greet()
        listed = await data(other, "list_agents")
        assert [one["name"] for one in listed["agents"]] == NAMES
        assert all(one["alive"] for one in listed["agents"])
