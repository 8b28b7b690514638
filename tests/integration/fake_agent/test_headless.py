"""The headless protocols, as the personas speak them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
from tests.integration.fake_agent.agents import MODULE
from tests.integration.fake_agent.line_program import open_line_program

if TYPE_CHECKING:
    from tests.integration.fake_agent.agents import Folder, Line
    from tests.integration.fake_agent.line_program import LineProgram

STREAM = (
    "claude", "-p", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json",
    "--replay-user-messages", "--permission-prompts", "host",
)  # fmt: skip
ONE = "00000000-0000-4000-8000-000000000001"
TWO = "00000000-0000-4000-8000-000000000002"


async def tell(program: LineProgram, uuid: str, text: str) -> None:
    await program.write(type="user", uuid=uuid, message={"role": "user", "content": text})


def shape(messages: list[Line]) -> list[str]:
    """Return the messages' kinds, as ``command_lifecycle queued``."""
    return [
        " ".join([one["type"], *[one[key] for key in ("subtype", "state") if key in one]])
        for one in messages
    ]


async def test_a_message_goes_through_its_lifecycle_in_order(folder: Folder) -> None:
    async with open_line_program(folder, *STREAM) as program:
        await tell(program, ONE, "hello")
        await program.until(lambda one: one.get("state") == "completed")
        code = await program.end()

    assert shape(program.heard) == [
        "command_lifecycle queued",
        "command_lifecycle started",
        "system init",
        "user",
        "assistant",
        "result success",
        "command_lifecycle completed",
    ]
    replayed = program.heard[3]
    assert (replayed["isReplay"], replayed["uuid"]) == (True, ONE)
    assert program.heard[5]["result"] == "ok"
    assert (code, folder.truth("received")[0]["client_id"]) == (0, ONE)


async def test_a_second_message_waits_and_an_interrupt_cancels_the_first(folder: Folder) -> None:
    async with open_line_program(folder, *STREAM) as program:
        await tell(program, ONE, "[[work 60]]")
        await program.until(lambda one: one.get("isReplay"))
        await tell(program, TWO, "next")
        await program.until(lambda one: one.get("command_uuid") == TWO)
        await program.write(
            type="control_request", request_id="r1", request={"subtype": "interrupt"}
        )
        answer = await program.until(lambda one: one["type"] == "control_response")
        result = await program.until(lambda one: one["type"] == "result")
        ended = await program.until(lambda one: one["type"] == "command_lifecycle")
        await program.until(
            lambda one: one.get("command_uuid") == TWO and one["state"] == "completed"
        )

    assert answer["response"]["response"] == {"still_queued": [TWO]}
    assert (result["subtype"], result["is_error"]) == ("error_during_execution", True)
    assert (ended["command_uuid"], ended["state"]) == (ONE, "cancelled")


async def test_the_caller_is_asked_for_permission_and_for_answers(folder: Folder) -> None:
    async with open_line_program(folder, *STREAM) as program:
        await tell(program, ONE, "[[tool Bash touch x]] [[ask Which? | A | B]]")
        for response in (
            {"behavior": "deny", "message": "not here"},
            {"behavior": "allow", "updatedInput": {"answers": {"Which?": "B"}}},
        ):
            asked = await program.until(lambda one: one["type"] == "control_request")
            assert asked["request"]["subtype"] == "can_use_tool"
            answer = {"subtype": "success", "request_id": asked["request_id"], "response": response}
            await program.write(type="control_response", response=answer)
        result = await program.until(lambda one: one["type"] == "result")

    assert result["result"] == "You chose B"
    assert folder.truth("denied")[0]["reason"] == "not here"
    assert not folder.truth("tool_used")


async def test_an_api_error_is_a_successful_result_that_is_an_error(folder: Folder) -> None:
    async with open_line_program(folder, *STREAM) as program:
        await tell(program, ONE, "[[fail rate_limit]]")
        result = await program.until(lambda one: one["type"] == "result")

    assert (result["subtype"], result["is_error"]) == ("success", True)


async def test_one_prompt_is_answered_as_text(folder: Folder) -> None:
    with anyio.fail_after(20):
        done = await anyio.run_process(
            [sys.executable, *MODULE, "claude", "-p", "hello [[say you too]]"],
            env={**os.environ, **folder.environ()}, cwd=folder.project,
        )  # fmt: skip

    assert done.stdout == b"you too\n"


