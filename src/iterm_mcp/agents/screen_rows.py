"""Reading what full-screen agents draw: options to choose from, the composer, what it is busy with.

Pure. Without styles, a dim suggestion in an empty composer is told from a person's draft by the
cursor alone, which stands before a suggestion and after what was typed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen

EVIDENCE_CHARACTERS = 2000
CARETS = "\u276f\u203a▶●→"
FOOTER_ROWS = 3
MARGIN = 1
"""How far from the edge the mark of a composer stands at most."""
_KEYS = re.compile(r"(?i)\b(?:enter|esc)\b.*\b(?:confirm|continue|cancel|select|back|skip|exit)\b")
_SIDES = "│┃║|"
_WHERE = re.compile(r"\[\d+/\d+\](?=$|│)")
_BORDER = re.compile(r"[\s╭╮╰╯┌┐└┘─━═▀▄▁▔│┃]*")
_PARTING = "─│┼┤├┬┴ "
_OPTION = re.compile(rf"\s*(?P<caret>[{CARETS}>]\s*)?(?P<number>\d{{1,2}})[.)]\s+(?P<text>\S.*)")
_UNNUMBERED = re.compile(rf"(?P<indent>\s*)(?P<caret>[{CARETS}>]\s+)(?P<text>\S.*)")


def bare(row: str) -> str:
    """Return a row without the sides of a box that is drawn around it."""
    stripped = row.strip()
    if len(stripped) > 1 and stripped[0] in _SIDES and stripped[-1] in _SIDES:
        return stripped[1:-1].rstrip()
    return row.rstrip()


def is_rule(row: str) -> bool:
    """Tell whether a row is blank, or nothing but a line or the edge of a box."""
    return _BORDER.fullmatch(row) is not None


def cells(row: str) -> int:
    """Return how many columns a row takes, nearly: wide characters take two, marks none."""
    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in row)


def last_row(rows: Sequence[str]) -> int:
    """Return the number of the last row with something in it; -1 for none."""
    return next((at for at in range(len(rows) - 1, -1, -1) if not is_rule(rows[at])), -1)


@dataclass(frozen=True, slots=True)
class Choice:
    """Options that are shown one below the other, one of them marked.

    Attributes:
        first, end: The rows that they take: from the first up to, but not including, the end.
        options: Their texts, without numbers.
        marked: Which of them Enter would choose, counted from 0.
        numbered: Digits choose them.
    """

    first: int
    end: int
    options: tuple[str, ...]
    marked: int
    numbered: bool


def find_choice(rows: Sequence[str]) -> Choice | None:
    """Return the lowest options on a screen; None when there are none, or none is marked."""
    shown = [bare(row) for row in rows]
    return _find_numbered(shown) or _find_unnumbered(shown)


def _find_numbered(rows: Sequence[str]) -> Choice | None:
    for at in range(len(rows) - 1, -1, -1):
        match = _OPTION.match(rows[at])
        if match is None or match["number"] != "1":
            continue
        options, marked, end = _numbered_from(rows, at)
        if len(options) > 1 and marked is not None:
            return Choice(at, end, tuple(options), marked, numbered=True)
        return None
    return None


def _numbered_from(rows: Sequence[str], first: int) -> tuple[list[str], int | None, int]:
    options: list[str] = []
    marked: int | None = None
    end = first
    for at in range(first, len(rows)):
        match = _OPTION.match(rows[at])
        if match is not None and int(match["number"]) == len(options) + 1:
            options.append(match["text"].strip())
            if match["caret"]:
                marked = len(options) - 1
            end = at + 1
        elif match is not None or is_rule(rows[at]):
            break
        elif rows[at].startswith("     "):  # an option that was too long for its row
            options[-1] += " " + rows[at].strip()
            end = at + 1
        else:
            break
    return options, marked, end


def _find_unnumbered(rows: Sequence[str]) -> Choice | None:
    """Return options without numbers: neighbours whose texts stand in one column."""
    for at in range(len(rows) - 1, -1, -1):
        match = _UNNUMBERED.fullmatch(rows[at])
        if match is None:
            continue
        column = match.start("text")
        first = at
        while first > 0 and _stands_at(rows[first - 1], column):
            first -= 1
        end = at + 1
        while end < len(rows) and _stands_at(rows[end], column):
            end += 1
        if end - first < 2:  # noqa: PLR2004 - one alone is a composer
            return None
        options = tuple(row[column:].strip() for row in rows[first:end])
        return Choice(first, end, options, at - first, numbered=False)
    return None


def _stands_at(row: str, column: int) -> bool:
    return len(row) > column and not row[:column].strip() and not row[column].isspace()


def has_footer(rows: Sequence[str], choice: Choice) -> bool:
    """Tell whether options end a question: the last row of all names the keys that answer it.

    Below a draft of numbered lines stand a composer's hints, whatever the draft says of keys.
    """
    below = [row for row in rows[choice.end :] if not is_rule(row)]
    return 0 < len(below) <= FOOTER_ROWS and _KEYS.search(below[-1]) is not None


def text_above(rows: Sequence[str], end: int, limit: int = 12) -> list[str]:
    """Return what stands above a row up to a line across the screen, without blank rows."""
    found: list[str] = []
    for row in reversed(rows[max(0, end - limit) : end]):
        inner = bare(row).strip()
        if inner and is_rule(row):
            break
        if inner:
            found.append(inner)
    return found[::-1]


@dataclass(frozen=True, slots=True)
class Composer:
    """The box in which a person writes.

    Attributes:
        first, end: The rows that it takes.
        text: What stands in it, its rows joined by newlines.
        untouched: The cursor stands before the text: it is a suggestion, or nobody's yet.
    """

    first: int
    end: int
    text: str
    untouched: bool


def find_composer(
    screen: Screen, mark: str, below: int, styles: Sequence[OutputLine] = ()
) -> Composer | None:
    """Return the lowest row that begins with the mark of a composer, and what belongs to it.

    What is written in it stands right of the mark, also where it looks like a mark or a rule. An
    empty row or a rule ends it, unless the cursor stands below: then the text goes on there.

    Args:
        mark: What stands before its text, without the blank after it.
        below: How many rows with text may stand below it: hints, a status line.
        styles: The same rows with their styles, where they are known.
    """
    rows = [bare(row) for row in screen.lines]
    for at in range(last_row(screen.lines), -1, -1):
        inner = rows[at].lstrip()
        column = len(rows[at]) - len(inner) + len(mark) + 1
        marked = inner.startswith(mark) and inner[len(mark) : len(mark) + 1] in {"", " ", "\xa0"}
        if marked and column <= MARGIN + len(mark) + 1:
            if rows[at] == screen.lines[at].rstrip():  # no box around it: sides are its text's
                rows = [row.rstrip() for row in screen.lines]
            found = _composer_at(screen, rows, at, column, styles)
            under = sum(not is_rule(row) for row in screen.lines[found.end :])
            return found if under <= below else None
    return None


def _composer_at(
    screen: Screen, rows: Sequence[str], at: int, column: int, styles: Sequence[OutputLine]
) -> Composer:
    end = _end_of(rows, at + 1, column)
    cursor = screen.cursor_row
    if end <= cursor < len(rows) and all(
        not row[:column].strip() for row in rows[end : cursor + 1]
    ):
        end = _end_of(rows, cursor + 1, column)
    text = written("\n".join(row[column:] for row in rows[at:end]))
    inset = screen.lines[at].index(rows[at]) if rows[at] in screen.lines[at] else 0
    if at < len(styles) and styles[at].styles:
        untouched = _is_faint(styles[at], inset + column)
    else:
        untouched = screen.cursor_row == at and screen.cursor_column <= inset + column
    return Composer(at, end, text, untouched)


def written(text: str) -> str:
    """Return what stands in a composer; empty rows around a text are part of it.

    Of a text that is longer than its composer they may be most of what is to be seen.
    """
    return text.strip(" ") if text.strip() else ""


def _end_of(rows: Sequence[str], end: int, column: int) -> int:
    """Return where rows end that have text from a column on, and nothing left of it."""
    while end < len(rows) and rows[end].strip() and not rows[end][:column].strip():
        end += 1
    return end


def _is_faint(line: OutputLine, column: int) -> bool:
    """Tell whether all from a column on is faint, the cursor's own cell (inverse) aside."""
    at, told = 0, False
    for style in line.styles:
        text = line.text[line.offset(max(at, column)) : line.offset(at + style.cells)]
        at += style.cells
        if at <= column or not text.strip() or style.inverse:
            continue
        if not style.faint:
            return False
        told = True
    return told


