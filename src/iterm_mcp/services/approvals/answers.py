"""Approvals as JSON, for models, programs and people alike. Pure.

What an agent asks is text that it chose, or that its screen showed: it is data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.approvals import Approval
    from iterm_mcp.models.observations import Json

CHARACTERS = 2000
"""How much of one text is shown; a tool's input may hold a whole file."""

ITEMS = 50
DEPTH = 6


def approval_answer(approval: Approval, now: datetime) -> dict[str, Json]:
    """Return an approval; what does not apply is left out."""
    answer: dict[str, Json] = {
        "approval_id": approval.approval_id,
        "agent": approval.agent,
        "asks": approval.asks.value,
    }
    if approval.tool:
        answer["tool"] = _text(approval.tool)
    if approval.input:
        answer["input"] = _shown(dict(approval.input))
    if approval.text and approval.text not in approval.input.values():
        answer["text"] = _text(approval.text)
    if approval.options:
        answer["options"] = [_text(one) for one in approval.options]
    answer["asked_at"] = approval.asked_at.isoformat(timespec="seconds")
    given = approval.answer
    if given is None:
        answer["age_seconds"] = max(0, round((now - approval.asked_at).total_seconds()))
        return answer
    answer["answer"] = {
        "choice": _text(given.choice),
        "by": _text(given.by),
        "channel": given.channel.value,
        "at": given.at.isoformat(timespec="seconds"),
        **({"message": _text(given.message)} if given.message else {}),
    }
    return answer


def _shown(value: Json | Mapping[str, Json], depth: int = 0) -> Json:
    """Return a value with each text made safe and short; what is nested too deep is left out."""
    if isinstance(value, str):
        return _text(value)
    if depth >= DEPTH and isinstance(value, (dict, list)):
        return "…"
    if isinstance(value, dict):
        items = list(value.items())[:ITEMS]
        return {_text(str(key)): _shown(one, depth + 1) for key, one in items}
    if isinstance(value, list):
        return [_shown(one, depth + 1) for one in value[:ITEMS]]
    return value if isinstance(value, (bool, int, float)) else None


def _text(text: str) -> str:
    safe = sanitise(text)
    if len(safe) <= CHARACTERS:
        return safe
    return f"{safe[:CHARACTERS]}… ({len(safe) - CHARACTERS} more characters)"
