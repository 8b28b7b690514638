"""What a screen of Claude Code shows: its composer, dialogs, gates, retries, queue. Pure.

Read from 2.1.330 (recordings of it are the tests' fixtures). From below: a row of hints, a rule,
the composer, a rule, and above it what it is busy with and the conversation. A dialog takes the
composer's place, and so does a gate. What the conversation says of all this is not looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.claude_hooks import dialog_id
from iterm_mcp.agents.screen_rows import Choice, find_choice, written
from iterm_mcp.agents.trouble_rows import find_trouble
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen

EVIDENCE_CHARACTERS = 2000
MARK = "\u276f"
MARK_COLUMNS = 2
STATUS_ROWS = 12
"""How far above the composer its status may stand; farther up is the conversation."""
DIALOG_ROWS = 60

_RULE = re.compile(r"─{8}")
"""The edge of the composer. It begins at the margin, where nothing that is typed can stand."""
_TOP = re.compile(r"\s*[─▔]{8}")
_UNSAID = re.compile(r"[╌┄-]{8}|Tip: ")
"""Rows of a dialog that are not about what is asked."""
_COMPOSER = re.compile(rf"[{MARK}!#](?:[ \xa0]|$)")
_FOOTER = re.compile(
    r"(?i)\b(?:esc to (?:cancel|go back|exit|close)|enter to (?:confirm|select|continue))\b"
)
_BUSY = re.compile(r"(?i)\besc to interrupt\b")
_COMPACTING = re.compile(r"(?i)^\W*compacting conversation")
_STATUS = re.compile(r"[·✢✳✶✻✽*]\s|\s*⎿")
_QUEUED = re.compile(r"\s*⎿\s+Queued · .*to send now")
_LABEL = re.compile(rf"\s*(?:{MARK}\s*)?\d{{1,2}}\. +(.*)")
_PASTED = re.compile(r"\[Pastedtext#\d+(?:\+\d+lines)?\]")
"""Without blanks: it may be wrapped anywhere."""
_ASKS = re.compile(r"(?i)do you want to\b")
_BACKGROUND = re.compile(r"· (\d+) (?:shell|background task|local agent|task)s?\b")
_RESEND = re.compile(r"(?i)\bresend your message\b")
_FAILURES = (
    ("rate_limited", re.compile(r"(?i)\(429\)|\b429\b|limit reached|hit your .*limit")),
    ("auth_failed", re.compile(r"(?i)invalid api key|\b401\b|/login|oauth token|authenticat")),
    ("overloaded", re.compile(r"(?i)\b529\b|overloaded")),
    ("billing", re.compile(r"(?i)credit balance|billing")),
)
_TRANSCRIPT = re.compile(r"\s*Showing detailed transcript\b")
_QUESTION = re.compile(r"(?i)^enter to select\b|^[☐☒✔□]\s")
_IDLE_TITLE = "✳"
_BUSY_TITLE = re.compile(r"[◐◓◑◒\u2801-\u28ff] ")

_GATES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("trust", re.compile(r"(?i)\btrust this folder\b|accessing workspace|do you trust the files")),
    ("login", re.compile(r"(?i)select login method|paste code here if prompted")),
    ("theme", re.compile(r"(?i)choose the (?:text style|option) that looks best|^theme$")),
    ("api_key", re.compile(r"(?i)detected a custom api key")),
    ("bypass", re.compile(r"(?i)bypass permissions mode")),
    ("resume", re.compile(r"(?i)^resume (?:session|conversation|a conversation)")),
    ("update", re.compile(r"(?i)update (?:is )?required|needs an update")),
)
"""What stands before the composer, by words of its own."""

_TOOLS: Mapping[str, str] = {
    "bash": "Bash", "edit": "Edit", "create": "Write", "write": "Write", "overwrite": "Write",
    "fetch": "WebFetch", "read": "Read", "notebook": "NotebookEdit", "search": "WebSearch",
}  # fmt: skip
"""Tools by the first word of a permission's title."""


@dataclass(frozen=True, slots=True)
class View:
    """What a screen shows.

    Attributes:
        composer: `Fact.COMPOSER`'s value; None when there is none, as under a dialog.
        dialog, gate: Such values, or empty.
        trouble: `Fact.TROUBLE`'s value, or empty.
        activity: ``idle``, ``busy``, ``waiting``, ``compacting``.
        queued: The prompts that wait, as far as they are shown.
        background: How many shells and the like go on.
        evidence: The rows that were read.
    """

    activity: str
    composer: Mapping[str, Json] | None = None
    dialog: Mapping[str, Json] = field(default_factory=dict)
    gate: Mapping[str, Json] = field(default_factory=dict)
    trouble: Mapping[str, Json] = field(default_factory=dict)
    queued: tuple[str, ...] = ()
    background: int = 0
    evidence: str = ""


