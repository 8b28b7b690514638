"""What Codex's screen and title tell. Pure.

Read from Codex 0.169. From the bottom: a hint, the composer behind its mark, and above it what it
is busy with; or a question with numbered options where the composer would be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iterm_mcp.agents.composers import held, read_composer
from iterm_mcp.agents.screen_rows import (
    Choice,
    Composer,
    bare,
    find_choice,
    find_composer,
    has_footer,
    seen,
    text_above,
)
from iterm_mcp.agents.trouble_rows import find_trouble
from iterm_mcp.models.observations import Fact, Sighting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen

MARK = "\u203a"
BELOW = 3
"""Rows of hints under the composer."""

STATUS_ROWS = 8
"""How far above the composer its status may stand; farther up is the conversation."""

_HINT = "? for shortcuts"
"""All that stands below a composer that is drawn before Codex knows its model and its gates."""

_PAGE = re.compile(r"^\s*Lifecycle hooks from config\b")
_PAGE_KEYS = re.compile(r"\besc close\b")
_BUSY = re.compile(r"(?i)\besc to interrupt\b")
_STATUS = re.compile(r"(?i)\S.*\([^()]*\besc to interrupt\)\s*$")
"""What it is busy with, at the margin; what was said stands to the right of it."""
_SPINNER = re.compile(r"[\u2800-\u28ff]\s")
_PASTED = re.compile(r"\[PastedContent\d+chars\]")
_GATES = (
    ("trust", re.compile(r"(?i)\btrust (?:the contents of |the files in )?this (?:folder|directory)"
                         r"|accessing workspace")),
    ("hooks", re.compile(r"(?i)\bhooks? needs? review")),
    ("login", re.compile(r"(?i)\bsign in with|select login method|log ?in to")),
    ("update", re.compile(r"(?i)\bupdate available")),
    ("theme", re.compile(r"(?i)choose the text style|select (?:a )?theme")),
    ("resume", re.compile(r"(?i)resume a previous session")),
)  # fmt: skip
_COMMAND = re.compile(r"(?i)run the following command|allow command|do you want to proceed")
_EDIT = re.compile(r"(?i)make the following edits|apply (?:the )?(?:patch|changes)")


def read_screen(
    screen: Screen, title: str, styles: Sequence[OutputLine] = ()
) -> tuple[Sighting, ...]:
    """Return what a screen of Codex tells; nothing when it is not one.

    The title is the directory's name, and while it works a spinner stands before it; that the
    spinner is gone tells nothing, so the title only adds to what the screen shows.
    """
    rows = [bare(row) for row in screen.lines]
    choice = find_choice(screen.lines)
    if choice is not None and has_footer(screen.lines, choice):
        return _read_choice(rows, choice)
    if any(map(_PAGE.match, rows)) and any(map(_PAGE_KEYS.search, rows[-BELOW:])):
        return (seen(Fact.GATE, {"name": "hooks"}, "\n".join(filter(None, rows))),)
    composer = find_composer(screen, MARK, BELOW, styles)
    if composer is None:
        return ()
    below = [row.strip() for row in rows[composer.end :] if row.strip()]
    early = not title.strip() and below == [_HINT]
    return _around(rows, composer, works=_SPINNER.match(title) is not None, early=early)


def _read_choice(rows: Sequence[str], choice: Choice) -> tuple[Sighting, ...]:
    above = text_above(rows, choice.first)
    text = "\n".join(above)
    gate = next((name for name, pattern in _GATES if pattern.search(text)), None)
    if gate is not None:
        # Digits mark an option of a gate, and do not choose it.
        options: dict[str, Json] = {"options": [*choice.options], "marked": choice.marked}
        return (seen(Fact.GATE, {"name": gate, "numbered": False, **options}, text),)
    asked = next((at for at, row in enumerate(above) if _COMMAND.search(row)), 0)
    above = above[asked:]
    text = "\n".join(above)
    tool = "Bash" if _COMMAND.search(text) else "Edit" if _EDIT.search(text) else ""
    command = next((row[2:] for row in above if row.startswith("$ ")), "")
    dialog: dict[str, Json] = {
        "asks": "permission" if tool else "question",
        "tool": tool,
        "text": text,
        "options": list(choice.options),
        "marked": choice.marked,
        "numbered": choice.numbered,
    }
    if command:
        dialog["input"] = {"command": command}
    return (
        seen(Fact.GATE, {}),
        seen(Fact.DIALOG, dialog, text),
        seen(Fact.ACTIVITY, {"is": "waiting", "for": str(dialog["asks"])}, text),
    )


def _around(
    rows: Sequence[str], composer: Composer, *, works: bool, early: bool
) -> tuple[Sighting, ...]:
    above, below = rows[max(0, composer.first - STATUS_ROWS) : composer.first], rows[composer.end :]
    status = next((row for row in above if _STATUS.match(row)), "")
    status = status or next((row for row in below if _BUSY.search(row)), "")
    own = [row for row in above if row[:1].strip(f"{MARK} ")]  # the rest was said, or told
    return read_composer(
        composer,
        held(composer, _PASTED),
        status,
        find_trouble([*own, *below]),
        busy=bool(status) or works,
        early=early,
    )
