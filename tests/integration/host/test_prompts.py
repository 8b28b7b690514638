"""Prompts as programs mark them: what is asked for and what is told."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host import prompt_scripts
from tests.integration.host.wire_client import open_wire, printed_environment
from tests.integration.programs import installed

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

PROMPT, START, END = (
    api_pb2.PromptMonitorMode.Value(name) for name in ("PROMPT", "COMMAND_START", "COMMAND_END")
)
SCRIPT_SECONDS = 30.0


async def prompt(wire: WireClient, session: str, prompt_id: str | None = None) -> Any:  # noqa: ANN401
    return await wire.ask(api_pb2.GetPromptRequest(session=session, unique_prompt_id=prompt_id))


async def prompt_ids(wire: WireClient, session: str, **limits: str) -> list[str]:
    response = await wire.ask(api_pb2.ListPromptsRequest(session=session, **limits))
    assert response.status == response.OK
    return list(response.unique_prompt_id)


async def subscribe(wire: WireClient, session: str, *modes: int, on: bool = True) -> str:
    request = api_pb2.NotificationRequest(
        session=session,
        subscribe=on,
        notification_type=api_pb2.NOTIFY_ON_PROMPT,
    )
    if modes:
        request.prompt_monitor_request.modes.extend(modes)  # type: ignore[arg-type]
    response = await wire.ask(request)
    return api_pb2.NotificationResponse.Status.Name(response.status)


async def told(wire: WireClient, session: str) -> list[str]:
    """Return what was told of a session's prompts, up to now."""
    await prompt(wire, session)  # what was told before its answer has come in
    return [
        str(one.WhichOneof("event"))
        for one in wire.seen("prompt_notification")
        if one.session == session
    ]


def cycle(command: str, output: str, status: int) -> bytes:
    marked = f"\x1b]133;A\x07$ \x1b]133;B\x07{command}\r\n\x1b]133;C\x07{output}"
    return f"{marked}\x1b]133;D;{status}\x07".encode()


def corners(span: Any) -> tuple[int, ...]:  # noqa: ANN401
    return span.start.x, span.start.y, span.end.x, span.end.y