def screen_sightings(
    screen: Screen, title: str, styles: Sequence[OutputLine] = ()
) -> tuple[Sighting, ...]:
    """Return what a screen and its title tell; nothing where it shows no Claude Code.

    Args:
        styles: The screen's rows with their styles, if they were asked for.
    """
    view = read_view(screen, styles)
    if view is None:
        return ()

    def seen(fact: Fact, value: Mapping[str, Json]) -> Sighting:
        return Sighting(fact, value, ObservationSource.SCREEN, view.evidence[-EVIDENCE_CHARACTERS:])

    told = [seen(Fact.GATE, view.gate), seen(Fact.DIALOG, view.dialog)]
    if view.composer is not None:
        told += [seen(Fact.COMPOSER, view.composer), seen(Fact.TROUBLE, view.trouble)]
        told.append(seen(Fact.BACKGROUND, {"count": view.background} if view.background else {}))
        told += [seen(Fact.TURN, {"phase": "queued", "prompt": one}) for one in view.queued]
    if not view.gate:
        activity: dict[str, Json] = {"is": view.activity}
        if view.dialog:
            asks = view.dialog["asks"]
            activity["for"] = "input needed" if asks == "question" else "permission prompt"
        told.append(seen(Fact.ACTIVITY, activity))
    if _BUSY_TITLE.match(title) and view.activity != "waiting":
        # Its title at rest tells nothing: it is the same while a dialog waits.
        told.append(Sighting(Fact.ACTIVITY, {"is": "busy"}, ObservationSource.TITLE, title[:200]))
    elif title.startswith(_IDLE_TITLE) and view.activity == "idle" and not view.trouble:
        told.append(Sighting(Fact.ACTIVITY, {"is": "idle"}, ObservationSource.TITLE, title[:200]))
    return tuple(told)


def read_view(screen: Screen, styles: Sequence[OutputLine] = ()) -> View | None:
    """Return what a screen shows; None where it shows no Claude Code, or nothing that is known."""
    rows = [row.rstrip() for row in screen.lines]
    box = _find_box(rows)
    if box is not None:
        return _read_composer(screen, rows, box, styles)
    return _read_choice(rows)


def _find_box(rows: Sequence[str]) -> tuple[int, int] | None:
    """Return the composer's first row and the rule below it; None where the lowest box is none."""
    below = None
    for at in range(len(rows) - 1, 0, -1):
        if _RULE.match(rows[at]):
            below = at
        elif below is not None and _RULE.match(rows[at - 1]):
            return (at, below) if _COMPOSER.match(rows[at]) and not _is_option(rows[at]) else None
    return None


def _is_option(row: str) -> bool:
    """Tell options from a numbered list that is being written, whose blank does not break."""
    return re.match(rf"{MARK} \d+\. ", row) is not None


def _read_composer(
    screen: Screen, rows: Sequence[str], box: tuple[int, int], styles: Sequence[OutputLine]
) -> View:
    first, rule = box
    hints = "\n".join(rows[rule + 1 :])
    status = _status_rows(rows, first - 1)
    composer = _holds(screen, rows, box, styles)
    trouble = find_trouble(status)
    if _RESEND.search(str(composer.get("text", ""))) and composer["holds"] == "ghost":
        trouble = _failure(rows, first - 1) or trouble
    busy = _BUSY.search(hints) is not None
    if any(_COMPACTING.match(row) for row in status):
        activity = "compacting"
    else:
        activity = "busy" if busy else "idle"
    return View(
        activity,
        composer=composer,
        trouble=trouble,
        queued=_queued(rows, first - 1),
        background=sum(int(one) for one in _BACKGROUND.findall(hints)),
        evidence="\n".join([*status, *rows[first : rule + 2]]),
    )


def _failure(rows: Sequence[str], rule: int) -> dict[str, Json]:
    """Return why the last turn failed; its composer suggests to send the message again."""
    for row in reversed(rows[:rule]):
        if row.startswith(MARK):
            break
        for what, words in _FAILURES:
            if words.search(row):
                return {"what": what, "text": row.strip(" \xa0●⎿")}
    return {}


def _status_rows(rows: Sequence[str], rule: int) -> list[str]:
    """Return the lowest rows above the composer that tell of its state, not what was said.

    They begin with the spinner, or hang below it.
    """
    found: list[str] = []
    for row in reversed(rows[max(0, rule - STATUS_ROWS) : rule]):
        if not row.strip() or row.startswith("      "):  # hints at the right hang there, too
            if found and not row.strip():
                break
            continue
        if not _STATUS.match(row) and not found:
            break
        found.append(row)
    return found[::-1]


