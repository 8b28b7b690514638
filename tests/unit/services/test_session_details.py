"""What is told of one session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.fake_processes import FakeProcesses

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.output import PromptState
from iterm_mcp.models.session_details import LastCommand
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.sessions.details import SessionDescriber, as_pid
from iterm_mcp.services.sessions.search import SessionSearch

if TYPE_CHECKING:
    from iterm_mcp.testing import FakeTerminal


@pytest.fixture
def describer(terminal: FakeTerminal) -> SessionDescriber:
    return SessionDescriber(
        terminal, SessionSearch(terminal), FakeProcesses(70, 71), cpu_seconds=0.25
    )


async def test_a_session_is_described_with_its_processes_and_last_command(
    describer: SessionDescriber, terminal: FakeTerminal
) -> None:
    opened = await terminal.open_session(Program(name="work", directory="/usr", tags=("ci",)))
    for name, value in {
        "effective_root_pid": 70, "pid": 1, "jobPid": 70, "tty": "/dev/ttys1",
        "creationTimeString": "today", "logFilename": "/tmp/x.cast",
    }.items():  # fmt: skip
        terminal.set_fact(opened.session_id, name, value)
    await terminal.send_text(opened.session_id, "false\r\r\r")

    found = await describer.describe("name:work")

    assert found.listed.info.session_id == opened.session_id
    assert found.listed.facts is not None
    assert found.listed.facts.tags == ("ci",)
    assert found.last_command == LastCommand("false", running=False, exit_code=1)
    assert found.prompt is PromptState.EDITING
    assert [one.pid for one in found.processes] == [70, 71]
    assert found.processes[0].cpu_percent == 25
    assert (found.tty, found.created, found.recording) == ("/dev/ttys1", "today", "/tmp/x.cast")
    assert not found.alternate_screen


async def test_a_command_that_runs_is_the_last_one(
    describer: SessionDescriber, terminal: FakeTerminal
) -> None:
    opened = await terminal.open_session(Program())
    await terminal.send_text(opened.session_id, "true\rblock\r")

    found = await describer.describe(opened.session_id)

    assert found.last_command == LastCommand("block", running=True)
    assert found.prompt is PromptState.RUNNING
    assert found.processes == ()
    assert found.recording is None


async def test_of_a_shell_that_marks_nothing_no_command_is_known(
    describer: SessionDescriber, terminal: FakeTerminal
) -> None:
    opened = await terminal.open_session(Program())
    assert (await describer.describe(opened.session_id)).last_command is None
    terminal.shell(opened.session_id).marks = False

    found = await describer.describe(opened.session_id)

    assert found.last_command is None
    assert found.prompt is None


async def test_a_command_between_marks_of_our_own_has_no_text(
    describer: SessionDescriber, terminal: FakeTerminal
) -> None:
    opened = await terminal.open_session(Program())
    await terminal.send_text(opened.session_id, "iterm-mcp:0123\r")

    found = await describer.describe(opened.session_id)

    assert found.last_command == LastCommand("", running=False, exit_code=127)


async def test_a_prompt_that_was_cleared_meanwhile_leaves_no_command(
    describer: SessionDescriber, terminal: FakeTerminal
) -> None:
    opened = await terminal.open_session(Program())
    gate = terminal.hold("list_prompts")
    found = []

    async def describe() -> None:
        found.append(await describer.describe(opened.session_id))

    async with anyio.create_task_group() as group:
        group.start_soon(describe)
        await gate.wait_arrived()
        terminal.shell(opened.session_id).marks = False
        gate.open()
    assert found[0].last_command is None


async def test_nobody_is_not_described(describer: SessionDescriber) -> None:
    with pytest.raises(NotFoundError):
        await describer.describe("00000000-0000-4000-8000-00000000FFFF")


@pytest.mark.parametrize(("value", "pid"), [(70, 70), (1, None), (0, None), ("70", None)])
def test_only_a_process_of_its_own_counts_as_one(value: object, pid: int | None) -> None:
    assert as_pid(value) == pid