def seen(fact: Fact, value: Mapping[str, Json], evidence: str = "") -> Sighting:
    """Return a sighting by the screen."""
    return Sighting(fact, value, ObservationSource.SCREEN, evidence[:EVIDENCE_CHARACTERS])


def unbroken(screen: Screen) -> str:
    """Return what fills a screen from its top to the cursor, and ends there; else nothing.

    So stands what a terminal echoes of a line that is longer than its screen: no row but the
    cursor's is shorter than the screen is wide.
    """
    above, below = screen.lines[: screen.cursor_row], screen.lines[screen.cursor_row + 1 :]
    full = all(cells(row) >= screen.size.columns - 1 for row in above)
    if not above or not screen.cursor_column or not full or any(row.strip() for row in below):
        return ""
    return "\n".join(screen.lines[: screen.cursor_row + 1])


def is_scrolled(screen: Screen) -> bool:
    """Tell whether tmux shows a pane's history: then it says where, in the pane's top right corner.

    What an agent prints there itself, at the very edge, only holds a message up.
    """
    above = True  # a pane begins at the top, or below a line that parts it from another
    for row in screen.lines:
        if above and _WHERE.search(row.rstrip()) and _reaches_an_edge(row, screen.size.columns):
            return True
        above = bool(row.strip()) and not row.strip(_PARTING)
    return False


def _reaches_an_edge(row: str, columns: int) -> bool:
    return "]│" in row or cells(row.rstrip()) == columns
