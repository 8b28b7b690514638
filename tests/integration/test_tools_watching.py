"""Sessions that are watched for a client: told of, acted on, logged, drawn."""

from __future__ import annotations

import base64
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.subscriptions import ResourceUpdated
from tests.integration.homes import mode_of
from tests.integration.line_client import open_client
from tests.integration.tool_client import NOBODY, ToolClient
from tests.waiting import eventually

from iterm_mcp.models.ids import SessionId

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.line_client import LineClient

    from iterm_mcp.terminal.iterm import ItermTerminal

SECONDS = 20.0


async def told(client: LineClient) -> dict[str, Any]:
    """Return the next notification's method and parameters."""
    message = await client.read()
    assert "id" not in message, message
    return message


@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
async def test_a_client_behind_the_relay_is_told_of_what_it_subscribed_to(
    shared_home: Home, tools: ToolClient, *, modern: bool
) -> None:
    session_id = await tools.open(wait_ready=True)
    uri = f"iterm://sessions/{session_id}/screen"
    async with open_client(shared_home.environ, modern=modern) as client:
        await client.greet()
        if modern:
            await client.request(
                "subscriptions/listen", notifications={"resourceSubscriptions": [uri]}
            )
            assert (await told(client))["method"] == "notifications/subscriptions/acknowledged"
        else:
            assert "result" in await client.ask("resources/subscribe", uri=uri)

        await tools.data("send_text", session_id=session_id, text="echo pushed")

        message = await told(client)
        assert message["method"] == "notifications/resources/updated"
        assert message["params"]["uri"] == uri


