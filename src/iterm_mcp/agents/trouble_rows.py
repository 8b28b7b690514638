"""What agents show when the service of their model refuses them. Pure.

Only the rows around a composer are looked at: agents talk about rate limits, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.models.observations import Json

_RETRY = re.compile(r"(?i)\b(?:retrying in|reconnecting|retrying\b)")
_ATTEMPT = re.compile(r"(?i)(?:attempt |retrying |reconnecting\W*)(\d+)\s*/\s*(\d+)")
_LIMIT = re.compile(r"(?i)\b429\b|rate.?limit|usage limit|quota|slow down|too many requests")
_AUTH = re.compile(
    r"(?i)\b401\b|\b403\b|unauthori[sz]ed|authentication|invalid api key|log ?in again"
)
_BILLING = re.compile(r"(?i)billing|credit balance|payment")
_OVERLOADED = re.compile(r"(?i)\b529\b|\b503\b|overloaded|at capacity")
_GIVEN_UP = re.compile(
    r"(?i)^\W*(?:exceeded retry limit|unexpected status|stream (?:error|disconnected))"
)
_LIMIT_REACHED = re.compile(r"(?i)(?:hit|reached|exceeded) your [\w ]*limit")
_UNTIL = re.compile(r"(?i)(?:try again (?:at|in)|resets? (?:at|in)) ([^.·)]{2,40})")


def find_trouble(rows: Iterable[str]) -> dict[str, Json]:
    """Return the value of `Fact.TROUBLE` that some rows show; empty for none."""
    for row in rows:
        if not any(one.search(row) for one in (_RETRY, _GIVEN_UP, _LIMIT_REACHED)):
            continue
        trouble: dict[str, Json] = {"what": trouble_word(row)}
        attempt = _ATTEMPT.search(row)
        if attempt is not None:
            trouble |= {"attempt": int(attempt[1]), "of": int(attempt[2])}
        until = _UNTIL.search(row)
        if until is not None:
            trouble["until"] = until[1].strip()
        return trouble
    return {}


def trouble_word(text: str) -> str:
    """Return the word of `Fact.TROUBLE` for what a service said."""
    for what, pattern in (
        ("rate_limited", _LIMIT),
        ("rate_limited", _LIMIT_REACHED),
        ("auth_failed", _AUTH),
        ("billing", _BILLING),
        ("overloaded", _OVERLOADED),
    ):
        if pattern.search(text):
            return what
    return "api_retry"
