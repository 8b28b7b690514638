"""What is left after a crash: everything that was there."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from tests.integration.line_client import open_client
from tests.integration.tool_client import Json, ToolClient, open_tools
from tests.waiting import eventually

from iterm_mcp.processes import InstanceLock, lock_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.integration.homes import Home
    from tests.integration.line_client import LineClient

NAMES = ["ann", "ben", "cem", "dana"]


@pytest.fixture
async def hands(client: LineClient) -> AsyncIterator[ToolClient]:
    """The tools of `client`, which stays connected through every crash."""
    tools = ToolClient(client.call)
    yield tools
    await tools.close_opened()


async def open_team(tools: ToolClient) -> dict[str, str]:
    """Open four named sessions with agents in two teams; return the session ids by name."""
    layout = await tools.data("apply_layout", preset="quad", names=NAMES)
    ids = {pane["name"]: str(pane["session_id"]) for pane in layout["panes"]}
    await tools.data("create_team", name="crew")
    await tools.data("create_team", name="night", parent="crew")
    for name, team in zip(NAMES, ["crew", "crew", "night", "night"], strict=True):
        await tools.data("register_agent", name=name, session_id=ids[name], teams=[team])
        await tools.data("send_text", session_id=ids[name], text=f"echo $((6 * 7)) {name}")
    for name, session_id in ids.items():
        await tools.shows(session_id, f"42 {name}")
    return ids


async def all_there_is(tools: ToolClient, ids: dict[str, str]) -> dict[str, Any]:
    """Return sessions, agents, teams and screens.

    Titles end in the job that runs at the moment; what counts is that they begin with the name.
    """
    sessions = await tools.listed(*ids.values())
    for one in sessions:
        title = one.pop("title")
        one["name"] = next(name for name in NAMES if name in title)
    agents = await tools.data("list_agents")
    for one in agents["agents"]:  # what they do is looked at anew by another daemon
        for key in ("state", "reason", "since"):
            one.pop(key, None)
    screens = {name: await tools.screen(ids[name]) for name in NAMES}
    return {"sessions": sessions, **agents, "screens": screens}


async def test_after_the_daemon_is_killed_everything_is_as_it_was(
    live_home: Home, hands: ToolClient
) -> None:
    ids = await open_team(hands)
    before = await all_there_is(hands, ids)
    assert [one["name"] for one in before["sessions"]] == NAMES
    assert [one["agent"] for one in before["sessions"]] == NAMES
    assert [one["name"] for one in before["agents"]] == NAMES
    assert [one["name"] for one in before["teams"]] == ["crew", "night"]
    killed = live_home.daemon_pid()

    await live_home.kill_daemon()

    assert await all_there_is(hands, ids) == before
    assert live_home.daemon_pid() not in {None, killed}
    receipts = await hands.data("cascade_message", teams={"crew": "echo $((40 + 1)) again"})
    assert [one["state"] for one in receipts["receipts"]] == ["written"] * 4
    for session_id in ids.values():
        await hands.shows(session_id, "41 again")


async def test_what_runs_goes_on_while_there_is_no_daemon(
    live_home: Home, hands: ToolClient
) -> None:
    marker = f"{live_home.paths.state}/go"
    session_id = await hands.open(
        command=f"/bin/sh -c 'echo ready; until test -e {marker}; do sleep 0.02; done; "
        "echo went on; cat'"
    )
    await hands.shows(session_id, "ready")

    await live_home.kill_daemon()
    with open(marker, "w"):  # noqa: ASYNC230, PTH123 - an empty file
        pass

    await hands.shows(session_id, "went on")


async def test_who_subscribed_goes_on_hearing_after_a_crash_and_need_not_say_a_word(
    live_home: Home, client: LineClient
) -> None:
    async with open_tools(live_home) as hands:
        session_id = await hands.open(
            command="/bin/sh -c 'while :; do echo on and on; sleep 0.05; done'"
        )
        uri = f"iterm://sessions/{session_id}/screen"
        assert "result" in await client.ask("resources/subscribe", uri=uri)
        killed = live_home.daemon_pid()

        await live_home.kill_daemon()

        await eventually(
            live_home.daemon_pid, lambda pid: pid not in {None, killed}, within_seconds=20
        )
        for _ in range(6):  # more than can have been under way at the crash
            message = await client.read()
            assert message["method"] == "notifications/resources/updated"
            assert message["params"] == {"uri": uri}


async def test_a_receipt_survives_the_crash_and_nothing_is_typed_twice(
    live_home: Home, hands: ToolClient
) -> None:
    ids = await open_team(hands)
    message = {"agents": {"ann": "echo $((50 + 5)) once"}, "idempotency_key": "the-same"}
    first = await hands.data("cascade_message", **message)
    await hands.shows(ids["ann"], "55 once")

    await live_home.kill_daemon()

    second = await hands.data("cascade_message", **message)
    known = ("delivery_id", "agent", "session_id", "text")  # it may have come further since
    assert [[one[key] for key in known] for one in second["receipts"]] == [
        [one[key] for key in known] for one in first["receipts"]
    ]
    assert second["replayed"]
    assert (await hands.screen(ids["ann"])).count("55 once") == 1


async def test_sessions_and_agents_outlive_the_client(live_home: Home, hands: ToolClient) -> None:
    await open_team(hands)

    async with open_tools(live_home, "relay, modern") as other:
        listed = await other.data("list_agents")

    assert [one["name"] for one in listed["agents"]] == NAMES
    assert all(one["alive"] for one in listed["agents"])


@contextmanager
def stopped(home: Home) -> Iterator[None]:
    """Have the host stand still: what it is asked for meanwhile is in flight."""
    pid = lock_holder(home.paths.host_lock)
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.headless
async def test_a_call_in_flight_when_the_daemon_is_killed_gets_an_error(
    live_home: Home, client: LineClient, hands: ToolClient
) -> None:
    session_id = await hands.open()
    with stopped(live_home):
        arguments = {"session_id": session_id, "text": "echo $((3 * 3))"}
        number = await client.request("tools/call", name="send_text", arguments=arguments)
        await wait_running(live_home, "send_text")
        await live_home.kill_daemon()
        answer = await client.read()

    assert answer["id"] == number
    assert answer["error"]["code"] == -32000
    assert "may or may not" in answer["error"]["message"]
    await hands.data("send_text", session_id=session_id, text="echo $((4 * 4))")
    await hands.shows(session_id, "16")


async def wait_running(home: Home, tool: str) -> None:
    """Wait until a call of a tool is under way, as the daemon's metrics tell."""
    await eventually(lambda: metric(home, f'iterm_mcp_tool_calls_in_flight{{tool="{tool}"}}'))


