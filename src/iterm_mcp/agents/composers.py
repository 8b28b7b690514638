"""What Codex and Gemini CLI share of their composers: what they tell, how they are emptied. Pure.

Both are edited with the keys of Emacs, gather a long paste into a word of their own, and show
what the agent is busy with around the composer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.agents.kind import Stroke
from iterm_mcp.agents.screen_rows import seen
from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from iterm_mcp.agents.screen_rows import Composer
    from iterm_mcp.models.observations import Json, Sighting

CLEAR_LINES = 20
"""How many lines of a draft are cleared; longer ones stay as they are, and are seen to."""

_CLEAR_LINE = "\x05\x15\x7f"
"""Ctrl-E, ctrl-U and backspace: to the line's end, all before it, and the newline above."""

_CLEAR_SECONDS = 0.02


def cleared() -> tuple[Stroke, ...]:
    """Return the strokes that delete up to `CLEAR_LINES` lines, from the last one up.

    In an empty composer they do nothing. Ctrl-C would empty it too, but quits when it is empty.
    """
    return (Stroke(_CLEAR_LINE, pause_seconds=_CLEAR_SECONDS),) * CLEAR_LINES


def read_composer(
    composer: Composer,
    holds: dict[str, Json],
    status: str,
    trouble: Mapping[str, Json],
    *,
    busy: bool,
    early: bool,
) -> tuple[Sighting, ...]:
    """Return what a screen tells on which the composer stands: neither gate nor dialog does.

    Args:
        holds: See `held`.
        status: The row that says what it is busy with; empty for none.
        early: The composer may be drawn before the agent can be told anything.
    """
    does: dict[str, Json] = {"is": "busy" if busy else "idle"}
    if early and not busy:
        does["early"] = True
    return (
        seen(Fact.GATE, {}),
        seen(Fact.DIALOG, {}),
        seen(Fact.TROUBLE, trouble, status),
        seen(Fact.ACTIVITY, does, status),
        seen(Fact.COMPOSER, holds, composer.text),
    )


def held(composer: Composer, gathered: re.Pattern[str], placeholder: str = "") -> dict[str, Json]:
    """Return what a composer holds.

    Args:
        gathered: The word for a long paste, without blanks.
        placeholder: What it shows while it is empty, where that never changes.
    """
    if not composer.text:
        return {"holds": "nothing"}
    if gathered.search("".join(composer.text.split())):
        return {"holds": "pasted", "text": composer.text}
    ghost = composer.untouched or composer.text == placeholder
    return {"holds": "ghost" if ghost else "draft", "text": composer.text}
