r"""How a text is pasted so that the program gets all of it, and nothing more. Pure.

As terminals do, ends of lines become carriage returns, and between marks (bracketed paste) the
text's own mark of the end loses its escape character, or what follows it would be typed.

The system gathers lines for programs such as ``cat`` and keeps no more than 4095 bytes of each
(1023 on macOS); the rest would be lost without a word. Ctrl-D in the middle of a line hands on
what there is of it, and is not part of the text: it is put into lines that are too long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.models.input import InputState

MAX_BYTES = 10 << 20
PIECE_BYTES = 64_000
LINE_BYTES = 1000
"""Below what any system keeps of a line."""

OPENING, CLOSING = "\x1b[200~", "\x1b[201~"
_MARK = re.compile("(?:\x1b\\[|\x9b)(?=20[01]~)")
_HARMLESS = "\u241b["  # the picture of an escape character
_HAND_ON = "\x04"
_UNFIT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ud800-\udfff]")
"""What terminals and line editors take for commands, and characters that UTF-8 has no bytes for.
"""


@dataclass(frozen=True, slots=True)
class PasteText:
    """A text ready to be pasted.

    Attributes:
        text: What is typed, but for the marks around it.
        size: The bytes of the text.
        bracketed: Whether it goes between marks.
        marks: How many marks in it lost their escape character.
        long_lines: How many of its lines are too long for a program that reads whole lines.
    """

    text: str
    size: int
    bracketed: bool
    marks: int
    long_lines: int

    def pieces(self) -> Iterator[str]:
        """Yield the text in pieces of at most `PIECE_BYTES`, cut between characters."""
        return _cut(self.text, PIECE_BYTES)


def check_paste(text: str) -> None:
    """See that a text can be pasted.

    Raises:
        InvalidRequestError: It is empty or too long, or has control characters other than ends
            of lines, tabs and escape.
    """
    if not text:
        raise InvalidRequestError("there is nothing to paste", hint="Give a text.")
    if found := _UNFIT.search(text):
        raise InvalidRequestError(
            f"character {found.start()} is U+{ord(found[0]):04X}, which would be taken for a "
            "command",
            hint="Leave it out, or paste=false to type it as if at the keyboard.",
            code="control_character",
        )
    size = len(text.encode())
    if size > MAX_BYTES:
        raise InvalidRequestError(
            f"the text has {size} bytes, and one paste {MAX_BYTES} at most",
            hint="Write it to a file and have the session read it, or paste it in parts.",
            code="text_too_long",
        )


def prepare(text: str, state: InputState) -> PasteText:
    """Return a checked text as it must be typed into a program that wants its input so."""
    lines = re.split(r"\r\n|\r|\n", text)
    long_lines = sum(len(line.encode()) > LINE_BYTES for line in lines)
    if state.reads_lines and not state.bracketed_paste and long_lines:
        lines = [_HAND_ON.join(_cut(line, LINE_BYTES)) for line in lines]
    typed, marks = _MARK.subn(_HARMLESS, "\r".join(lines))
    return PasteText(typed, len(text.encode()), state.bracketed_paste, marks, long_lines)


def _cut(text: str, most: int) -> Iterator[str]:
    """Yield a text in parts of at most so many bytes."""
    start = 0
    while start < len(text):
        end = start + most
        while len(text[start:end].encode()) > most:
            excess = len(text[start:end].encode()) - most
            end = min(end, len(text)) - (excess + 3) // 4  # a character has 4 bytes at most
        yield text[start:end]
        start = end
