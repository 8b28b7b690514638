"""Rows and prompts as they come over the wire, and what they become."""

from __future__ import annotations

import pytest
from iterm2 import api_pb2 as wire

from iterm_mcp.models.output import OutputLine, Place, PromptState, Span, TextStyle
from iterm_mcp.terminal import wire_output

State = wire.GetPromptResponse.State
SOFT = wire.LineContents.Continuation.CONTINUATION_SOFT_EOL


def row(text: str, *cells: tuple[int, int], **values: int) -> wire.LineContents:
    line = wire.LineContents(text=text, **values)  # type: ignore[arg-type]
    for size, repeats in cells:
        line.code_points_per_cell.add(num_code_points=size, repeats=repeats)
    return line


def told(line: wire.LineContents) -> OutputLine:
    buffer = wire.GetBufferResponse(contents=[line])
    (one,) = wire_output.lines(buffer, 0, 1).lines
    return one


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (row("abc", (1, 3)), OutputLine("abc")),
        (row("abc", (1, 1), (1, 2)), OutputLine("abc")),
        (row("a\0b", (1, 3)), OutputLine("a b")),
        (row("", continuation=SOFT), OutputLine("", wrapped=True)),
        (row("\u6f22a", (1, 1), (0, 1), (1, 0)), OutputLine(
            "\u6f22a", cells=((1, 1), (0, 1), (1, 1)))),
        (row("a\u0301", (2, 1)), OutputLine("a\u0301", cells=((2, 1),))),
    ],
)  # fmt: skip
def test_a_row_has_cells_of_its_own_only_where_they_are_not_characters(
    line: wire.LineContents, expected: OutputLine
) -> None:
    assert told(line) == expected


@pytest.mark.parametrize(
    ("asked", "count", "end", "cursor", "first"),
    [
        (None, 3, 20, 19, 18),  # the newest
        (None, 5, 1, 0, 0),
        (10, 2, 12, 30, 10),
        (10, 5, 15, 30, 13),  # the oldest three were lost
        (10, 5, 15, 11, 10),  # the last three do not exist yet
    ],
)
def test_lines_are_numbered_by_what_was_asked_for_and_what_came(
    asked: int | None, count: int, end: int, cursor: int, first: int
) -> None:
    buffer = wire.GetBufferResponse(contents=[row("a", (1, 1)), row("b", (1, 1))])
    buffer.windowed_coord_range.coord_range.end.y = end
    buffer.cursor.y = cursor
    found = wire_output.lines(buffer, asked, count)
    assert (found.first, [line.text for line in found.lines]) == (first, ["a", "b"])


def test_a_style_has_numbers_and_colours_and_no_defaults() -> None:
    line = row("abc", (1, 3))
    first = line.style.add(bold=True, fgStandard=3, repeats=2)
    first.bgRgb.red, first.bgRgb.green, first.bgRgb.blue = 1, 2, 255
    first.url.url = "https://example.org"
    line.style.add(fgAlternate=wire.AlternateColor.Value("DEFAULT"), inverse=True)
    assert told(line).styles == (
        TextStyle(2, 3, "#0102ff", bold=True, url="https://example.org"),
        TextStyle(1, inverse=True),
    )


@pytest.mark.parametrize(
    ("state", "expected", "status"),
    [
        (State.EDITING, PromptState.EDITING, None),
        (State.RUNNING, PromptState.RUNNING, None),
        (State.FINISHED, PromptState.FINISHED, 7),
    ],
)
def test_an_exit_status_counts_once_a_command_has_finished(
    state: wire.GetPromptResponse.State.ValueType, expected: PromptState, status: int | None
) -> None:
    answer = wire.GetPromptResponse(unique_prompt_id="p", prompt_state=state, exit_status=7)
    found = wire_output.prompt(answer)
    assert (found.prompt_id, found.state, found.exit_status) == ("p", expected, status)
    assert (found.command, found.directory) == ("", None)
    assert (found.prompt, found.typed, found.output) == (None, None, None)


def test_a_prompt_is_told_with_the_places_that_are_known() -> None:
    answer = wire.GetPromptResponse(
        unique_prompt_id="p", prompt_state=State.RUNNING, command="ls", working_directory="/srv"
    )
    for number, span in enumerate((answer.prompt_range, answer.command_range, answer.output_range)):
        span.start.x, span.start.y, span.end.x, span.end.y = number, 10, number + 5, 11
    found = wire_output.prompt(answer)
    assert (found.command, found.directory) == ("ls", "/srv")
    assert [found.prompt, found.typed, found.output] == [
        Span(Place(10, number), Place(11, number + 5)) for number in range(3)
    ]
