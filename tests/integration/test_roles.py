"""Agents that speak MCP to us from their own sessions, held to their roles by every door."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from tests.integration.line_client import SECONDS, open_client
from tests.integration.tool_client import ToolClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from subprocess import CompletedProcess

    from tests.integration.homes import Home
    from tests.integration.line_client import LineClient


class Crew:
    """A person's tools, and agents boss (a manager) and ann in crew, cem in other."""

    def __init__(self, home: Home, tools: ToolClient, ids: dict[str, str]) -> None:
        self.home, self.tools, self.ids = home, tools, ids

    def environ(self, agent: str) -> dict[str, str]:
        return self.home.environ | {"ITERM_MCP_AGENT": agent, "ITERM_MCP_TEAM": "crew"}


@pytest.fixture
async def crew(live_home: Home, client: LineClient) -> AsyncIterator[Crew]:
    tools = ToolClient(client.call)
    ids = {}
    await tools.data("create_team", name="crew")
    await tools.data("create_team", name="other")
    for name, team, role in (
        ("boss", "crew", "manager"), ("ann", "crew", "worker"), ("cem", "other", "")
    ):  # fmt: skip
        ids[name] = await tools.open(name=name, wait_ready=True)
        await tools.data("register_agent", name=name, session_id=ids[name], teams=[team], role=role)
    yield Crew(live_home, tools, ids)
    await tools.close_opened()


def records(home: Home) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(home.paths.audit).read_text().splitlines()]


def says(number: int) -> str:
    return f"echo $((40 + {number}))"


async def test_a_manager_tells_its_own_team_and_nobody_else(crew: Crew) -> None:
    async with open_client(crew.environ("boss")) as relay:
        await relay.greet()
        boss = ToolClient(relay.call)

        receipts = await boss.data("cascade_message", teams={"crew": says(1)})
        assert {one["agent"] for one in receipts["receipts"]} == {"ann", "boss"}
        await crew.tools.shows(crew.ids["ann"], "41")
        for arguments in ({"teams": {"other": says(2)}}, {"agents": {"cem": says(2)}},
                          {"broadcast": says(2)}):  # fmt: skip
            assert (await boss.refusal("cascade_message", **arguments))["code"] == "role_refused"
        by_hand = await boss.refusal("run_command", session_id=crew.ids["cem"], command=says(2))
        around = await boss.refusal(
            "more_tools", name="manage_triggers",
            arguments={"action": "add", "session_id": crew.ids["cem"], "pattern": "x"},
        )  # fmt: skip
        assert by_hand["code"] == around["code"] == "role_refused"
        assert (await boss.refusal("manage_roles", action="list"))["code"] == "role_refused"
        assert (await boss.data("describe_session", session_id=crew.ids["cem"]))["session_id"]

        new = await boss.open()
        late = {"name": "new", "session_id": new, "role": "worker"}
        assert (await boss.refusal("register_agent", **late))["code"] == "role_refused"
        assert (await boss.refusal("register_agent", **late, teams=["other"]))["hint"]
        await boss.data("register_agent", **late, teams=["crew"])
        await crew.home.kill_daemon()  # and the next one knows who speaks, too
        assert (await boss.refusal("cascade_message", teams={"other": says(2)}))["code"]
        assert (await boss.data("run_command", session_id=new, command=says(3)))["exit_code"] == 0
        await boss.close_opened()

    assert not any("42" in line.split() for line in await crew.tools.screen(crew.ids["cem"]))
    refused = [one for one in records(crew.home) if one.get("code") == "role_refused"]
    assert len(refused) >= 7  # the killed daemon may not have written its last one
    assert {one["agent"] for one in refused} == {"boss"}


