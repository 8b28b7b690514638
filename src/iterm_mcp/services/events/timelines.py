"""A conversation as bars over time. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.account_views import Bar, BarKind, Timeline
from iterm_mcp.models.accounts import Outcome

if TYPE_CHECKING:
    from iterm_mcp.models.accounts import Account, Call, Subagent, Turn

MOST_BARS = 10_000
ROOT = "conversation"


def make_timeline(account: Account, most: int = MOST_BARS) -> Timeline:
    """Return the bars of a conversation, its turns, subagents and calls.

    Args:
        most: How many there may be; of more calls the longest stay.
    """
    whole = Bar(
        BarKind.CONVERSATION, ROOT, ROOT, "", account.title or account.conversation,
        account.started_at, account.ended_at,
        Outcome.UNFINISHED if account.ended_at is None else Outcome.DONE,
        account.waited_seconds, account.spent.dollars,
    )  # fmt: skip
    bars = [whole, *(_turn(one) for one in account.turns)]
    bars += [bar for one in account.subagents if (bar := _subagent(one)) is not None]
    calls = [bar for one in account.calls if (bar := _call(one, len(account.turns))) is not None]
    room = max(most - len(bars), 0)
    if len(calls) > room:
        calls.sort(key=_length, reverse=True)
    bars += calls[:room]
    bars.sort(key=lambda one: (one.started_at, one.kind is not BarKind.CONVERSATION, one.name))
    return Timeline(tuple(bars), max(len(calls) - room, 0))


def _turn(turn: Turn) -> Bar:
    return Bar(
        BarKind.TURN, f"turn {turn.index}", ROOT, ROOT, turn.prompt, turn.started_at,
        turn.ended_at, turn.outcome, turn.waited_seconds, turn.spent.dollars,
    )  # fmt: skip


def _subagent(one: Subagent) -> Bar | None:
    if one.started_at is None:
        return None
    return Bar(
        BarKind.SUBAGENT, one.subagent, one.subagent, ROOT, one.type or one.subagent,
        one.started_at, one.ended_at, one.outcome, 0.0, one.spent.dollars,
    )  # fmt: skip


def _call(call: Call, turns: int) -> Bar | None:
    start = call.started_at or call.ended_at
    if start is None:
        return None
    parent = f"turn {call.turn}" if 0 <= call.turn < turns else ROOT
    return Bar(
        BarKind.CALL, call.call, call.subagent or ROOT, call.subagent or parent,
        f"{call.tool} {call.subject}".strip(), start, call.ended_at, call.outcome,
        call.waited_seconds, 0.0,
    )  # fmt: skip


def _length(bar: Bar) -> float:
    if bar.ended_at is None:
        return float("inf")
    return (bar.ended_at - bar.started_at).total_seconds()
