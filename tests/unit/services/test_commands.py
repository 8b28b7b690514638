"""Running commands: when they may be typed, when they have begun, and how they end."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import anyio
import pytest
from tests.unit.services.stage import ONE, Stage, prompt, span
from tests.waiting import eventually

from iterm_mcp.errors import (
    InvalidRequestError,
    NotFoundError,
    RefusedError,
    TerminalUnavailableError,
)
from iterm_mcp.models.commands import CommandState
from iterm_mcp.models.happenings import (
    CommandEnded,
    CommandStarted,
    PromptShown,
    ScreenChanged,
    SessionEnded,
    TerminalBack,
    TerminalLost,
)
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.output import PromptId, PromptState
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.commands import service as commands
from iterm_mcp.services.commands.endings import CommandEndings
from iterm_mcp.services.commands.ids import command_id
from iterm_mcp.services.commands.ready_shells import ReadyShells
from iterm_mcp.services.commands.service import CommandService
from iterm_mcp.services.sessions.writers import SessionWriters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.commands import CommandResult
    from iterm_mcp.models.output import Prompt
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.terminal.protocol import Terminal
    from iterm_mcp.testing import FakeClock, FakeTerminal

P = PromptId("prompt-aaaa1111")
NEXT = PromptId("prompt-bbbb2222")
EDITING, RUNNING, FINISHED = PromptState.EDITING, PromptState.RUNNING, PromptState.FINISHED
SECONDS = 5


class Finder:
    """Takes every name for an id."""

    async def find(self, session_id: str) -> SessionId:
        return SessionId(session_id)


def service_of(
    terminal: Terminal, clock: FakeClock, *, interrupt_seconds: float = 0.05
) -> CommandService:
    writers = SessionWriters()
    return CommandService(
        terminal,
        cast("SessionService", Finder()),
        writers,
        clock,
        shells=ReadyShells(terminal, settled_seconds=0.01),
        endings=CommandEndings(terminal, away_seconds=0.05),
        start_seconds=0.05,
        interrupt_seconds=interrupt_seconds,
    )


@pytest.fixture
def service(terminal: FakeTerminal, clock: FakeClock) -> CommandService:
    return service_of(terminal, clock)


@pytest.fixture
async def session(terminal: FakeTerminal) -> SessionId:
    return (await terminal.open_session(Program())).session_id


@asynccontextmanager
async def running(
    service: CommandService, session: str, command: str
) -> AsyncIterator[list[CommandResult]]:
    """Have a command run beside the block, which must let it end."""
    results: list[CommandResult] = []

    async def run() -> None:
        results.append(await service.run(session, command, timeout_seconds=SECONDS))

    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:
            group.start_soon(run)
            yield results


async def test_a_command_is_run_and_its_result_told(
    service: CommandService, session: SessionId
) -> None:
    result = await service.run(session, "echo one two", timeout_seconds=SECONDS)

    assert (result.state, result.exit_code) == (CommandState.FINISHED, 0)
    assert result.output is not None
    assert result.output.text == "one two"
    assert result.command == "echo one two"
    assert result.duration_seconds == 0


async def test_one_that_goes_on_is_left_running_and_found_again(
    service: CommandService, terminal: FakeTerminal, session: SessionId, clock: FakeClock
) -> None:
    started = await service.run(session, "block", timeout_seconds=0)
    standing = await service.status(started.command_id)
    terminal.shell(session).finish(3)
    later = service_of(terminal, clock)
    ended = await later.status(started.command_id, wait_seconds=SECONDS)

    assert (started.state, standing.state) == (CommandState.RUNNING, CommandState.RUNNING)
    assert standing.job == "block"
    assert (ended.state, ended.exit_code) == (CommandState.FINISHED, 3)
    assert ended.duration_seconds is None, "another daemon started it"


async def test_the_end_of_one_that_runs_is_waited_for(
    service: CommandService, terminal: FakeTerminal, session: SessionId
) -> None:
    started = await service.run(session, "block", timeout_seconds=0)

    async def finish() -> None:
        await eventually(terminal.watched)
        terminal.shell(session).finish(0)

    async with anyio.create_task_group() as group:
        group.start_soon(finish)
        ended = await service.status(started.command_id, wait_seconds=SECONDS)

    assert ended.state is CommandState.FINISHED


async def test_a_cancelled_call_leaves_the_command_the_lock_free_and_no_watch(
    service: CommandService, terminal: FakeTerminal, session: SessionId
) -> None:
    async with anyio.create_task_group() as group:

        async def run() -> None:
            await service.run(session, "block", timeout_seconds=SECONDS)

        group.start_soon(run)
        await eventually(lambda: terminal.shell(session).blocking)
        group.cancel_scope.cancel()

    assert terminal.shell(session).blocking
    assert not terminal.watched()
    ended = await service.interrupt(session)
    assert ended is not None
    assert (ended.state, ended.exit_code) == (CommandState.FINISHED, 130)


async def test_a_second_command_is_told_of_the_first(
    service: CommandService, session: SessionId
) -> None:
    first = await service.run(session, "block", timeout_seconds=0)

    with pytest.raises(RefusedError) as refused:
        await service.run(session, "echo no", timeout_seconds=0)

    assert refused.value.code == "shell_busy"
    assert first.command_id in str(refused.value)


async def test_a_draft_is_left_alone(
    service: CommandService, terminal: FakeTerminal, session: SessionId
) -> None:
    await terminal.send_text(session, "echo half")

    with pytest.raises(RefusedError) as refused:
        await service.run(session, "echo no", timeout_seconds=0)

    assert refused.value.code == "draft_at_prompt"
    assert terminal.typed(session) == "echo half"


async def test_an_exit_ends_the_session(service: CommandService, session: SessionId) -> None:
    result = await service.run(session, "exit", timeout_seconds=SECONDS)

    assert (result.state, result.output) == (CommandState.SESSION_ENDED, None)


@pytest.mark.parametrize(
    ("waiting", "pressed"),
    [
        (prompt(EDITING, "half a thought"), ["\x03"]),
        (prompt(EDITING, ""), []),
        (replace(prompt(EDITING, ""), typed=None), ["\x03"]),
    ],
    ids=["a draft", "an empty prompt", "a prompt that is still drawn"],
)
async def test_ctrl_c_is_pressed_where_nothing_runs_but_not_at_an_empty_prompt(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, waiting: Prompt, pressed: list[str]
) -> None:
    monkeypatch.setattr(commands, "DRAWING_SECONDS", 0.01)
    stage = staged("$ ")
    stage.prompts = [waiting]
    stage.on_type = lambda _text: stage.tell(PromptShown(NEXT))

    assert await service_of(stage.terminal, clock).interrupt(ONE) is None
    assert stage.typed == pressed


@pytest.mark.parametrize(
    "half",
    [prompt(FINISHED, status=0), replace(prompt(EDITING, ""), typed=None)],
    ids=["none yet", "half of it"],
)
async def test_the_prompt_that_a_shell_is_drawing_is_waited_for_before_it_is_interrupted(
    clock: FakeClock, half: Prompt
) -> None:
    stage = staged("$ ")
    stage.prompts = [half]
    service = service_of(stage.terminal, clock)
    stopped: list[object] = []

    async def interrupt() -> None:
        stopped.append(await service.interrupt(ONE))

    async with anyio.create_task_group() as group:
        group.start_soon(interrupt)
        await eventually(lambda: stage.watches.sessions() == [ONE])
        stage.tell(ScreenChanged())
        stage.prompts = [prompt(EDITING, "")]
        stage.tell(PromptShown(NEXT))

    assert stopped == [None]
    assert stage.typed == [], "it stands empty, and there was nothing to interrupt"


async def test_no_prompt_is_waited_for_once_the_session_has_ended(clock: FakeClock) -> None:
    stage = staged("$ ", command="half a thought")
    stage.on_type = lambda _text: stage.tell(SessionEnded())
    service = service_of(stage.terminal, clock, interrupt_seconds=10 * SECONDS)

    with anyio.fail_after(SECONDS):
        assert await service.interrupt(ONE) is None


async def test_an_unknown_command_is_not_found(service: CommandService, session: SessionId) -> None:
    for wanted in ("no.such", f"{session[-8:]}.other", "x"):
        with pytest.raises(NotFoundError):
            await service.status(wanted)


async def test_only_so_many_starts_are_remembered(
    service: CommandService, session: SessionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "KNOWN_STARTS", 1)
    first = await service.run(session, "true", timeout_seconds=SECONDS)
    await service.run(session, "true", timeout_seconds=SECONDS)

    assert (await service.status(first.command_id)).duration_seconds is None


# What a tiny shell cannot be brought to.


def staged(*texts: str, state: PromptState = EDITING, command: str = "") -> Stage:
    stage = Stage(*texts)
    stage.prompts = [prompt(state, command)]
    return stage


def has_run(stage: Stage, *, status: int | None = 0, command: str = "make") -> None:
    """Let the command of the first prompt have run."""
    state = RUNNING if status is None else FINISHED
    stage.prompts[0] = prompt(state, command, output=span(1, 0, 2, 0), status=status)


async def run(stage: Stage, clock: FakeClock, command: str = "make") -> CommandResult:
    with anyio.fail_after(SECONDS):
        return await service_of(stage.terminal, clock).run(ONE, command, timeout_seconds=1)


async def test_what_a_shell_does_not_start_is_taken_back(clock: FakeClock) -> None:
    stage = staged("$ ")
    stage.on_type = lambda text: stage.tell(PromptShown(P) if text == "\x03" else ScreenChanged())

    with pytest.raises(InvalidRequestError) as refused:
        await run(stage, clock)

    assert refused.value.code == "command_incomplete"
    assert stage.typed == ["make\r", "\x03"]


@pytest.mark.parametrize("prompts", [[], [prompt(EDITING, "")]])
async def test_it_is_taken_back_where_no_mark_tells_too(
    clock: FakeClock, prompts: list[object]
) -> None:
    stage = staged("$ ")

    def typed(text: str) -> None:
        if text == "\x03":
            stage.prompts[:] = prompts  # type: ignore[assignment]
            stage.tell(ScreenChanged())

    stage.on_type = typed

    with pytest.raises(InvalidRequestError):
        await run(stage, clock)


async def test_a_session_that_ends_before_the_start_has_ended(clock: FakeClock) -> None:
    stage = staged("$ ")
    stage.on_type = lambda _text: stage.tell(SessionEnded())

    assert (await run(stage, clock)).state is CommandState.SESSION_ENDED


async def test_a_start_that_was_missed_is_looked_for(clock: FakeClock) -> None:
    stage = staged("$ make", "one", "$ ")

    def typed(_text: str) -> None:
        stage.tell(TerminalBack())
        has_run(stage)

    stage.on_type = typed

    result = await run(stage, clock)

    assert (result.state, result.exit_code) == (CommandState.FINISHED, 0)


async def test_a_terminal_that_is_back_without_a_start_has_none_to_tell(clock: FakeClock) -> None:
    stage = staged("$ ")
    stage.on_type = lambda _text: stage.tell(TerminalBack())

    with pytest.raises(InvalidRequestError):
        await run(stage, clock)


async def test_a_shell_that_has_not_even_read_the_command_is_given_time(clock: FakeClock) -> None:
    stage = staged("$ make", "one", "$ ")
    stage.unread = [5, 5]
    looked: list[int] = []

    def typed(_text: str) -> None:
        stage.on_look = looks

    def looks() -> None:
        looked.append(len(stage.unread))
        if not stage.unread:
            has_run(stage)
            stage.tell(CommandStarted(P, "make"), CommandEnded(P, 0))

    stage.on_type = typed

    assert (await run(stage, clock)).state is CommandState.FINISHED
    assert looked == [1, 0]


async def test_another_commands_start_is_not_its_own(clock: FakeClock) -> None:
    stage = staged("$ make", "one", "$ ")

    def typed(_text: str) -> None:
        stage.tell(CommandStarted(NEXT, "other"), CommandStarted(P, "make"))
        has_run(stage)
        stage.tell(CommandEnded(NEXT, 9), CommandEnded(P, 4))

    stage.on_type = typed

    assert (await run(stage, clock)).state is CommandState.FINISHED


@pytest.mark.parametrize(
    ("status", "state"), [(0, CommandState.FINISHED), (None, CommandState.UNKNOWN)]
)
async def test_a_prompt_without_the_mark_of_an_end_is_an_end(
    clock: FakeClock, status: int | None, state: CommandState
) -> None:
    stage = staged("$ make", "one", "$ ")

    def typed(_text: str) -> None:
        has_run(stage, status=status)
        stage.tell(CommandStarted(P, "make"), PromptShown(P), PromptShown(NEXT))

    stage.on_type = typed

    assert (await run(stage, clock)).state is state


async def test_an_end_while_the_terminal_was_away_is_seen_when_it_is_back(
    clock: FakeClock,
) -> None:
    stage = staged("$ make", "one", "$ ")

    def typed(_text: str) -> None:
        has_run(stage)
        stage.tell(CommandStarted(P, "make"), TerminalLost(), TerminalBack())

    stage.on_type = typed

    assert (await run(stage, clock)).exit_code == 0


async def test_one_that_still_runs_when_the_terminal_is_back_is_waited_for(
    clock: FakeClock,
) -> None:
    stage = staged("$ make", "one", "$ ")

    def typed(_text: str) -> None:
        has_run(stage, status=None)
        stage.tell(CommandStarted(P, "make"), TerminalLost(), TerminalBack(), CommandEnded(P, 6))

    stage.on_type = typed

    assert (await run(stage, clock)).exit_code == 6


async def test_a_terminal_that_stays_away_is_an_error_that_says_so(clock: FakeClock) -> None:
    stage = staged("$ ")
    stage.on_type = lambda _text: stage.tell(CommandStarted(P, "make"), TerminalLost())

    with pytest.raises(TerminalUnavailableError, match="while the command ran"):
        await run(stage, clock)


async def test_a_session_that_is_gone_when_its_output_is_read_has_ended(
    service: CommandService, terminal: FakeTerminal, session: SessionId
) -> None:
    async with running(service, session, "block") as results:
        await eventually(lambda: terminal.shell(session).blocking)
        terminal.fail_next("read_prompt", NotFoundError("session", session))
        terminal.shell(session).finish(7)

    assert (results[0].state, results[0].exit_code) == (CommandState.SESSION_ENDED, 7)


# Between marks of our own.


def unmarked() -> Stage:
    stage = Stage("$ ")

    def typed(text: str) -> None:
        name = text[text.find("iterm-mcp:") :].split("\\", 1)[0]
        stage.rows = Stage("", "one", "$ ").rows
        stage.cursor = (2, 2)
        stage.prompts = [prompt(FINISHED, name, output=span(1, 0, 2, 0), status=5)]
        stage.tell(CommandStarted(NEXT, "other"), CommandStarted(P, name), CommandEnded(P, 5))

    stage.on_type = typed
    return stage


async def test_without_marks_the_command_is_known_by_its_name(clock: FakeClock) -> None:
    result = await run(unmarked(), clock, "make all")

    assert (result.exit_code, result.command) == (5, "make all")
    assert result.output is not None
    assert result.output.text == "one"


@pytest.mark.parametrize("job", ["bash", "fish"])
async def test_the_end_of_a_broken_off_command_is_asked_for(clock: FakeClock, job: str) -> None:
    stage = Stage("", "one", "^C", "$ ")
    stage.variables["jobName"] = job
    stage.prompts = [prompt(RUNNING, "iterm-mcp:0123", output=span(1, 0, 3, 0))]

    def typed(text: str) -> None:
        if "iterm-mcp=end" in text:
            stage.prompts = [
                prompt(FINISHED, "iterm-mcp:0123", output=span(1, 0, 3, 0), status=130)
            ]
            stage.tell(CommandEnded(P, 130))

    stage.on_type = typed
    ended = await service_of(stage.terminal, clock).interrupt(ONE)

    assert ended is not None
    assert (ended.state, ended.exit_code) == (CommandState.FINISHED, 130)
    assert len(stage.typed) == 2


async def test_one_that_marks_its_end_itself_is_not_asked_for_it(clock: FakeClock) -> None:
    stage = Stage("", "one", "$ ")
    stage.prompts = [prompt(RUNNING, "iterm-mcp:0123", output=span(1, 0, 2, 0))]
    stage.on_type = lambda _text: stage.tell(CommandEnded(P, 1))

    ended = await service_of(stage.terminal, clock).interrupt(ONE)

    assert ended is not None
    assert ended.exit_code == 1
    assert stage.typed == ["\x03"]


async def test_one_that_obeys_nothing_is_told_as_running(clock: FakeClock) -> None:
    stage = Stage("", "one")
    stage.variables["jobName"] = "stubborn"
    stage.prompts = [prompt(RUNNING, "iterm-mcp:0123", output=span(1, 0, 2, 0))]

    ended = await service_of(stage.terminal, clock).interrupt(ONE)

    assert ended is not None
    assert (ended.state, ended.job) == (CommandState.RUNNING, "stubborn")
    assert stage.typed == ["\x03", "\x03", "\x1c"]


def test_an_id_is_made_of_the_ends_of_two() -> None:
    assert command_id(ONE, P) == "deadbeef.aaaa1111"
