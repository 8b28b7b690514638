"""What a command has printed, and how it stands."""

from __future__ import annotations

import pytest
from tests.unit.services.stage import ONE, Stage, prompt, span

from iterm_mcp.models.commands import CommandResult, CommandState, Excerpt
from iterm_mcp.models.output import OutputLine, PromptId, PromptState
from iterm_mcp.services.commands.output import asks_something, read_result, without_end_sign
from iterm_mcp.services.commands.typed_commands import CLOSING

FINISHED, RUNNING = PromptState.FINISHED, PromptState.RUNNING


async def result(
    stage: Stage, ended: CommandState | None = None, lines: int = 100
) -> CommandResult:
    """Return how the command stands: the same, whether it is known where it was typed or not."""
    name = PromptId("prompt-aaaa1111")
    found = await read_result(stage.terminal, ONE, name, ended, max_lines=lines)
    for line in (0, 1):
        known = await read_result(stage.terminal, ONE, name, ended, max_lines=lines, line=line)
        assert known == found
    return found


def text(found: CommandResult) -> str | None:
    return found.output.text if found.output is not None else None


async def test_a_finished_command_has_its_output_and_where_it_left_the_shell() -> None:
    stage = Stage("$ make", "one", "two", "$ ")
    stage.prompts = [prompt(FINISHED, output=span(1, 0, 3, 0), status=2)]

    found = await result(stage)

    assert (found.state, found.exit_code, found.directory) == (CommandState.FINISHED, 2, "/here")
    assert (text(found), found.cleared, found.job) == ("one\ntwo", False, None)


async def test_one_that_runs_has_its_job_and_whether_it_asks() -> None:
    stage = Stage("$ make", "Password: ")
    stage.variables["jobName"] = "sudo"
    stage.prompts = [prompt(RUNNING, output=span(1, 0, 1, 10))]

    found = await result(stage)

    assert (found.state, found.job, found.waiting_for_input) == (CommandState.RUNNING, "sudo", True)


async def test_a_question_with_a_newline_behind_it_is_none() -> None:
    stage = Stage("$ make", "Password: ", "")
    stage.prompts = [prompt(RUNNING, output=span(1, 0, 2, 0))]

    assert not (await result(stage)).waiting_for_input


async def test_a_full_screen_program_has_no_output() -> None:
    stage = Stage("$ vi", "~", "~")
    stage.variables["showingAlternateScreen"] = True
    stage.prompts = [prompt(RUNNING, "vi", output=span(1, 0, 2, 0))]

    found = await result(stage)

    assert (found.full_screen, found.output) == (True, None)


async def test_a_prompt_that_ran_nothing_has_no_output() -> None:
    stage = Stage("$ make")
    stage.prompts = [prompt(PromptState.EDITING)]

    found = await result(stage)

    assert (found.state, found.output) == (CommandState.UNKNOWN, None)


async def test_an_end_that_was_not_seen_stays_unknown() -> None:
    stage = Stage("$ make", "one", "$ ")
    stage.prompts = [prompt(RUNNING, output=span(1, 0, 2, 0))]

    assert (await result(stage, CommandState.UNKNOWN)).state is CommandState.UNKNOWN


async def test_where_something_else_stands_than_was_typed_the_screen_was_cleared() -> None:
    stage = Stage("cleared", "twice", "$ ")
    later = prompt(PromptState.EDITING, "", name="prompt-bbbb2222", line=2)
    stage.prompts = [prompt(FINISHED, output=span(1, 0, 2, 0), status=0), later]

    found = await result(stage)

    assert (found.cleared, text(found)) == (True, "cleared\ntwice")


async def test_a_next_prompt_above_where_the_output_began_shows_a_clear_too() -> None:
    stage = Stage("top", "$ ", "old", "old", "$ make")
    stage.cursor = (1, 2)
    later = prompt(PromptState.EDITING, "", name="prompt-bbbb2222", line=1)
    stage.prompts = [prompt(FINISHED, line=4, output=span(5, 0, 5, 0), status=0), later]

    found = await result(stage)

    assert (found.cleared, text(found)) == (True, "top")


