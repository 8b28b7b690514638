"""Lines and prompts, from iTerm2's messages to our values. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm2 import api_pb2 as wire

from iterm_mcp.models.output import (
    OutputLine,
    OutputLines,
    Place,
    Prompt,
    PromptId,
    PromptState,
    Span,
    TextStyle,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATES = {
    wire.GetPromptResponse.State.EDITING: PromptState.EDITING,
    wire.GetPromptResponse.State.RUNNING: PromptState.RUNNING,
    wire.GetPromptResponse.State.FINISHED: PromptState.FINISHED,
}


def lines(buffer: wire.GetBufferResponse, asked: int) -> OutputLines:
    """Return the lines of a reply; `asked` is the first that was asked for.

    The reply's own range says which came, for lost ones are left out at its start.
    """
    first = max(asked, buffer.windowed_coord_range.coord_range.start.y)
    soft = wire.LineContents.Continuation.CONTINUATION_SOFT_EOL
    return OutputLines(
        first,
        tuple(
            OutputLine(
                line.text.replace("\0", " "),
                wrapped=line.continuation == soft,
                styles=tuple(_styles(line)),
                cells=tuple(_cells(line)),
            )
            for line in buffer.contents
        ),
    )


def prompt(answer: wire.GetPromptResponse) -> Prompt:
    """Return a prompt."""
    state = _STATES[answer.prompt_state]
    return Prompt(
        prompt_id=PromptId(answer.unique_prompt_id),
        state=state,
        command=answer.command,
        directory=answer.working_directory or None,
        exit_status=answer.exit_status if state is PromptState.FINISHED else None,
        prompt=_span(answer.prompt_range) if answer.HasField("prompt_range") else None,
        typed=_span(answer.command_range) if answer.HasField("command_range") else None,
        output=_span(answer.output_range) if answer.HasField("output_range") else None,
    )


def _span(span: wire.CoordRange) -> Span:
    return Span(Place(span.start.y, span.start.x), Place(span.end.y, span.end.x))


def _cells(line: wire.LineContents) -> Iterator[tuple[int, int]]:
    """Yield the row's cells, or nothing when each holds one character."""
    if all(run.num_code_points == 1 for run in line.code_points_per_cell):
        return
    for run in line.code_points_per_cell:
        yield run.num_code_points, run.repeats or 1


def _styles(line: wire.LineContents) -> Iterator[TextStyle]:
    for style in line.style:
        yield TextStyle(
            cells=style.repeats or 1,
            foreground=_color(style, "fg"),
            background=_color(style, "bg"),
            bold=style.bold,
            faint=style.faint,
            italic=style.italic,
            underline=style.underline,
            strikethrough=style.strikethrough,
            inverse=style.inverse,
            invisible=style.invisible,
            url=style.url.url or None,
        )


def _color(style: wire.CellStyle, ground: str) -> str | int | None:
    """Return a cell's colour; the terminal's own defaults, and images, are None."""
    kind = style.WhichOneof("fgColor" if ground == "fg" else "bgColor")
    if kind == f"{ground}Standard":
        return int(getattr(style, kind))
    if kind == f"{ground}Rgb":
        color: wire.RGBColor = getattr(style, kind)
        return f"#{color.red:02x}{color.green:02x}{color.blue:02x}"
    return None
