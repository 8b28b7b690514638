"""What a client may do, end to end: said by its user, kept by the daemon, written down."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from anyio import to_thread
from tests.integration.homes import mode_of
from tests.integration.line_client import META, SECONDS, LineClient, open_client

if TYPE_CHECKING:
    import subprocess

    from tests.integration.homes import Home

ERAS = pytest.mark.parametrize("modern", [False, True])


async def listed(client: LineClient) -> set[str]:
    answer = await client.ask("tools/list")
    return {tool["name"] for tool in answer["result"]["tools"]}


def records(home: Home) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(home.paths.audit).read_text().splitlines()]


async def audit(home: Home, *words: str) -> subprocess.CompletedProcess[bytes]:
    with anyio.fail_after(SECONDS):
        return await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "audit", *words], env=home.environ, check=False
        )


@ERAS
async def test_two_clients_of_one_daemon_may_do_different_things(
    home: Home, *, modern: bool
) -> None:
    limited = home.environ | {"ITERM_MCP_TIER": "read", "ITERM_MCP_TOOLS": "all"}
    async with open_client(limited, modern=modern) as looker:
        await looker.greet()
        names = await listed(looker)
        assert "list_sessions" in names
        assert not {"open_session", "close_session", "more_tools"} & names
        refused = await looker.call("create_team", name="crew")
        assert refused["structuredContent"]["code"] == "tier_refused"

        async with open_client(home.environ, modern=modern) as other:
            await other.greet()
            assert {"open_session", "close_session", "more_tools"} <= await listed(other)
            assert not (await other.call("create_team", name="crew")).get("isError")

        await home.kill_daemon()
        refused = await looker.call("create_team", name="another")
        assert refused["structuredContent"]["code"] == "tier_refused", "the new daemon knows it too"


async def test_the_command_line_says_it_too_and_a_wrong_word_ends_it(home: Home) -> None:
    command = [sys.executable, "-m", "iterm_mcp", "--tier", "root"]
    result = await anyio.run_process(command, env=home.environ, check=False)
    assert result.returncode == 2
    assert b"'root' is none of read, mutate, destructive" in result.stderr

    line = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}
    )
    answers = []
    for words in ("core", "core,dig_hole"):
        command = [sys.executable, "-m", "iterm_mcp", "--tier=read", "--tools", words]
        with anyio.fail_after(SECONDS):
            result = await anyio.run_process(
                command, input=line.encode() + b"\n", env=home.environ, check=False
            )
        answers.append(json.loads(result.stdout))
    assert {tool["annotations"]["readOnlyHint"] for tool in answers[0]["result"]["tools"]} == {True}
    assert "no tool 'dig_hole'" in answers[1]["error"]["message"]


@ERAS
async def test_over_http_it_stands_in_the_url(home: Home, *, modern: bool) -> None:
    async with open_client(home.environ, modern=modern) as client:
        await client.greet()
        headers = {
            "authorization": f"Bearer {await to_thread.run_sync(home.token)}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": "create_team",
        }
        call = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "create_team", "arguments": {"name": "crew"}, "_meta": META},
        }
        url = f"{await to_thread.run_sync(home.http_url)}/mcp"
        async with httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http:
            wrong = await http.post(url, params={"tier": "root"}, json=call)
            assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "bad_access")
            refused = await http.post(url, params={"tier": "read"}, json=call)
            assert "tier_refused" in refused.text
            done = await http.post(url, json=call)
            assert "tier_refused" not in done.text
            assert "crew" in done.text


async def test_over_http_without_a_session_a_client_that_loops_costs_those_of_its_name_alone(
    home: Home,
) -> None:
    home.environ["ITERM_MCP_CALLS_PER_SECOND"] = "0.01"  # one, and then a long while none
    async with open_client(home.environ, modern=True) as client:
        await client.greet()  # the daemon is there
        async with httpx2.AsyncClient(timeout=SECONDS) as http:

            async def code(name: str) -> object:
                meta = META | {"io.modelcontextprotocol/clientInfo": {"name": name, "version": "1"}}
                params = {"name": "list_agents", "arguments": {}, "_meta": meta}
                answer = await http.post(
                    f"{home.http_url()}/mcp",
                    json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
                    headers={
                        "authorization": f"Bearer {home.token()}",
                        "accept": "application/json, text/event-stream",
                        "mcp-protocol-version": "2026-07-28",
                        "mcp-method": "tools/call",
                        "mcp-name": "list_agents",
                    },
                )
                answer.raise_for_status()
                found = answer.text
                return "rate_limited" if "rate_limited" in found else "agents" in found

            assert [await code("loops"), await code("loops")] == [True, "rate_limited"]
            assert [await code("calm"), await code("calm")] == [True, "rate_limited"]


async def test_the_user_is_asked_through_the_relay_in_the_era_of_the_handshake(
    live_home: Home,
) -> None:
    live_home.environ["ITERM_MCP_CONFIRM"] = "ask"
    async with open_client(live_home.environ) as client:
        await client.ask(
            "initialize",
            protocolVersion="2025-11-25",
            capabilities={"elicitation": {}},
            clientInfo={"name": "test", "version": "1"},
        )
        await client.write('{"jsonrpc":"2.0","method":"notifications/initialized"}')
        opened = (await client.call("open_session", name="doomed"))["structuredContent"]
        call = {"name": "close_session", "arguments": {"session_id": opened["session_id"]}}
        for action, ended in (("decline", False), ("accept", True)):
            number = await client.request("tools/call", **call)
            question = await client.read()
            assert question["method"] == "elicitation/create"
            assert opened["session_id"] in question["params"]["message"]
            assert 'the session "doomed" in "' in question["params"]["message"]
            answer: dict[str, Any] = {"action": action}
            if action == "accept":
                answer["content"] = {}
            await client.write(
                json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": answer})
            )
            result = await client.read()
            assert result["id"] == number
            assert bool(result["result"].get("isError")) != ended, result


async def test_the_user_is_asked_through_the_relay_in_the_era_without_state(
    live_home: Home,
) -> None:
    live_home.environ["ITERM_MCP_CONFIRM"] = "ask"
    meta = META | {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
    async with open_client(live_home.environ, modern=True) as client:
        await client.greet()
        opened = (await client.call("open_session"))["structuredContent"]

        async def close(**more: Any) -> dict[str, Any]:  # noqa: ANN401
            params = {
                "name": "close_session",
                "arguments": {"session_id": opened["session_id"]},
                "_meta": meta,
                **more,
            }
            message = {"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": params}
            await client.write(json.dumps(message))
            return dict((await client.read())["result"])

        question = await close()
        assert question["resultType"] == "input_required"
        for action, ended in (("decline", False), ("accept", True)):
            result = await close(
                inputResponses={"confirm": {"action": action, "content": {}}},
                requestState=question["requestState"],
            )
            assert bool(result.get("isError")) != ended, result


async def test_every_call_is_in_the_log_when_the_daemon_has_ended_and_the_chain_goes_on(
    home: Home,
) -> None:
    for number in range(2):
        async with open_client(home.environ) as client:
            await client.greet()
            for one in range(20):
                await client.call("create_team", name=f"team-{number}-{one}")
            await client.call("dig_hole", text="swordfish")
        await home.stop()
    found = await to_thread.run_sync(records, home)
    assert [one["tool"] for one in found] == 2 * [*(20 * ["create_team"]), "dig_hole"]
    assert {one["client"] for one in found} == {"test"}
    assert found[0]["target"] == "team-0-0"
    text = await to_thread.run_sync(Path(home.paths.audit).read_text)
    assert "swordfish" not in text
    assert (await to_thread.run_sync(mode_of, home.paths.audit)) == 0o600

    sound = await audit(home, "verify")
    assert sound.returncode == 0, sound.stderr
    assert b"42 records are sound" in sound.stdout
    shown = await audit(home, "tail", "-n", "3")
    assert shown.stdout.count(b"create_team") == 2

    await to_thread.run_sync(
        Path(home.paths.audit).write_text, text.replace("team-0-7", "team-0-8")
    )
    broken = await audit(home, "verify")
    assert broken.returncode == 1
    assert b"after 7 sound records" in broken.stderr


async def test_a_client_that_loops_is_held_up_and_others_are_not(home: Home) -> None:
    home.environ["ITERM_MCP_CALLS_PER_SECOND"] = "1"
    async with open_client(home.environ) as client, open_client(home.environ) as other:
        await client.greet()
        await other.greet()
        results = [await client.call("list_approvals") for _ in range(8)]
        codes = [one.get("structuredContent", {}).get("code") for one in results]
        assert codes[:5] == 5 * [None]
        assert "rate_limited" in codes
        assert not (await other.call("list_approvals")).get("isError")
