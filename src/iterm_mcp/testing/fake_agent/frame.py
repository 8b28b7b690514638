"""What the screen of a full-screen agent shows. Pure.

Above, the conversation's last lines; below them what it is busy with; then a rule, the composer or
the dialog that has taken its place, a rule and a hint. The same rows as the real ones show, so that
what reads them can be tried here.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterm_mcp.testing.fake_agent.dialogs import CARET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DIM = "\x1b[2m"
BRIGHT = "\x1b[22m"
INVERSE = "\x1b[7m"
UPRIGHT = "\x1b[27m"
SPINNER = "·✢✳✶✻✽"


@dataclass(frozen=True, slots=True)
class Dress:
    """How a program draws what is not its conversation.

    Attributes:
        status: The rows that tell what it is busy with and what waits, for a view and a width.
        over, under: The rows above and below the composer, likewise.
        dialog: The rows of a dialog, likewise.
    """

    status: Callable[[View, int], list[str]]
    over: Callable[[View, int], list[str]]
    under: Callable[[View, int], list[str]]
    dialog: Callable[[Sequence[str], int], list[str]]


@dataclass
class View:
    """What is to be seen.

    Attributes:
        log: The conversation's lines, oldest first.
        busy: What it is busy with, or empty.
        waiting: Prompts that wait for the turn's end, as they are shown.
        dialog: The dialog's rows, instead of the composer.
        before, after: The composer's text left and right of the cursor.
        ghost: A suggestion in the empty composer.
        mark: What stands before the composer's first line.
        hint: The last row.
        tick: Counts the spinner's frames.
        folder: Where it works.
    """

    mark: str = f"{CARET}\xa0"
    log: list[str] = field(default_factory=list)
    busy: str = ""
    waiting: list[str] = field(default_factory=list)
    dialog: list[str] | None = None
    before: str = ""
    after: str = ""
    ghost: str = ""
    hint: str = ""
    tick: int = 0
    folder: str = ""
    dress: Dress = field(default_factory=lambda: CLAUDE_DRESS)


def width_of(text: str) -> int:
    """Return how many cells characters take."""
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200b\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrap(text: str, columns: int) -> list[str]:
    """Cut a text into rows no wider than the screen; control characters become spaces."""
    rows = []
    for line in text.split("\n"):
        row, used = "", 0
        for character in line:
            shown = character if character.isprintable() or character == "\xa0" else " "
            cells = _cells(shown)
            if used + cells > columns:
                rows.append(row)
                row, used = "", 0
            row += shown
            used += cells
        rows.append(row)
    return rows


def draw(view: View, columns: int, rows: int) -> list[str]:
    """Return exactly as many rows as the screen has, each no wider than it, with styles."""
    dress = view.dress
    if view.dialog is not None:
        below = dress.dialog(view.dialog, columns)
    else:
        over, under = dress.over(view, columns), dress.under(view, columns)
        room = max(rows - len(over) - len(under), 1)
        below = [*over, *_composer(view, columns, room), *under]
    middle = dress.status(view, columns)
    above = [row for line in view.log[-rows:] for row in wrap(line, columns)]
    gap = max(rows - len(above) - len(middle) - len(below), 0)
    return [*above, *[""] * gap, *middle, *below][-rows:]


def _claude_status(view: View, columns: int) -> list[str]:
    rows = [row for shown in view.waiting for row in _prompt(shown, columns)]
    if view.waiting:
        rows.append("  ⎿  Queued · ctrl+x ctrl+s to send now"[:columns])
    if view.busy:
        rows += wrap(f"{SPINNER[view.tick % len(SPINNER)]} {view.busy}", columns)
    return rows


CLAUDE_DRESS: Dress = Dress(
    status=_claude_status,
    over=lambda _view, columns: ["─" * columns],
    under=lambda view, columns: ["─" * columns, *wrap(view.hint, columns)[:1]],
    dialog=lambda shown, columns: [
        "─" * columns, *[part for row in shown for part in wrap(row, columns)]
    ],
)  # fmt: skip


def shown_prompt(text: str, mark: str = f"{CARET} ") -> str:
    """Return a sent prompt as the conversation shows it, behind the composer's mark."""
    lines = text.strip("\n").split("\n")
    if len(lines) > 5:  # noqa: PLR2004 - a long one is folded
        lines = [*lines[:3], f"… +{len(lines) - 3} lines"]
    return "\n".join([f"{mark}{lines[0]}", *[f"{' ' * len(mark)}{one}" for one in lines[1:]]])


def _prompt(shown: str, columns: int) -> list[str]:
    return wrap(shown_prompt(shown), columns)


def cursor_in(drawn: Sequence[str]) -> tuple[int, int] | None:
    """Return the row and the column of the cell that is drawn as the cursor, if one is."""
    for number in range(len(drawn) - 1, -1, -1):
        before, found, _ = drawn[number].partition(INVERSE)
        if found:
            return number, width_of(before)
    return None


def _composer(view: View, columns: int, room: int) -> list[str]:
    """Return its rows; of one that is too large, those around the cursor."""
    if not view.before and not view.after:
        rest = view.ghost[: max(columns - 4, 0)]
        return [f"{view.mark}{INVERSE}{rest[:1] or ' '}{UPRIGHT}{DIM}{rest[1:]}{BRIGHT}"]
    indent = " " * width_of(view.mark)
    inner = max(columns - width_of(view.mark) - 1, 1)
    under, rest = (view.after[:1], view.after[1:])
    if under in {"", "\n"}:
        under, rest = " ", view.after
    marked = f"{view.before}\0{under}\1{rest}"
    lines = []
    wrapped = _wrap_marked(marked, inner)
    at = next(number for number, line in enumerate(wrapped) if "\0" in line)
    first = min(max(at - room + 1, 0), max(len(wrapped) - room, 0))
    for number, line in enumerate(wrapped[first : first + room]):
        lines.append((view.mark if number == 0 else indent) + line)
    return [one.replace("\0", INVERSE).replace("\1", UPRIGHT) for one in lines]


def _wrap_marked(text: str, columns: int) -> list[str]:
    """Wrap, with the two marks of the cursor taking no room; tabs become spaces."""
    rows = []
    for line in text.replace("\t", " ").split("\n"):
        row, used = "", 0
        for character in line:
            cells = 0 if character in "\0\1" else _cells(character)
            if used + cells > columns:
                rows.append(row)
                row, used = "", 0
            row += character
            used += cells
        rows.append(row)
    return rows
