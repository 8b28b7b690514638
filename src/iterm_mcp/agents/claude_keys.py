r"""What is typed to tell, answer, interrupt and end Claude Code. Pure.

Measured with 2.1.329 and 2.1.330: a paste of up to three lines and 800 characters is taken as
typed; a larger one reaches the model between tags that say that nobody typed it. So the beginning
of a long text, its order, goes by itself, and the rest is honestly a paste. Enter is ``\r``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.agents.kind import Stroke
from iterm_mcp.agents.strokes import (
    ENTER,
    ESCAPE,
    LEAD_CHARACTERS,
    LEAD_LINES,
    SUBMIT_PAUSE_SECONDS,
    check_order,
    check_text,
    choose,
    options_of,
)
from iterm_mcp.errors import InvalidRequestError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.observations import Json

KEY_PAUSE_SECONDS = 0.05
"""Between keys: several in one read may be taken for a paste."""

LINE_START = "\x15"
"""Ctrl-U deletes back to the line's beginning."""
BACKSPACE = "\x7f"
CLEARED_LINES = 8


def compose(text: str, *, raw: bool = False) -> tuple[Stroke, ...]:
    """Return the strokes that put a text into the composer and submit it.

    Args:
        raw: Let it begin as a command does, with ``/`` or ``!``.

    Raises:
        InvalidRequestError: See `strokes.check_order`.
    """
    if raw:
        check_text(text)
    else:
        check_order(text)
    if text.endswith("\\"):
        text += " "  # a backslash before Enter makes it a newline; blanks at the end are dropped
    if raw:
        return Stroke(text, pause_seconds=SUBMIT_PAUSE_SECONDS), Stroke(ENTER)
    lead, rest = split_order(text)
    parts = [part for part in (lead, rest) if part]
    pastes = [Stroke(part, paste=True, pause_seconds=SUBMIT_PAUSE_SECONDS) for part in parts]
    return (*pastes, Stroke(ENTER))


def split_order(text: str) -> tuple[str, str]:
    """Return the beginning of a text that is taken as typed, and the rest, which is a paste.

    The text is cut between lines, or within its first line between words. The newline or blank
    there is left out where a newline comes in its place: before the tags around what is large. The
    beginning is empty where a first word is too long.
    """
    lines = text.split("\n")
    if len(lines) <= LEAD_LINES and len(text) <= LEAD_CHARACTERS:
        return text, ""
    kept = ""
    for count in range(1, LEAD_LINES + 1):
        lead = "\n".join(lines[:count])
        if len(lead) > LEAD_CHARACTERS:
            break
        kept = lead
    end = len(kept) if kept else max(text.rfind(" ", 0, LEAD_CHARACTERS + 1), 0)
    rest = text[end:]
    return text[:end], rest[1:] if end and _is_tagged(rest[1:]) else rest


def _is_tagged(paste: str) -> bool:
    """Tell whether a paste reaches the model between tags."""
    return paste.count("\n") >= LEAD_LINES or len(paste) > LEAD_CHARACTERS


def clear() -> tuple[Stroke, ...]:
    """Return the strokes that empty the composer of up to eight lines, from its end.

    No Escape: two of them open the conversation's past. No ctrl-C: it may end the program.
    """
    line = (
        Stroke(LINE_START, pause_seconds=KEY_PAUSE_SECONDS),
        Stroke(BACKSPACE, pause_seconds=KEY_PAUSE_SECONDS),
    )
    return line * CLEARED_LINES


def interrupt() -> tuple[Stroke, ...]:
    """Return the one Escape that ends a turn; the prompt may come back into the composer."""
    return (Stroke(ESCAPE),)


def leave() -> tuple[Stroke, ...]:
    """Return the strokes that end the program; its composer has to be empty."""
    return Stroke("/exit", pause_seconds=SUBMIT_PAUSE_SECONDS), Stroke(ENTER)


def answer(dialog: Mapping[str, Json], choice: str) -> tuple[Stroke, ...]:
    """Return the strokes that choose an option of a dialog; see `AgentKind.answer`.

    Of a permission whose options are not known, as hooks tell it, only what every such dialog has
    can be chosen: ``deny`` is Escape, and ``allow`` the first option.

    Raises:
        InvalidRequestError: The dialog has no such option; the hint lists them.
    """
    if choice == "deny":
        return (Stroke(ESCAPE),)  # it refuses in every dialog, and never does anything else
    if not options_of(dialog):
        if choice == "allow" and dialog.get("asks") == "permission" and not _is_plan(dialog):
            return (Stroke("1"),)
        raise InvalidRequestError(
            f"the dialog's options are not known, so {shown(choice)!r} cannot be chosen",
            hint="Choose deny, or look at its screen and type the option's number.",
            code="no_such_option",
        )
    return choose(dialog, choice)


def _is_plan(dialog: Mapping[str, Json]) -> bool:
    """Tell whether it asks about a plan, whose first option allows more than the plan."""
    return dialog.get("tool") == "ExitPlanMode"