def web(home: Home) -> httpx2.AsyncClient:
    """Return a client of the daemon's HTTP side, with the token."""
    headers = {"Authorization": f"Bearer {home.token()}"}
    return httpx2.AsyncClient(base_url=home.http_url(), headers=headers, timeout=10)


async def ready(home: Home) -> Json:
    """Return what ``/readyz`` says, with its status."""
    async with web(home) as http:
        answer = await http.get("/readyz")
    return {"status_code": answer.status_code, **answer.json()}


async def metric(home: Home, name: str) -> float:
    async with web(home) as http:
        text = (await http.get("/metrics")).text
    return next(
        float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} ")
    )


@pytest.mark.headless
async def test_while_the_host_is_away_it_is_said_and_calls_wait_for_the_new_one(
    live_home: Home, client: LineClient, hands: ToolClient
) -> None:
    opened = await hands.open()
    assert (await ready(live_home))["status_code"] == 200
    assert await metric(live_home, "iterm_mcp_terminal_reconnects_total") == 0
    pid = lock_holder(live_home.paths.host_lock)
    assert pid

    with InstanceLock(live_home.paths.host_spawn_lock).acquire():  # no new one can be started
        os.kill(pid, signal.SIGKILL)
        away = await eventually(
            lambda: ready(live_home), lambda answer: answer["status_code"] == 503
        )
        assert away["problems"]
        number = await client.request("tools/call", name="list_sessions", arguments={})
        await wait_running(live_home, "list_sessions")
    answer = await client.read()

    assert answer["id"] == number
    assert answer["result"]["structuredContent"] == {"sessions": []}
    assert lock_holder(live_home.paths.host_lock) not in {None, pid}
    assert (await ready(live_home))["status_code"] == 200
    assert await metric(live_home, "iterm_mcp_terminal_reconnects_total") == 1
    lost = await hands.refusal("read_screen", session_id=opened)
    assert lost["code"] == "session_not_found"


@pytest.mark.headless
async def test_agents_of_a_killed_host_are_shown_as_gone_and_can_be_given_new_sessions(
    live_home: Home, hands: ToolClient
) -> None:
    await open_team(hands)
    pid = lock_holder(live_home.paths.host_lock)
    assert pid
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: lock_holder(live_home.paths.host_lock) != pid)

    new = await hands.open()
    gone = await hands.data("list_agents")
    moved = await hands.data("register_agent", name="ann", session_id=new, replace=True)
    receipts = await hands.data("cascade_message", broadcast="echo $((2 + 2)) back")

    assert [one["alive"] for one in gone["agents"]] == [False] * 4
    assert moved["alive"] is True
    assert receipts["counts"] == {"written": 1, "refused": 3}
    await hands.shows(new, "4 back")


@pytest.mark.headless
async def test_a_daemon_without_a_terminal_is_alive_but_not_ready(home: Home) -> None:
    environ = {**home.environ, "ITERM_MCP_CONNECT_TIMEOUT_SECONDS": "1"}
    async with open_client(environ) as client:
        await client.greet()
        await eventually(lambda: ready(home), lambda answer: answer["status_code"] == 503)
        refusal = await ToolClient(client.call).refusal("list_sessions")

    assert refusal["code"] == "terminal_unavailable"
    assert "ITERM_MCP_TERMINAL" in refusal["hint"]