@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
async def test_a_client_behind_the_relay_is_told_when_an_agent_begins_to_work(
    shared_home: Home, tools: ToolClient, *, modern: bool
) -> None:
    session_id = await tools.open(wait_ready=True)
    name = f"told-{'modern' if modern else 'legacy'}"
    await tools.data("register_agent", name=name, session_id=session_id, kind="shell")
    uri = f"iterm://agents/{name}"
    async with open_client(shared_home.environ, modern=modern) as client:
        await client.greet()

        async def read() -> str:
            answer = await client.ask("resources/read", uri=uri)
            return str(json.loads(answer["result"]["contents"][0]["text"])["state"])

        await eventually(read, lambda state: state == "ready", within_seconds=SECONDS)
        if modern:
            await client.request(
                "subscriptions/listen", notifications={"resourceSubscriptions": [uri]}
            )
            assert (await told(client))["method"] == "notifications/subscriptions/acknowledged"
        else:
            assert "result" in await client.ask("resources/subscribe", uri=uri)

        await tools.data("send_text", session_id=session_id, text="sleep 60")

        message = await told(client)
        assert message["method"] == "notifications/resources/updated"
        assert message["params"]["uri"] == uri
    state = await tools.data("wait_agents", agents=[name], until=["working"])
    assert state["met"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_over_http_reads_and_is_told(
    shared_home: Home, tools: ToolClient, mode: str
) -> None:
    session_id = await tools.open(wait_ready=True)
    uri = f"iterm://sessions/{session_id}/output"
    updated = anyio.Event()

    async def take(message: Any) -> None:  # noqa: ANN401 - whatever a server may say
        if getattr(message, "method", "") == "notifications/resources/updated":
            updated.set()

    headers = {"authorization": f"Bearer {shared_home.token()}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http,
        Client(
            streamable_http_client(f"{shared_home.http_url()}/mcp", http_client=http),
            mode=mode,
            message_handler=take,
        ) as client,
    ):
        with anyio.fail_after(SECONDS):
            if mode == "legacy":
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    await client.subscribe_resource(uri)
                await tools.data("send_text", session_id=session_id, text="echo over http")
                await updated.wait()
            else:
                async with client.listen(resource_subscriptions=[uri]) as events:
                    await tools.data("send_text", session_id=session_id, text="echo over http")
                    assert await anext(aiter(events)) == ResourceUpdated(uri=uri)

        async def read() -> str:
            (content,) = (await client.read_resource(uri)).contents
            return str(content.model_dump()["text"])

        await eventually(read, lambda text: "over http" in text, within_seconds=SECONDS)


async def test_a_trigger_answers_a_question_once_and_not_its_own_echo(
    tools: ToolClient, terminal: ItermTerminal
) -> None:
    asking = 'read go; printf "Go on? "; read a; echo "got $a"; read b; echo "then $b"; exec cat'
    session_id = await tools.open(command=f"/bin/sh -c '{asking}'", wait_ready=False)
    answering = await tools.data(
        "manage_triggers", action="add", session_id=session_id, pattern="Go on",
        act="text", text="yes Go on",
    )  # fmt: skip
    other = await tools.open(wait_ready=True)
    added = await tools.data(
        "manage_triggers", action="add", session_id=other, pattern="Proceed.$",
        act="text", to=session_id, text="yes Go on",
    )  # fmt: skip

    await terminal.send_text(SessionId(session_id), "\r")  # not through the daemon
    await tools.shows(session_id, "got yes Go on")
    await terminal.send_text(SessionId(other), "printf 'Pro%s?' ceed; cat\r")
    await tools.shows(session_id, "then yes Go on")

    async def fired() -> dict[str, int]:
        listed = (await tools.data("manage_triggers", action="list"))["last"]
        return Counter(one["trigger_id"] for one in listed)

    expected = {answering["trigger_id"]: 1, added["trigger_id"]: 1}
    await eventually(fired, lambda found: found.items() >= expected.items(), within_seconds=SECONDS)


async def test_triggers_and_logs_go_on_after_the_daemon_was_killed(
    live_home: Home, client: LineClient
) -> None:
    tools = ToolClient(client.call)
    session_id = await tools.open(wait_ready=True)
    logged = await tools.data("log_output", session_id=session_id)
    path = Path(logged["path"])
    assert path.is_relative_to(live_home.paths.logs)
    trigger = await tools.data(
        "manage_triggers", action="add", session_id=session_id, pattern="^sum 42"
    )

    def lines() -> list[str]:
        return path.read_text().splitlines() if path.exists() else []

    await tools.data("run_command", session_id=session_id, command="echo sum $((40 + 1))")
    await eventually(lines, lambda found: "sum 41" in found, within_seconds=SECONDS)
    assert mode_of(str(path)) == 0o600
    await eventually(
        lambda: tools.data("log_output", session_id=session_id),
        lambda told: told["lines"] >= len(lines()),
        within_seconds=SECONDS,
    )
    # The store writes in turn: how far the log has come stands there before the team does.
    await tools.data("create_team", name=f"after-{session_id}")

    await live_home.kill_daemon()

    await tools.data("run_command", session_id=session_id, command="echo sum $((40 + 2))")
    await eventually(lines, lambda found: "sum 42" in found, within_seconds=SECONDS)
    assert lines().count("sum 41") == 1

    async def state() -> dict[str, Any]:
        return await tools.data("manage_triggers", action="list")

    found = await eventually(state, lambda one: one["last"], within_seconds=SECONDS)
    assert found["last"][0]["trigger_id"] == trigger["trigger_id"]
    assert found["last"][0]["line"] == "sum 42"
    await tools.data("manage_triggers", action="remove", trigger_id=trigger["trigger_id"])
    assert not (await tools.data("log_output", session_id=session_id, on=False))["on"]
    await tools.close_opened()


@pytest.mark.headless
async def test_a_log_that_is_ended_at_once_has_what_the_command_printed(tools: ToolClient) -> None:
    session_id = await tools.open(wait_ready=True)
    await tools.data("log_output", session_id=session_id)
    await tools.data("run_command", session_id=session_id, command="seq 3")
    ended = await tools.data("log_output", session_id=session_id, on=False)

    lines = (await anyio.Path(ended["path"]).read_text()).splitlines()
    assert lines[-3:] == ["1", "2", "3"]
    assert ended["lines"] == len(lines)


async def test_a_session_is_drawn_as_png_svg_and_text(tools: ToolClient) -> None:
    session_id = await tools.open(command="/bin/sh -c 'printf drawn; cat'")
    await tools.shows(session_id, "drawn")

    image, note = (await tools.result("take_screenshot", session_id=session_id))["content"]
    assert image["type"] == "image"
    assert image["mimeType"] == "image/png"
    assert base64.b64decode(image["data"]).startswith(b"\x89PNG")
    assert session_id in note["text"]

    drawing, _ = (
        await tools.result("take_screenshot", session_id=session_id, format="svg", history=5)
    )["content"]
    assert drawing["resource"]["mimeType"] == "image/svg+xml"
    assert "drawn" in drawing["resource"]["text"]

    (text,) = (await tools.result("take_screenshot", session_id=session_id, format="text"))[
        "content"
    ]
    assert text["text"].split("\n")[1:3] == ["drawn", "     ▲ cursor"]


async def test_a_session_that_does_not_exist_is_neither_drawn_nor_logged(
    tools: ToolClient,
) -> None:
    for call in (
        tools.refusal("take_screenshot", session_id=NOBODY),
        tools.refusal("log_output", session_id=NOBODY),
        tools.refusal("manage_triggers", action="add", session_id=NOBODY, pattern="x"),
    ):
        assert (await call)["code"] == "session_not_found"


async def test_prompts_are_there_for_real_clients(client: LineClient) -> None:
    listed = (await client.ask("prompts/list"))["result"]["prompts"]
    assert len(listed) == 5
    got = await client.ask(
        "prompts/get", name="debug_test", arguments={"command": "pytest -x tests"}
    )
    assert "pytest -x tests" in json.dumps(got["result"])