async def test_a_worker_types_into_its_own_session_alone_by_every_door(crew: Crew) -> None:
    async with open_client(crew.environ("ann")) as relay:
        await relay.greet()
        ann = ToolClient(relay.call)
        mine = await ann.data("run_command", session_id="agent:ann", command=says(4))
        assert mine["output"] == "44"
        assert (await ann.refusal("send_text", session_id="agent:boss", text="x"))["hint"]
        document = (
            "playbook: sly\nsteps:\n"
            '  - run: {in: "agent:ann", command: "true"}\n'
            '  - run: {in: "agent:boss", command: "true"}\n'
        )
        ran = await ann.data("run_playbook", action="run", document=document)
        assert ran["state"] == "failed"
        assert "step 2: the role 'worker' forbids it" in ran["reason"]

    http = await over_http(crew.home, "ann", "send_text", session_id="agent:boss", text="x")
    assert http["structuredContent"]["code"] == "role_refused"
    await crew.tools.data("manage_roles", action="set", name="worker", rules={"tools": ["read_*"]})
    refused = await command_line(crew.environ("ann"), "notes", "set", "k", "v")
    assert refused.returncode == 1
    assert b"the role 'worker' forbids it" in refused.stderr
    allowed = await command_line(crew.home.environ, "notes", "set", "k", "v")
    assert allowed.stdout.startswith(b"version ")
    got = await command_line(crew.home.environ, "notes", "get", "k")
    assert got.stdout == b"v\n"


async def test_agents_whose_roles_limit_them_have_no_tasks_done_and_change_none(crew: Crew) -> None:
    """Tasks start agents of no role; and they are listed by what they do, not by whose they are."""
    document = 'graph: sly\ntasks:\n  a: {run: "true", directory: /}\n'
    await crew.tools.data("change_tasks", action="pause", target="everything")
    task_id = (await crew.tools.data("submit_tasks", document=document))["tasks"]["a"]
    for name in ("boss", "ann"):
        async with open_client(crew.environ(name)) as relay:
            await relay.greet()
            agent = ToolClient(relay.call)
            for tool, arguments in {
                "submit_tasks": {"document": document},
                "change_tasks": {"action": "cancel", "target": task_id},
            }.items():
                refused = await agent.refusal(tool, **arguments)
                assert refused["code"] == "role_refused", (name, tool)
            assert (await agent.data("show_task", task_id=task_id))["state"] == "queued"

    rules = {"tier": "mutate"}
    await crew.tools.data("manage_roles", action="set", name="hand", rules=rules)
    session_id = await crew.tools.open(name="dan")
    await crew.tools.data("register_agent", name="dan", session_id=session_id, role="hand")
    async with open_client(crew.environ("dan")) as relay:
        await relay.greet()
        dan = ToolClient(relay.call)
        cancelled = await dan.data("change_tasks", action="cancel", target=task_id)
        assert cancelled["tasks"][0]["state"] == "cancelled"
        refused = await dan.refusal("change_tasks", action="purge", target=task_id)
        assert refused["code"] == "role_refused"
        assert "destructive" in refused["error"]


async def test_an_agent_that_nobody_registered_may_only_look(crew: Crew) -> None:
    async with open_client(crew.environ("nobody")) as relay:
        await relay.greet()
        nobody = ToolClient(relay.call)
        assert (await nobody.data("list_agents"))["agents"]
        refused = await nobody.refusal("send_text", session_id=crew.ids["ann"], text="x")
        assert refused["code"] == "unknown_agent"


async def over_http(home: Home, agent: str, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    """Call a tool as an agent whose client came over HTTP, and return its result."""
    headers = {
        "authorization": f"Bearer {home.token()}",
        "accept": "application/json, text/event-stream",
    }
    async with httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http:
        url = f"{home.http_url()}/mcp?agent={agent}"
        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        }
        first = await http.post(url, json=request(1, "initialize", hello))
        http.headers["mcp-session-id"] = first.headers["mcp-session-id"]
        await http.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
        call = request(2, "tools/call", {"name": tool, "arguments": arguments})
        answer = await http.post(url, json=call)
    data = next(line for line in answer.text.splitlines() if line.startswith("data: {"))
    result = json.loads(data.removeprefix("data: "))["result"]
    assert isinstance(result, dict)
    return result


def request(number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


async def command_line(environ: dict[str, str], *words: str) -> CompletedProcess[bytes]:
    with anyio.fail_after(SECONDS):
        return await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", *words], env=environ, check=False
        )
