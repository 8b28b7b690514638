"""A tiny honest shell on a screen that scrolls. Pure.

It knows ``echo WORDS``, ``true``, ``false``, ``block`` (which runs until it is interrupted, or a
test lets it end) and ``exit``, echoes what is typed, and says so when it does not know a
command. A character takes one cell, whatever it is.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from iterm_mcp.models.happenings import CommandEnded, CommandStarted, PromptShown, ScreenChanged
from iterm_mcp.models.input import InputState
from iterm_mcp.models.output import (
    LineRange,
    OutputLine,
    OutputLines,
    Place,
    Prompt,
    PromptId,
    PromptState,
    Span,
)
from iterm_mcp.models.sessions import Screen, Size

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.models.happenings import Happening

PROMPT = "$ "
BACKSPACE = "\x7f"
INTERRUPT = "\x03"
ENTERS = "\r\n"
HISTORY = 1000
"""Rows that are kept above the screen."""


def _nobody(_happening: Happening) -> None:
    """Stand in for who is told until somebody is."""


@dataclass
class _Mark:
    """A prompt: on which line it stands, and what became of the command typed at it."""

    prompt_id: PromptId
    line: int
    state: PromptState = PromptState.EDITING
    command: str = ""
    status: int | None = None
    end: int | None = None


class FakeShell:
    """One shell and all it ever printed.

    Attributes:
        size: The grid; when it changes, lines wrap anew.
        running: False once it has been left with ``exit``.
        typed: Everything that was ever typed, as it came.
        tell: Called with all that happens.
        blocking: Whether a ``block`` runs.
        marks: Whether it marks its prompts, as a shell with shell integration does.
        input: What it is said to want of its input; it takes everything all the same.
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self.running = True
        self.typed = ""
        self.tell: Callable[[Happening], None] = _nobody
        self.marks = True
        self.input = InputState()
        self._lines = [PROMPT]
        self._input = ""
        self.blocking = False
        self._prompts = [_Mark(PromptId("prompt-0"), 0)]

    def type(self, text: str) -> None:
        """Take keystrokes; those after an ``exit`` are lost."""
        for plain, characters in groupby(text, str.isprintable):
            if not self.running:
                return
            run = "".join(characters)
            if plain and not self.blocking:  # at once: a paste may be long
                self.typed += run
                self._input += run
                self._lines[-1] += run
            else:
                self._type_each(run)
        self.tell(ScreenChanged())

    def _type_each(self, text: str) -> None:
        for character in text:
            if not self.running:
                return
            self.typed += character
            if character == INTERRUPT:
                self._interrupt()
            elif self.blocking:
                continue  # it reads nothing
            elif character in ENTERS:
                line, self._input = self._input, ""
                self._run(line)
            elif character == BACKSPACE:
                if self._input:
                    self._input = self._input[:-1]
                    self._lines[-1] = self._lines[-1][:-1]
            elif character.isprintable():
                self._input += character
                self._lines[-1] += character

    def print(self, text: str) -> None:
        """Print lines as a ``block`` that runs."""
        self._lines += text.split("\n")
        self.tell(ScreenChanged())

    def finish(self, status: int = 0) -> None:
        """Let a ``block`` that runs end."""
        self.blocking = False
        self._end(status)
        self.tell(ScreenChanged())

    def screen(self) -> Screen:
        """Return what is visible now."""
        rows = self._rows()
        first_line = max(0, len(rows) - self.size.rows)
        visible = rows[first_line:]
        return Screen(
            lines=(*visible, *[""] * (self.size.rows - len(visible))),
            first_line=first_line,
            cursor_column=len(visible[-1]),
            cursor_row=len(visible) - 1,
            size=self.size,
        )

    def line_range(self) -> LineRange:
        """Return which rows there are."""
        screen = max(0, len(self._rows()) - self.size.rows)
        return LineRange(max(0, screen - HISTORY), screen, screen + self.size.rows)

    def lines(self, first: int, count: int) -> OutputLines:
        """Return rows by absolute number, as far as they exist."""
        span, rows = self.line_range(), self._rows()
        rows += [""] * (span.end - len(rows))
        start = max(first, span.first)
        return OutputLines(
            start, tuple(OutputLine(row) for row in rows[start : max(start, first + count)])
        )

    def prompt(self, prompt_id: PromptId | None) -> Prompt | None:
        """Return a prompt by its id, or the last one."""
        known = [one for one in self._prompts if prompt_id in {None, one.prompt_id}]
        if not self.marks or not known:
            return None
        mark = known[-1]
        typing = Place(self._row_of(mark.line), len(PROMPT))
        ended = Place(typing.line, len(PROMPT) + len(mark.command))
        output = None
        if mark.state is not PromptState.EDITING:
            end = len(self._lines) if mark.end is None else mark.end
            output = Span(Place(self._row_of(mark.line + 1), 0), Place(self._row_of(end), 0))
        return Prompt(
            mark.prompt_id,
            mark.state,
            mark.command or self._input,
            exit_status=mark.status,
            prompt=Span(Place(typing.line, 0), typing),
            typed=Span(typing, ended),
            output=output,
        )

    def prompt_ids(self) -> tuple[PromptId, ...]:
        """Return the ids of all prompts, oldest first."""
        return tuple(one.prompt_id for one in self._prompts) if self.marks else ()

    def _run(self, line: str) -> None:
        if not line.strip():
            self._show_prompt()
            return
        mark = self._prompts[-1]
        mark.command, mark.state = line, PromptState.RUNNING
        self._tell_mark(CommandStarted(mark.prompt_id, line))
        try:
            words = shlex.split(line)
        except ValueError as error:
            self._print_and_end(f"sh: {error}", 2)
            return
        match words:
            case ["exit", *_]:
                self.running = False
            case ["echo", *rest]:
                self._print_and_end(" ".join(rest), 0)
            case ["true"]:
                self._end(0)
            case ["false"]:
                self._end(1)
            case ["block"]:
                self.blocking = True
            case [command, *_]:
                self._print_and_end(f"sh: {command}: not found", 127)

    def _interrupt(self) -> None:
        if self.blocking:
            self.blocking = False
            self._print_and_end("^C", 130)
        else:
            self._lines[-1] += "^C"
            self._input = ""
            self._show_prompt()

    def _print_and_end(self, output: str, status: int) -> None:
        self._lines.append(output)
        self._end(status)

    def _end(self, status: int) -> None:
        mark = self._prompts[-1]
        mark.state, mark.status, mark.end = PromptState.FINISHED, status, len(self._lines)
        self._tell_mark(CommandEnded(mark.prompt_id, status))
        self._show_prompt()

    def _show_prompt(self) -> None:
        mark = _Mark(PromptId(f"prompt-{len(self._prompts)}"), len(self._lines))
        self._prompts.append(mark)
        self._lines.append(PROMPT)
        self._tell_mark(PromptShown(mark.prompt_id))

    def _tell_mark(self, happening: Happening) -> None:
        if self.marks:
            self.tell(happening)

    def _rows(self) -> list[str]:
        return [row for line in self._lines for row in _wrap(line, self.size.columns)]

    def _row_of(self, line: int) -> int:
        return sum(len(_wrap(one, self.size.columns)) for one in self._lines[:line])


def _wrap(line: str, columns: int) -> list[str]:
    """Cut a line into rows; an empty line is one empty row."""
    return [line[start : start + columns] for start in range(0, len(line), columns)] or [""]
