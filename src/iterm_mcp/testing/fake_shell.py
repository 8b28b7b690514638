"""A tiny honest shell on a screen that scrolls. Pure.

It knows ``echo WORDS`` and ``exit``, echoes what is typed, and says so when it does not know a
command. A character takes one cell, whatever it is.
"""

from __future__ import annotations

import shlex

from iterm_mcp.models.sessions import Screen, Size

PROMPT = "$ "
BACKSPACE = "\x7f"
INTERRUPT = "\x03"
ENTERS = "\r\n"


class FakeShell:
    """One shell and all it ever printed.

    Attributes:
        size: The grid; when it changes, lines wrap anew.
        running: False once it has been left with ``exit``.
        typed: Everything that was ever typed, as it came.
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self.running = True
        self.typed = ""
        self._lines = [PROMPT]
        self._input = ""

    def type(self, text: str) -> None:
        """Take keystrokes; those after an ``exit`` are lost."""
        for character in text:
            if not self.running:
                return
            self.typed += character
            if character in ENTERS:
                line, self._input = self._input, ""
                self._run(line)
            elif character == INTERRUPT:
                self._input = ""
                self._lines[-1] += "^C"
                self._lines.append(PROMPT)
            elif character == BACKSPACE:
                if self._input:
                    self._input = self._input[:-1]
                    self._lines[-1] = self._lines[-1][:-1]
            elif character.isprintable():
                self._input += character
                self._lines[-1] += character

    def screen(self) -> Screen:
        """Return what is visible now."""
        columns, height = self.size.columns, self.size.rows
        rows = [row for line in self._lines for row in _wrap(line, columns)]
        first_line = max(0, len(rows) - height)
        visible = rows[first_line:]
        return Screen(
            lines=(*visible, *[""] * (height - len(visible))),
            first_line=first_line,
            cursor_column=len(visible[-1]),
            cursor_row=len(visible) - 1,
            size=self.size,
        )

    def _run(self, line: str) -> None:
        try:
            words = shlex.split(line)
        except ValueError as error:
            self._print(f"sh: {error}")
            return
        match words:
            case []:
                self._lines.append(PROMPT)
            case ["exit", *_]:
                self.running = False
            case ["echo", *rest]:
                self._print(" ".join(rest))
            case [command, *_]:
                self._print(f"sh: {command}: not found")

    def _print(self, output: str) -> None:
        self._lines += [output, PROMPT]


def _wrap(line: str, columns: int) -> list[str]:
    """Cut a line into rows; an empty line is one empty row."""
    return [line[start : start + columns] for start in range(0, len(line), columns)] or [""]