def _holds(
    screen: Screen, rows: Sequence[str], box: tuple[int, int], styles: Sequence[OutputLine]
) -> dict[str, Json]:
    first, rule = box
    text = written("\n".join(row[MARK_COLUMNS:] for row in rows[first:rule]))
    if not text:
        return {"holds": "nothing"}
    if rows[first][0] != MARK:  # a shell's command, or a note: a person's in any case
        return {"holds": "draft", "text": rows[first][0] + text}
    if _PASTED.search("".join(text.split())):
        return {"holds": "pasted", "text": text}
    ghost = _is_faint(styles[first]) if first < len(styles) else None
    if ghost is None:
        # The cursor stands before a suggestion, and nearly always after what was typed.
        ghost = (screen.cursor_row, screen.cursor_column) == (first, MARK_COLUMNS)
    return {"holds": "ghost" if ghost else "draft", "text": text}


def _is_faint(line: OutputLine) -> bool | None:
    """Tell whether a composer's row is a suggestion; None when the row has no styles.

    The cursor stands on its first cell, which need not be faint.
    """
    if not line.styles:
        return None
    column, faint, plain = 0, 0, 0
    for run in line.styles:
        start, column = max(column, MARK_COLUMNS + 1), column + run.cells
        shown = line.text[line.offset(start) : line.offset(column)].strip()
        if shown and run.faint:
            faint += len(shown)
        elif shown:
            plain += len(shown)
    return faint > 0 and plain == 0


def _queued(rows: Sequence[str], rule: int) -> tuple[str, ...]:
    """Return the prompts that wait above the line that says so."""
    for at in range(rule, -1, -1):
        if not _QUEUED.match(rows[at]):
            continue
        prompts: list[str] = []
        part: list[str] = []
        for row in reversed(rows[max(0, at - STATUS_ROWS) : at]):
            if row.startswith(f"{MARK} "):
                prompts.append("\n".join([row[MARK_COLUMNS:], *reversed(part)]))
                part = []
            elif row.startswith("  ") and row.strip():
                part.append(row.strip())
            else:
                break
        return tuple(reversed(prompts))
    return ()


def _read_choice(rows: Sequence[str]) -> View | None:
    """Return a dialog or a gate; None when there is none at the screen's bottom."""
    last = max((at for at, row in enumerate(rows) if row.strip()), default=-1)
    if last >= 0 and _TRANSCRIPT.match(rows[last]):
        return View("idle", gate={"name": "transcript"}, evidence=rows[last])
    choice = find_choice(rows)
    footer = next(
        (at for at in range(last, max(-1, last - 3), -1) if _FOOTER.search(rows[at])), None
    )
    top = _top(rows, choice.first if choice else last)
    above = [row.strip() for row in rows[top : choice.first if choice else last + 1]]
    text = [row for row in above if row and not _UNSAID.match(row)]
    evidence = "\n".join(rows[top : last + 1])
    joined = "\n".join(text)
    gate = next((name for name, words in _GATES if any(words.search(row) for row in text)), None)
    if gate is not None and (choice is not None or footer is not None):
        value: dict[str, Json] = {"name": gate, "text": joined}
        if choice is not None:
            value |= _options(choice)
        return View("waiting", gate=value, evidence=evidence)
    asks = any(_ASKS.match(row) for row in text)
    if choice is None or (footer is None and not (asks and choice.end > last)):
        return None
    if not asks or (footer is not None and _is_question(text, rows[footer])):
        choice = replace(choice, options=tuple(_labels(rows, choice)))
        return View("waiting", dialog=_dialog("question", text, choice), evidence=evidence)
    return View("waiting", dialog=_dialog("permission", text, choice), evidence=evidence)


def _top(rows: Sequence[str], end: int) -> int:
    """Return the first row of what stands below the last whole rule above a row."""
    for at in range(end - 1, max(-1, end - DIALOG_ROWS), -1):
        if _TOP.match(rows[at]):
            return at + 1
    return max(0, end - DIALOG_ROWS)


def _labels(rows: Sequence[str], choice: Choice) -> list[str]:
    """Return the options of a question without what is said of each in the rows below it."""
    found = (_LABEL.match(row) for row in rows[choice.first : choice.end])
    return [match[1].strip() for match in found if match is not None]


def _options(choice: Choice) -> dict[str, Json]:
    return {
        "options": list(choice.options), "marked": choice.marked, "numbered": choice.numbered,
    }  # fmt: skip


def _is_question(text: Sequence[str], footer: str) -> bool:
    return any(_QUESTION.search(row.strip()) for row in (footer, *text[:1]))


def _dialog(asks: str, text: Sequence[str], choice: Choice) -> dict[str, Json]:
    first = text[0].partition(" ")[0].casefold() if text else ""
    return {
        "id": dialog_id("screen", asks, [*text, *choice.options]),
        "asks": asks,
        "tool": _TOOLS.get(first, "") if asks == "permission" else "",
        "input": {},
        "text": "\n".join(text),
        **_options(choice),
    }
