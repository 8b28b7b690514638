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
    from collections.abc import Sequence

_SOFT = wire.LineContents.Continuation.CONTINUATION_SOFT_EOL
_STATES = {
    wire.GetPromptResponse.State.EDITING: PromptState.EDITING,
    wire.GetPromptResponse.State.RUNNING: PromptState.RUNNING,
    wire.GetPromptResponse.State.FINISHED: PromptState.FINISHED,
}


def lines(buffer: wire.GetBufferResponse, asked: int | None, count: int) -> OutputLines:
    """Return the lines of a reply.

    It names the range that was asked for, and what is lost of that is left out at its start. If
    it lacks lines and reaches below the cursor, some may be missing at either end; here they
    count as missing at the end.

    Args:
        asked: The first line that was asked for, None for the newest.
        count: How many were asked for.
    """
    rows = tuple(map(_line, buffer.contents))
    if asked is None:
        asked = max(0, buffer.windowed_coord_range.coord_range.end.y - len(rows))
    elif asked + count <= buffer.cursor.y + 1:
        asked += count - len(rows)
    return OutputLines(asked, rows)


def _line(line: wire.LineContents) -> OutputLine:
    runs = line.code_points_per_cell
    text = line.text
    # A row whose characters have a cell each mostly comes as a single run.
    plain = len(runs) == 1 and runs[0].num_code_points == 1
    return OutputLine(
        text.replace("\0", " ") if "\0" in text else text,
        line.continuation == _SOFT,
        tuple(map(_style, line.style)),
        () if plain else _cells(runs),
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


def _cells(runs: Sequence[wire.CodePointsPerCell]) -> tuple[tuple[int, int], ...]:
    """Return the runs of a row's cells, or nothing when each cell holds one character."""
    cells = tuple((run.num_code_points, run.repeats or 1) for run in runs)
    return () if all(size == 1 for size, _ in cells) else cells


def _style(style: wire.CellStyle) -> TextStyle:
    return TextStyle(
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