@pytest.mark.answers("get_prompt_request", "PROMPT_UNAVAILABLE", "SESSION_NOT_FOUND", source="2.3")
@pytest.mark.answers("list_prompts_request", "OK", "SESSION_NOT_FOUND", source="2.3")
async def test_without_marks_there_is_no_prompt(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    response = await prompt(wire, session)
    assert response.status == response.PROMPT_UNAVAILABLE
    assert await prompt_ids(wire, session) == []
    response = await prompt(wire, "nowhere")
    assert response.status == response.SESSION_NOT_FOUND
    listed = await wire.ask(api_pb2.ListPromptsRequest(session="nowhere"))
    assert listed.status == listed.SESSION_NOT_FOUND


@pytest.mark.answers("get_prompt_request", "OK", source="2.3")
@pytest.mark.behaves("A", "B", "C", "D", source="7.1")
@pytest.mark.behaves("end of output", source="D")
@pytest.mark.behaves("CurrentDir", source="7.2")
async def test_a_prompt_is_described_in_each_of_its_states(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    await wire.feed(
        session, b"\x1b]1337;CurrentDir=/some/where\x07\x1b]133;A\x07$ \x1b]133;B\x07ls -"
    )
    editing = await prompt(wire, session)
    assert (editing.status, editing.prompt_state) == (editing.OK, editing.EDITING)
    assert (editing.command, editing.working_directory) == ("ls -", "/some/where")
    assert corners(editing.prompt_range) == (0, 0, 2, 0)
    assert corners(editing.command_range) == (2, 0, 6, 0)
    assert not editing.HasField("output_range")
    assert not editing.HasField("exit_status")
    await wire.feed(session, b"l\r\n\x1b]133;C\x07one\r\ntw")
    running = await prompt(wire, session)
    assert (running.prompt_state, running.command) == (running.RUNNING, "ls -l")
    assert corners(running.command_range) == (2, 0, 0, 1)
    assert corners(running.output_range) == (0, 1, 2, 2)
    await wire.feed(session, b"o\r\n\x1b]133;D;3\x07after")
    finished = await prompt(wire, session)
    assert (finished.prompt_state, finished.exit_status) == (finished.FINISHED, 3)
    assert corners(finished.output_range) == (0, 1, 0, 3)
    assert finished.unique_prompt_id == editing.unique_prompt_id
    last = await wire.ask(api_pb2.VariableRequest(session_id=session, get=["lastCommand"]))
    assert json.loads(last.values[0]) == "ls -l"


@pytest.mark.answers("list_prompts_request", "OK", source="2.3")
@pytest.mark.answers("get_prompt_request", "OK", "PROMPT_UNAVAILABLE", source="2.3")
async def test_prompts_are_listed_between_two_and_asked_for_by_their_ids(
    wire: WireClient,
) -> None:
    session = (await wire.open_window()).session_id
    for number in range(4):
        await wire.feed(session, cycle(f"run {number}", "", 0))
    ids = await prompt_ids(wire, session)
    assert len(ids) == 4
    second = await prompt(wire, session, ids[1])
    assert second.command == "run 1"
    unknown = await prompt(wire, session, "unknown")
    assert unknown.status == unknown.PROMPT_UNAVAILABLE
    assert await prompt_ids(wire, session, first_unique_id=ids[1]) == ids[1:]
    assert (
        await prompt_ids(wire, session, first_unique_id=ids[1], last_unique_id=ids[2]) == ids[1:3]
    )
    assert await prompt_ids(wire, session, first_unique_id="unknown") == []
    assert await prompt_ids(wire, session, last_unique_id="unknown") == ids


async def test_prompts_go_with_their_lines(wire: WireClient) -> None:
    opened = await wire.open_window(**{"Scrollback Lines": "5", "Rows": "4"})
    session = opened.session_id
    await wire.feed(session, cycle("first", "x\r\n" * 3, 0))
    await wire.feed(session, cycle("second", "x\r\n" * 7, 0))
    kept = await prompt_ids(wire, session)
    assert [(await prompt(wire, session, one)).command for one in kept] == ["second"]
    await wire.feed(session, cycle("clear", "\x1b[H\x1b[2J\x1b[3J", 0) + b"\x1b]133;A\x07")
    (left,) = await prompt_ids(wire, session)
    assert left not in kept


@pytest.mark.behaves("width", source="4")
async def test_prompts_follow_their_text_when_the_width_changes(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    await wire.feed(session, cycle("echo first", "y" * 100 + "\r\n", 0))
    await wire.feed(session, cycle("echo second", "out\r\n", 0))
    size = json.dumps({"width": 30, "height": 25})
    await wire.ask(
        api_pb2.SetPropertyRequest(session_id=session, name="grid_size", json_value=size)
    )
    found = await prompt(wire, session)
    row = found.prompt_range.start.y
    assert row == 5
    assert (await wire.text(session))[row] == "$ echo second"
    assert corners(found.command_range) == (2, 5, 0, 6)
    assert corners(found.output_range) == (0, 6, 0, 7)


@pytest.mark.behaves("k=", source="7.1")
@pytest.mark.notifies("NOTIFY_ON_PROMPT", source="3.7")
async def test_what_was_not_typed_is_listed_but_not_told(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    assert await subscribe(wire, session) == "OK"
    await wire.feed(session, b"\x1b]133;A\x07$ \x1b]133;B\x07a \\\r\n")
    await wire.feed(session, b"\x1b]133;A;k=s\x07> \x1b]133;B\x07b\r\n\x1b]133;C\x07")
    found = await prompt(wire, session)
    assert found.command == "a \\\nb"
    assert [corners(one) for one in found.excluded_subranges] == [(0, 1, 2, 1)]
    assert await told(wire, session) == ["prompt"]


@pytest.mark.notifies("NOTIFY_ON_PROMPT", source="3.7")
@pytest.mark.behaves("watching", source="D")
async def test_only_the_kinds_that_were_asked_for_are_told(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    assert await subscribe(wire, session, START) == "OK"
    await wire.feed(session, cycle("one", "", 0))
    assert await told(wire, session) == ["command_start"]
    assert await subscribe(wire, session, END) == "ALREADY_SUBSCRIBED"
    await wire.feed(session, cycle("two", "", 9))
    assert (await told(wire, session))[1:] == ["command_start", "command_end"]
    assert wire.seen("prompt_notification")[-1].command_end.status == 9
    assert await subscribe(wire, session, on=False) == "OK"
    await wire.feed(session, cycle("three", "", 0))
    assert len(await told(wire, session)) == 3
    assert await subscribe(wire, session, on=False) == "NOT_SUBSCRIBED"


@pytest.mark.notifies("NOTIFY_ON_PROMPT", source="3.7")
async def test_without_a_kind_prompts_are_told_of_all_sessions_each_once(
    host_home: Home, wire: WireClient
) -> None:
    async with open_wire(host_home) as other:
        assert await subscribe(wire, "all") == "OK"
        session = (await wire.open_window()).session_id
        assert await subscribe(wire, session, PROMPT, END) == "OK"
        await wire.feed(session, cycle("one", "", 0))
        assert await told(wire, session) == ["prompt", "command_end"]
        shown, _ = wire.seen("prompt_notification")
        assert shown.prompt.HasField("placeholder")
        assert shown.prompt.prompt.unique_prompt_id == shown.unique_prompt_id
        assert await subscribe(wire, "all", on=False) == "OK"
        await wire.feed(session, cycle("two", "", 0))
        assert len(await told(wire, session)) == 2
        assert await told(other, session) == []


@pytest.mark.behaves("abort", source="7.1")
@pytest.mark.behaves("abort", source="D")
async def test_a_command_that_was_given_up_is_not_told(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    await subscribe(wire, session, START, END)
    await wire.feed(session, b"\x1b]133;A\x07$ \x1b]133;B\x07half\r\n\x1b]133;D;130\x07")
    assert await told(wire, session) == []
    assert await prompt_ids(wire, session) == []


@pytest.mark.usefixtures("wire")  # it closes the windows that the script has opened
@pytest.mark.parametrize("script", [one.__name__ for one in prompt_scripts.SCRIPTS])
async def test_an_unmodified_script(host_home: Home, script: str) -> None:
    installed("bash")
    environ = await printed_environment(host_home)
    with anyio.fail_after(SCRIPT_SECONDS):
        done = await anyio.run_process(
            [sys.executable, prompt_scripts.__file__, script], env=environ, check=False
        )
    assert done.returncode == 0, done.stderr.decode()
