"""What Gemini CLI's title and screen tell. Pure.

Read from Gemini CLI 0.61. The title says exactly what it does, unless its user has switched that
off; the composer stands behind ``>`` above two rows of hints; a question is a box with numbered
options in the composer's place.
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
_TRUST_OPTION = re.compile(r"(?i)trust (?:parent )?folder\b")
"""An option of the trust gate, whose question may have left a small pane."""

_AGAIN = re.compile(r"\s*Gemini CLI is restarting to apply")
_HINT = re.compile(r"\s*(?:\? for shortcuts|Shift\+Tab to accept edits)\s*")
_BUSY = re.compile(r"(?i)\besc to cancel, |\((?:esc|press esc) to cancel\)")
_STATUS = re.compile(r"\s?[\u2800-\u28ff]\s")
"""How the row of its spinner begins."""
_PASTED = re.compile(r"\[PastedText:\d+(?:lines|chars)\]")
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
    composer = find_composer(screen, MARK, BELOW, styles)
    again = next((at for at in range(len(rows) - 1, -1, -1) if _AGAIN.match(rows[at])), -1)
    if again >= 0 and (composer is None or composer.first < again):
        # The trust gate still stands there, and what is typed goes nowhere.
        return (
            seen(Fact.GATE, {}),
            seen(Fact.DIALOG, {}),
            seen(Fact.ACTIVITY, {"is": "starting"}, rows[again]),
        )
    choice = find_choice(screen.lines)
    if (
        choice is not None
        and not (composer is not None and composer.first <= choice.first < composer.end)
        and _is_asked(screen.lines, choice)
    ):
        return _read_choice(screen.lines, choice)
    if composer is not None:
        early = not any(_is_said(row) for row in rows[again + 1 : composer.first])
        return (*_around(rows, composer, early=early), *_titled(title, early=early))
    if (gate := _gate_of("\n".join(rows[-20:]))) is not None and "(Press Enter" in "".join(rows):
        return (seen(Fact.GATE, {"name": gate}),)
    return _titled(title)


def _is_asked(rows: Sequence[str], choice: Choice) -> bool:
    """Tell whether options stand in a box that ends the screen, or above the keys for them."""
    below = [bare(row).strip() for row in rows[choice.end :]]
    boxed = bare(rows[choice.first]) != rows[choice.first].rstrip()
    return has_footer(rows, choice) or (boxed and MARK not in {row[:1] for row in below})


def _is_said(row: str) -> bool:
    """Tell whether a row above the composer is of the header or the chat; both come before gates.

    A composer with nothing above it may be followed by a gate.
    """
    return not is_rule(row) and _HINT.fullmatch(row) is None


def _titled(title: str, *, early: bool = False) -> tuple[Sighting, ...]:
    activity = next((word for word, one in _TITLES if one.match(title)), None)
    if activity is None:
        return ()
    told: dict[str, Json] = {"is": activity}
    if early and activity == "idle":
        told["early"] = True
    return (Sighting(Fact.ACTIVITY, told, ObservationSource.TITLE, title[:100].rstrip()),)


def _gate_of(text: str) -> str | None:
    return next((name for name, pattern in _GATES if pattern.search(text)), None)


def _read_choice(rows: Sequence[str], choice: Choice) -> tuple[Sighting, ...]:
    above = _box_above(rows, choice)
    text = "\n".join(above)
    options: dict[str, Json] = {
        "options": [*choice.options], "marked": choice.marked, "numbered": choice.numbered
    }  # fmt: skip
    trusts = any(map(_TRUST_OPTION.match, choice.options))
    if (gate := "trust" if trusts else _gate_of(text)) is not None:
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


def _around(rows: Sequence[str], composer: Composer, *, early: bool) -> tuple[Sighting, ...]:
    above = rows[max(0, composer.first - STATUS_ROWS) : composer.first]
    spinners = [row for row in above if _STATUS.match(row)]
    status = next((row for row in [*spinners, *rows[composer.end :]] if _BUSY.search(row)), "")
    trouble = find_trouble(row for row in above if row[:2].strip(f"{MARK} "))
    return read_composer(
        composer,
        held(composer, _PASTED, PLACEHOLDER),
        status,
        trouble,
        busy=bool(status or trouble),
        early=early,
    )