async def test_before_the_next_prompt_the_cursor_shows_a_clear() -> None:
    stage = Stage("", "", "$ make")
    stage.cursor = (0, 0)
    stage.prompts = [prompt(FINISHED, line=2, output=span(3, 0, 3, 0), status=0)]

    found = await result(stage)

    assert (found.cleared, found.output) == (True, None)


async def test_a_command_that_printed_nothing_cleared_nothing() -> None:
    stage = Stage("$ make", "$ ")
    stage.prompts = [prompt(FINISHED, output=span(1, 0, 1, 0), status=0)]

    found = await result(stage)

    assert (found.cleared, text(found)) == (False, "")


async def test_a_prompt_that_was_cleared_away_leaves_what_stands_on_the_screen() -> None:
    stage = Stage("shown", "$ ")

    found = await result(stage, CommandState.FINISHED)

    assert (found.state, found.cleared, text(found)) == (CommandState.FINISHED, True, "shown")
    assert (await result(stage)).state is CommandState.UNKNOWN


async def test_a_prompt_whose_line_is_lost_was_not_cleared() -> None:
    stage = Stage("$ make", "one", "two", "three", "$ ")
    stage.lost = 2
    stage.prompts = [prompt(FINISHED, output=span(1, 0, 4, 0), status=0)]

    found = await result(stage)

    assert (found.cleared, text(found)) == (False, "two\nthree")
    assert found.output is not None
    assert found.output.lost == 1


async def test_without_what_was_typed_nothing_is_compared() -> None:
    stage = Stage("something", "one", "$ ")
    bare = prompt(FINISHED, output=span(1, 0, 2, 0), status=0)
    stage.prompts = [type(bare)(bare.prompt_id, bare.state, "make", output=bare.output)]
    assert text(await result(stage)) == "one"

    stage.prompts = [prompt(FINISHED, "\u6f22", output=span(1, 0, 2, 0), status=0)]
    assert text(await result(stage)) == "one"


@pytest.mark.parametrize(("row", "cleared"), [("", False), ("other", True)])
async def test_between_marks_of_our_own_the_first_row_is_empty(row: str, *, cleared: bool) -> None:
    stage = Stage(row, "one", "$ ")
    stage.prompts = [prompt(FINISHED, "iterm-mcp:0123", output=span(1, 0, 2, 0), status=0)]

    assert (await result(stage)).cleared is cleared


async def test_the_line_that_marked_the_end_afterwards_is_no_output() -> None:
    stage = Stage("", "one", "^C", f"$ printf {CLOSING}", "$ ")
    stage.prompts = [prompt(FINISHED, "iterm-mcp:0123", output=span(1, 0, 4, 0), status=130)]

    assert text(await result(stage)) == "one\n^C"


async def test_the_sign_for_a_missing_newline_goes_where_a_shell_has_one() -> None:
    stage = Stage("$ make", "50%" + " " * 77, "$ ")
    stage.rows[1] = OutputLine("50%%" + " " * 76)
    stage.prompts = [prompt(FINISHED, output=span(1, 0, 2, 0), status=0)]

    assert text(await result(stage)) == "50%%" + " " * 76, "bash has none"
    stage.variables["jobName"] = "zsh"
    assert text(await result(stage)) == "50%"


@pytest.mark.parametrize(
    ("row", "width", "wrapped", "left"),
    [
        ("abc%" + " " * 6, 10, False, "abc"),
        ("abc\u23ce" + " " * 6, 10, False, "abc"),
        ("123456789%", 10, True, "123456789"),
        ("123456789%", 10, False, "123456789%"),
        ("abc%", 4, False, "abc%"),
        ("abc", 10, False, "abc"),
    ],
)
def test_a_sign_fills_its_row_or_wraps(row: str, width: int, left: str, *, wrapped: bool) -> None:
    output = Excerpt(row, 0, 1, last_width=width, last_wrapped=wrapped)

    assert without_end_sign(output, 10).text == left


@pytest.mark.parametrize(
    ("printed", "asks"),
    [
        ("Password: ", True),
        ("Go on? [y/N]", True),
        ("first\nPress any key", True),
        (">>> ", True),
        ("done", False),
        ("Password:\nlogged in", False),
        ("", False),
    ],
)
def test_a_question_is_known_by_its_end(printed: str, *, asks: bool) -> None:
    assert asks_something(Excerpt(printed, 0, 1)) is asks
    assert not asks_something(None)
