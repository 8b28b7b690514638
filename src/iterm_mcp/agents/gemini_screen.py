"""What Gemini CLI's title and screen tell. Pure.

Read from Gemini CLI 0.61. The title says exactly what it does, unless its user has switched that
off; the composer stands behind ``>`` above two rows of hints; a question is a box with numbered
options in the composer's place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iterm_mcp.agents.screen_rows import (
    Choice,
    Composer,
    bare,
    find_choice,
    find_composer,
    has_footer,
    is_rule,
    seen,
    text_above,
)
from iterm_mcp.agents.trouble_rows import find_trouble
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen

MARK = ">"
BELOW = 4
STATUS_ROWS = 8
PLACEHOLDER = "Type your message or @path/to/file"
_TITLES = (
    ("idle", re.compile(r"\u25c7\s+Ready\b")),
    ("waiting", re.compile(r"\u270b\s")),
    ("busy", re.compile(r"[\u2726\u23f2]\s")),
)
_BUSY = re.compile(r"(?i)\besc to cancel, |\((?:esc|press esc) to cancel\)")
_PASTED = re.compile(r"\[Pasted Text: \d+ (?:lines|chars)\]")
_TOOL = re.compile(r"^\W*\?\s+(?P<tool>\w[\w -]*?)(?:\s{2,}(?P<input>\S.*))?$")
_PERMISSION = re.compile(
    r"(?i)allow (?:execution|access)|apply this change|do you want to (?:proceed|allow)"
)
_GATES = (
    ("trust", re.compile(r"(?i)do you trust|trust the files|accessing workspace")),
    ("login", re.compile(r"(?i)how would you like to authenticate|select login method"
                         r"|enter gemini api key|waiting for auth")),
    ("theme", re.compile(r"(?i)select theme|choose the text style")),
    ("resume", re.compile(r"(?i)browse sessions|resume a session")),
)  # fmt: skip


def read_screen(
    screen: Screen, title: str, styles: Sequence[OutputLine] = ()
) -> tuple[Sighting, ...]:
    """Return what a screen of Gemini CLI and its title tell; nothing when it is not one.

    At a gate the title says that it is ready, and is not believed.
    """
    rows = [bare(row) for row in screen.lines]
    choice = find_choice(screen.lines)
    if choice is not None and _is_asked(screen.lines, choice):
        return _read_choice(screen.lines, choice)
    if (gate := _gate_of("\n".join(rows[-20:]))) is not None and "(Press Enter" in "".join(rows):
        return (seen(Fact.GATE, {"name": gate}),)
    composer = find_composer(screen, MARK, BELOW, styles)
    if composer is None:
        return _titled(title)
    return (*_read_composer(rows, composer), *_titled(title))


def _is_asked(rows: Sequence[str], choice: Choice) -> bool:
    """Tell whether options stand in a box that ends the screen, or above the keys for them."""
    below = [bare(row).strip() for row in rows[choice.end :]]
    boxed = bare(rows[choice.first]) != rows[choice.first].rstrip()
    return has_footer(rows, choice) or (boxed and MARK not in {row[:1] for row in below})


def _titled(title: str) -> tuple[Sighting, ...]:
    activity = next((word for word, one in _TITLES if one.match(title)), None)
    if activity is None:
        return ()
    told: dict[str, Json] = {"is": activity}
    return (Sighting(Fact.ACTIVITY, told, ObservationSource.TITLE, title[:100].rstrip()),)


def _gate_of(text: str) -> str | None:
    return next((name for name, pattern in _GATES if pattern.search(text)), None)


def _read_choice(rows: Sequence[str], choice: Choice) -> tuple[Sighting, ...]:
    above = _box_above(rows, choice)
    text = "\n".join(above)
    options: dict[str, Json] = {
        "options": [*choice.options], "marked": choice.marked, "numbered": choice.numbered
    }  # fmt: skip
    if (gate := _gate_of(text)) is not None:
        return (seen(Fact.GATE, {"name": gate, **options}, text),)
    asks = "permission" if _PERMISSION.search(text) else "question"
    dialog: dict[str, Json] = {"asks": asks, "tool": "", "text": text, **options}
    tool = next((match for row in above if (match := _TOOL.match(row))), None)
    if tool is not None and asks == "permission":
        dialog["tool"] = tool["tool"]
        dialog["input"] = {"command": tool["input"]} if tool["input"] else {}
    return (
        seen(Fact.GATE, {}),
        seen(Fact.DIALOG, dialog, text),
        seen(Fact.ACTIVITY, {"is": "waiting", "for": asks}, text),
    )


def _box_above(rows: Sequence[str], choice: Choice) -> list[str]:
    """Return what a question's box says above its options: all from its upper edge on."""
    top = choice.first
    while top > 0 and not rows[top - 1].lstrip().startswith("\u256d\u2500\u2500"):
        top -= 1
    if top == 0:
        return text_above(rows, choice.first)
    return [inner for row in rows[top : choice.first] if not is_rule(inner := bare(row).strip())]


def _read_composer(rows: Sequence[str], composer: Composer) -> tuple[Sighting, ...]:
    above = rows[max(0, composer.first - STATUS_ROWS) : composer.first]
    status = next((row for row in [*above, *rows[composer.end :]] if _BUSY.search(row)), "")
    trouble = find_trouble(above)
    return (
        seen(Fact.GATE, {}),
        seen(Fact.DIALOG, {}),
        seen(Fact.TROUBLE, trouble, status),
        seen(Fact.ACTIVITY, {"is": "busy" if status or trouble else "idle"}, status),
        seen(Fact.COMPOSER, _holds(composer), composer.text),
    )


def _holds(composer: Composer) -> dict[str, Json]:
    if not composer.text:
        return {"holds": "nothing"}
    if _PASTED.search(composer.text):
        return {"holds": "pasted", "text": composer.text}
    ghost = composer.text == PLACEHOLDER or composer.untouched
    return {"holds": "ghost" if ghost else "draft", "text": composer.text}