async def test_what_cannot_start_says_so_as_the_real_one_does(folder: Folder) -> None:
    for arguments, words in (
        (("claude", "--resume", ONE), f"No conversation found with session ID: {ONE}"),
        (("claude", "--continue"), "No conversation found to continue"),
        (("codex", "resume", ONE), f"No saved session found with ID {ONE}"),
        (("--scenario", "/no/such/file", "plain"), "No such file"),
    ):
        done = await anyio.run_process(
            [sys.executable, *MODULE, *arguments],
            env={**os.environ, **folder.environ()}, cwd=folder.project,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

        assert done.returncode in {1, 2}
        assert words in done.stderr.decode()


async def greeted(program: LineProgram) -> str:
    """Greet the app-server; return the id of a new thread."""
    await program.ask("initialize", clientInfo={"name": "test", "version": "1"})
    await program.write(method="initialized")
    started = await program.ask("thread/start")
    return str(started["result"]["thread"]["id"])


def text(words: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": words}]


async def test_a_turn_of_the_app_server_is_told_from_start_to_end(folder: Folder) -> None:
    async with open_line_program(folder, "codex", "app-server") as program:
        refused = await program.ask("thread/start")
        thread = await greeted(program)
        turn = await program.ask(
            "turn/start", threadId=thread, input=text("hello"), clientUserMessageId="m1"
        )
        done = await program.notified("turn/completed")

    methods = [one["method"] for one in program.heard if "method" in one]
    assert refused["error"]["message"] == "Not initialized"
    assert done["turn"]["id"] == turn["result"]["turn"]["id"]
    assert done["turn"]["status"] == "completed"
    assert methods == [
        "thread/started",
        "thread/status/changed",
        "turn/started",
        "item/started",
        "item/completed",
        "item/started",
        "item/agentMessage/delta",
        "item/completed",
        "thread/tokenUsage/updated",
        "thread/status/changed",
        "turn/completed",
    ]
    items = [one["params"]["item"] for one in program.heard if one.get("method") == "item/started"]
    assert items[0]["clientId"] == "m1"
    assert program.heard[-2]["params"]["status"] == {"type": "idle"}


async def test_a_turn_is_steered_only_by_its_right_name_and_interrupted(folder: Folder) -> None:
    async with open_line_program(folder, "codex", "app-server") as program:
        thread = await greeted(program)
        turn = await program.ask("turn/start", threadId=thread, input=text("[[work 60]]"))
        turn_id = turn["result"]["turn"]["id"]
        await program.notified("turn/started")
        wrong = await program.ask(
            "turn/steer", threadId=thread, expectedTurnId="x", input=text("more")
        )
        right = await program.ask(
            "turn/steer", threadId=thread, expectedTurnId=turn_id, input=text("more")
        )
        another = await program.ask("turn/start", threadId=thread, input=text("and this"))
        await program.ask("turn/interrupt", threadId=thread, turnId=turn_id)
        done = await program.notified("turn/completed")

    assert "expected active turn id" in wrong["error"]["message"]
    assert right["result"] == {"turnId": turn_id}
    assert done["turn"]["status"] == "interrupted"
    assert another["result"]["turn"]["id"] == turn_id  # a turn that runs takes it
    assert [one["stage"] for one in folder.truth("received")] == ["submitted", *["steered"] * 2]


async def test_the_app_server_asks_its_client_and_says_when_it_waits(folder: Folder) -> None:
    async with open_line_program(folder, "codex", "app-server") as program:
        thread = await greeted(program)
        await program.ask("turn/start", threadId=thread, input=text("[[tool Bash make]]"))
        asked = await program.until(
            lambda one: one.get("method") == "item/commandExecution/requestApproval"
        )
        waiting = [one for one in program.heard if one.get("method") == "thread/status/changed"]
        await program.write(id=asked["id"], result={"decision": "accept"})
        await program.notified("serverRequest/resolved")
        await program.notified("turn/completed")

    assert waiting[-1]["params"]["status"]["activeFlags"] == ["waitingOnApproval"]
    assert asked["params"]["command"] == "make"
    assert folder.truth("tool_used")


async def test_an_overloaded_app_server_refuses_and_takes_it_later(folder: Folder) -> None:
    options = ("--overloads", "1")
    async with open_line_program(folder, "codex", "app-server", options=options) as program:
        thread = await greeted(program)
        first = await program.ask("turn/start", threadId=thread, input=text("hello"))
        assert first["error"]["code"] == -32001
        await program.ask("turn/start", threadId=thread, input=text("hello"))
        await program.notified("turn/completed")
        unknown = await program.ask("no/such/method")

    assert "unknown variant `no/such/method`" in unknown["error"]["message"]
    assert len(folder.truth("received")) == 1


async def test_a_thread_goes_on_in_another_app_server(folder: Folder) -> None:
    async with open_line_program(folder, "codex", "app-server") as program:
        thread = await greeted(program)
        await program.end()
    async with open_line_program(folder, "codex", "app-server") as program:
        await program.ask("initialize", clientInfo={"name": "test", "version": "1"})
        resumed = await program.ask("thread/resume", threadId=thread)
        missing = await program.ask("thread/resume", threadId=ONE)

    assert resumed["result"]["thread"]["id"] == thread
    assert "no rollout found" in missing["error"]["message"]
