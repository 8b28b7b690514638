"""Which shells wait for a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.unit.services.stage import ONE, Stage, prompt

from iterm_mcp.errors import NotFoundError, RefusedError
from iterm_mcp.models.happenings import (
    CommandEnded,
    PromptShown,
    ScreenChanged,
    SessionEnded,
    TerminalBack,
)
from iterm_mcp.models.output import Prompt, PromptId, PromptState
from iterm_mcp.services.commands import ready_shells
from iterm_mcp.services.commands.ready_shells import ReadyShell, ReadyShells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.services.commands.typed_commands import Dialect

EDITING, RUNNING, FINISHED = PromptState.EDITING, PromptState.RUNNING, PromptState.FINISHED
P = PromptId("prompt-aaaa1111")
SECONDS = 5


def shells(stage: Stage) -> ReadyShells:
    return ReadyShells(stage.terminal, settled_seconds=0.01)


async def ready(stage: Stage, dialect: Dialect | None = None) -> ReadyShell:
    with anyio.fail_after(SECONDS):
        async with stage.watch(ONE) as watch:
            return await shells(stage).wait(ONE, watch, dialect)


def stage_of(*texts: str, job: str = "bash", prompts: list[Prompt] | None = None) -> Stage:
    stage = Stage(*texts)
    stage.variables |= {"jobName": job, "jobPid": 7, "pid": 7}
    stage.prompts = prompts or []
    return stage


async def test_a_prompt_that_is_marked_and_empty_is_ready() -> None:
    found = await ready(stage_of("$ ", job="-zsh", prompts=[prompt(EDITING, "")]))

    assert found == ReadyShell("posix", "zsh", marked=True, prompt_id=P, line=0)


async def test_a_marked_prompt_of_an_unknown_program_is_taken_for_a_posix_shell() -> None:
    stage = stage_of("$ ", job="nu", prompts=[prompt(EDITING, "")])

    assert (await ready(stage)).dialect == "posix"
    assert (await ready(stage, "fish")).dialect == "fish"


async def test_a_shell_that_marks_nothing_is_ready_when_it_reads_the_keys() -> None:
    assert await ready(stage_of("$ ", job="fish")) == ReadyShell(
        "fish", "fish", marked=False, prompt_id=PromptId("")
    )


async def test_one_that_has_run_between_marks_of_our_own_is_ready() -> None:
    over = prompt(FINISHED, "iterm-mcp:0123", status=0)

    assert not (await ready(stage_of("$ ", prompts=[over]))).marked


@pytest.mark.parametrize("command", ["exec zsh", "iterm-mcp:exec:0123"])
async def test_a_shell_that_has_replaced_the_shell_is_ready(command: str) -> None:
    stage = stage_of("$ ", job="zsh", prompts=[prompt(RUNNING, command)])
    assert not (await ready(stage)).marked

    stage.variables["jobPid"] = 8
    with pytest.raises(RefusedError):
        await ready(stage)


async def test_a_shell_that_is_named_is_ready_whatever_runs() -> None:
    stage = stage_of("$ ", job="ssh", prompts=[prompt(RUNNING, "ssh there")])

    assert (await ready(stage, "posix")).name == "ssh"


@pytest.mark.parametrize(
    ("running", "says"),
    [
        (prompt(RUNNING, "python3"), "as command deadbeef.aaaa1111 ('python3')"),
        (prompt(RUNNING, "iterm-mcp:0123"), "as command deadbeef.aaaa1111"),
        (None, "vim runs there"),
    ],
)
async def test_a_program_is_named_with_its_command(running: Prompt | None, says: str) -> None:
    with pytest.raises(RefusedError, match="vim") as refused:
        await ready(stage_of("~", job="vim", prompts=[running] if running else []))

    assert says in str(refused.value)
    assert "iterm-mcp:" not in str(refused.value)


async def test_a_program_without_a_name_is_one_too() -> None:
    with pytest.raises(RefusedError, match="a program runs"):
        await ready(stage_of("~", job=""))


async def test_a_draft_is_refused() -> None:
    with pytest.raises(RefusedError, match="half"):
        await ready(stage_of("$ half", prompts=[prompt(EDITING, "half")]))


async def after(stage: Stage, act: object) -> ReadyShell:
    """Return what is ready after something has happened meanwhile."""
    assert callable(act)
    results: list[ReadyShell] = []

    async def wait() -> None:
        results.append(await ready(stage))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        while not stage.watches.sessions():
            await anyio.lowlevel.checkpoint()
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        act()
    return results[0]


async def test_a_shell_that_starts_is_waited_for() -> None:
    stage = stage_of("")

    def act() -> None:
        stage.prompts = [prompt(EDITING, "")]
        stage.tell(ScreenChanged(), PromptShown(P))

    assert (await after(stage, act)).marked


async def test_one_that_starts_and_marks_nothing_is_ready_once_it_is_silent() -> None:
    stage = stage_of("")

    def act() -> None:
        stage.rows, stage.cursor = Stage("$ ").rows, (0, 2)
        stage.rows = Stage("$").rows
        stage.tell(ScreenChanged())

    assert not (await after(stage, act)).marked


async def test_the_prompt_after_a_commands_end_is_waited_for() -> None:
    stage = stage_of("$ make", "$ ", prompts=[prompt(FINISHED, status=0)])

    def act() -> None:
        stage.prompts.append(prompt(EDITING, "", name="next", line=1))
        stage.tell(CommandEnded(P, 0), TerminalBack())

    assert (await after(stage, act)).prompt_id == "next"


async def test_a_session_that_ends_meanwhile_is_not_found() -> None:
    stage = stage_of("$ make", prompts=[prompt(FINISHED, status=0)])

    with pytest.raises(BaseExceptionGroup) as failed:
        await after(stage, lambda: stage.tell(SessionEnded()))

    assert failed.group_contains(NotFoundError)


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready_shells, "PROMPT_SECONDS", 0.02)

    with pytest.raises(RefusedError):
        await ready(stage_of("$ make", prompts=[prompt(FINISHED, status=0)]))


async def test_whether_one_waits_now_is_told_without_waiting() -> None:
    marked = stage_of("$ ", prompts=[prompt(EDITING, "")])
    silent = stage_of("$ ")
    running = stage_of("$ ", prompts=[prompt(RUNNING)])
    starting = stage_of("")

    told = [await shells(one).is_waiting(ONE) for one in (marked, silent, running, starting)]

    assert told == [True, True, False, False]


async def test_nothing_is_typed_into_a_shell_whose_start_up_files_take_long() -> None:
    stage = stage_of("")
    slow = ReadyShells(stage.terminal, settled_seconds=0.01, first_prompt_seconds=0.05)

    async with stage.watch(ONE) as watch:
        with pytest.raises(RefusedError) as refused:
            await slow.wait(ONE, watch, None)
        told = await slow.wait(ONE, watch, "posix")  # its prompt is empty on purpose

    assert refused.value.code == "shell_starting"
    assert (told.dialect, told.marked) == ("posix", False)


async def test_the_shell_that_a_launcher_becomes_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ready_shells, "JOB_SECONDS", 0.1)
    stage = stage_of("$ ", job="env")
    looked = 0
    read = stage.read_variables

    async def read_variables(session_id: SessionId, names: Sequence[str]) -> dict[str, Any]:
        nonlocal looked
        looked += 1
        if looked == 3:
            stage.variables["jobName"] = "dash"
        return await read(session_id, names)

    monkeypatch.setattr(stage, "read_variables", read_variables)

    assert (await ready(stage)).name == "dash"


async def test_a_launcher_that_stays_is_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready_shells, "JOB_SECONDS", 0.02)

    with pytest.raises(RefusedError):
        await ready(stage_of("$ ", job="sudo"))
