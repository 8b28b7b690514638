"""What a session has printed: numbered lines, places in them, and the shell's prompts.

A line's number is absolute: it counts from the first line the session ever had, so it still
means the same line after others have scrolled by. Lines that the scrollback no longer holds are
lost; those that remain keep their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

PromptId = NewType("PromptId", str)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A cell: first its line, then its column, both counted from 0."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Span:
    """The cells from `start` up to, but not including, `end`."""

    start: Place
    end: Place


@dataclass(frozen=True, slots=True)
class LineRange:
    """Which lines a session has.

    Attributes:
        first: The oldest line that is kept; also how many are lost for ever.
        screen: The top line of the visible screen.
        end: One more than the last line of the screen.
    """

    first: int
    screen: int
    end: int


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How some neighbouring cells look; colours as ``#rrggbb``, a palette's number, or None."""

    cells: int
    foreground: str | int | None = None
    background: str | int | None = None
    bold: bool = False
    faint: bool = False
    italic: bool = False
    underline: bool = False
    strikethrough: bool = False
    inverse: bool = False
    invisible: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One row.

    Attributes:
        text: What it shows; cells never written are spaces, trailing ones are dropped.
        wrapped: The text goes on in the next row without a newline between.
        styles: Runs that cover the row's cells; empty unless they were asked for.
        cells: Runs of (characters in a cell, how many such cells), from the left. A wide
            character is a cell of 1 and one of 0; empty when each character is a cell.
    """

    text: str
    wrapped: bool = False
    styles: tuple[TextStyle, ...] = ()
    cells: tuple[tuple[int, int], ...] = ()

    @property
    def width(self) -> int:
        """How many cells are written."""
        return sum(count for _, count in self.cells) or len(self.text)

    def offset(self, column: int) -> int:
        """Return how many characters stand left of a column."""
        if not self.cells:
            return min(column, len(self.text))
        characters = 0
        for size, count in self.cells:
            if column <= count:
                return characters + size * column
            characters += size * count
            column -= count
        return characters

    def column(self, offset: int) -> int:
        """Return the column of the cell in which the character at an offset stands."""
        if not self.cells:
            return offset
        column = 0
        for size, count in self.cells:
            if size and offset < size * count:
                return column + offset // size
            offset -= size * count
            column += count
        return column + offset


@dataclass(frozen=True, slots=True)
class OutputLines:
    """Neighbouring lines, the first of which has the number `first`."""

    first: int
    lines: tuple[OutputLine, ...]

    @property
    def end(self) -> int:
        """One more than the number of the last line."""
        return self.first + len(self.lines)

    def at(self, number: int) -> OutputLine | None:
        """Return the line of a number; None when it is not among these."""
        return self.lines[number - self.first] if self.first <= number < self.end else None

    def part(self, first: int, end: int) -> OutputLines:
        """Return those from one number up to, but not including, another."""
        start = max(first, self.first)
        stop = max(start, end)
        return OutputLines(start, self.lines[start - self.first : stop - self.first])


@dataclass(frozen=True, slots=True)
class OutputView:
    """Some of a session's lines, and what stands around them, asked for in one go.

    Attributes:
        lines: As far as they exist.
        span: Which lines there are.
        cursor: Where the session's cursor is: in a line of the screen.
        full_screen: A full-screen program shows its own screen, which leaves no scrollback.
    """

    lines: OutputLines
    span: LineRange
    cursor: Place
    full_screen: bool


class PromptState(StrEnum):
    """What stands at a shell prompt."""

    EDITING = "editing"
    """Nothing has been run at it yet."""
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A shell prompt and what was run at it, as the shell's marks tell (OSC 133).

    Attributes:
        command: What was run, or what stands at the prompt now.
        exit_status: None until it has finished.
        prompt: Where the prompt stands; None while unknown.
        typed: Where the command stands.
        output: What the command printed, None before it has started. Of a running one it ends
            at the cursor.
    """

    prompt_id: PromptId
    state: PromptState
    command: str = ""
    directory: str | None = None
    exit_status: int | None = None
    prompt: Span | None = None
    typed: Span | None = None
    output: Span | None = None
