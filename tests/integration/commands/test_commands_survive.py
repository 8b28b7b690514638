"""Commands outlive the calls, the clients and the daemon that started them."""

from __future__ import annotations

import json
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
from tests.integration.line_client import open_client
from tests.integration.tool_client import ToolClient, open_tools

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.homes import Home
    from tests.integration.line_client import LineClient

SECONDS = 20


@dataclass
class Caller:
    """A client behind a relay of its own, of which a test sees each line, and its session."""

    line: LineClient
    tools: ToolClient
    session: str

    async def start(self, command: str, *, timeout_seconds: int = 600, **params: Any) -> int:  # noqa: ANN401
        """Ask for a command to be run, and return the request's number without the answer."""
        arguments = {
            "session_id": self.session, "command": command, "timeout_seconds": timeout_seconds
        }  # fmt: skip
        return await self.line.request(
            "tools/call", name="run_command", arguments=arguments, **params
        )


@asynccontextmanager
async def open_caller(home: Home) -> AsyncIterator[Caller]:
    """Open a session through a client of its own; it closes nothing."""
    async with open_client(home.environ) as line:
        await line.greet()
        tools = ToolClient(line.call)
        yield Caller(line, tools, await tools.open())


def blocked_by(gate: Path) -> str:
    return f"echo begun; sh -c 'while [ ! -e {gate} ]; do sleep 0.02; done'; echo ended"


async def test_after_the_daemon_was_killed_the_command_is_found_again(
    live_home: Home, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with open_caller(live_home) as caller:
        session = caller.session
        started = await caller.tools.data(
            "run_command", session_id=session, command=blocked_by(gate), timeout_seconds=0
        )
        read = await caller.tools.result("read_output", session_id=session)
        cursor = read["content"][0]["text"].rpartition("cursor: ")[2]

        await live_home.kill_daemon()
    async with open_tools(live_home) as tools:
        running = await tools.data("command_status", command_id=started["command_id"])
        gate.touch()
        ended = await tools.data(
            "command_status", command_id=started["command_id"], wait_seconds=SECONDS
        )
        new = await tools.result("read_output", session_id=session, since=cursor)
        await tools.data("close_session", session_id=session)

    assert running["state"] == "running"
    assert (ended["state"], ended["exit_code"], ended["output"]) == ("finished", 0, "begun\nended")
    assert "ended" in new["content"][0]["text"].split("\n")


async def test_when_the_host_is_killed_the_call_ends_and_says_what_happened(
    live_home: Home,
) -> None:
    async with open_caller(live_home) as caller:
        await caller.tools.data("run_command", session_id=caller.session, command="true")
        await caller.start("sleep 600")
        pid = lock_holder(live_home.paths.host_lock)
        assert pid
        os.kill(pid, signal.SIGKILL)

        with anyio.fail_after(60):
            result = (await caller.line.read())["result"]

    told = result["structuredContent"]
    assert told.get("state") == "session_ended" or told["code"] in {
        "terminal_unavailable",
        "session_not_found",
    }


async def test_a_call_that_is_cancelled_leaves_its_command_and_the_session_usable(
    shared_home: Home, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with open_caller(shared_home) as caller:
        session = caller.session
        number = await caller.start(blocked_by(gate))
        async with open_tools(shared_home) as other:
            await other.shows(session, "begun")
            await caller.line.write(
                json.dumps({
                    "jsonrpc": "2.0",
                    "method": "notifications/cancelled",
                    "params": {"requestId": number},
                })
            )  # fmt: skip
            refused = await other.refusal("run_command", session_id=session, command="echo no")
            command = refused["error"].partition("as command ")[2].split()[0]
            gate.touch()
            ended = await other.data("command_status", command_id=command, wait_seconds=SECONDS)
            after = await other.data("run_command", session_id=session, command="echo after")
            await other.data("close_session", session_id=session)

    assert ended["output"] == "begun\nended"
    assert after["output"] == "after"


async def test_while_a_command_runs_progress_is_told_to_who_asked(
    shared_home: Home, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with open_caller(shared_home) as caller:
        number = await caller.start(blocked_by(gate), _meta={"progressToken": "token-1"})

        told = await caller.line.read()
        gate.touch()
        answer = told
        while answer.get("id") != number:
            answer = await caller.line.read()
        await caller.tools.result("close_session", session_id=caller.session)

    assert told["method"] == "notifications/progress"
    assert told["params"]["progressToken"] == "token-1"
    assert told["params"]["progress"] > 0
    assert "running" in told["params"]["message"]
    assert answer["result"]["structuredContent"]["output"] == "begun\nended"


async def test_a_wait_and_several_readings_come_from_cursors_of_their_own(
    shared_home: Home,
) -> None:
    async with open_tools(shared_home) as tools:
        sessions = [await tools.open() for _ in range(2)]
        cursors = []
        for one in sessions:
            await tools.data("run_command", session_id=one, command="echo before")
            waited = await tools.data("wait_for", session_id=one, condition="prompt")
            cursors.append(waited["cursor"])
            await tools.data("run_command", session_id=one, command=f"echo new {one}")

        read = await tools.result(
            "read_output", session_ids=sessions, since=" ".join(cursors), pattern="^new"
        )
        found = await tools.data(
            "wait_for", session_id=sessions[0], patterns=["nothing", r"^new (\S+)"],
            since=cursors[0],
        )  # fmt: skip
        searched = await tools.result("search_output", pattern=f"^new {sessions[1]}")
        missed = await tools.data(
            "wait_for", session_id=sessions[0], patterns=["never"], timeout_seconds=0.05
        )
        refused = await tools.refusal("read_output", session_id=sessions[0], session_ids=sessions)

    text = read["content"][0]["text"]
    assert all(f"new {one}" in text for one in sessions)
    assert "before" not in text
    assert (found["pattern"], found["groups"]) == (1, [sessions[0]])
    assert found["untrusted"] == ["text", "groups"]
    assert sessions[1] in searched["content"][0]["text"]
    assert sessions[0] not in searched["content"][0]["text"]
    assert (missed["matched"], missed["reason"]) == (False, "the time was up")
    assert f"new {sessions[0]}" in missed["tail"]
    assert refused["code"] == "invalid_request"
