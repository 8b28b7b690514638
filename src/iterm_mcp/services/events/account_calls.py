"""A conversation's calls of tools, paired from their beginnings, ends and questions. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterm_mcp.models.accounts import Call, Failure, Outcome, ToolTotals
from iterm_mcp.models.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from iterm_mcp.models.events import Event

ERROR_CHARACTERS = 300

ASKS = frozenset({EventKind.PERMISSION_REQUESTED, EventKind.QUESTION_ASKED})

ENDS: Mapping[EventKind, Outcome] = {
    EventKind.TOOL_ENDED: Outcome.DONE,
    EventKind.TOOL_FAILED: Outcome.FAILED,
}


@dataclass(slots=True)
class _Open:
    """What is known of a call so far."""

    started: Event | None = None
    ended: Event | None = None
    asked: list[datetime] = field(default_factory=list)
    answered: list[datetime] = field(default_factory=list)

    @property
    def told(self) -> Event | None:
        return self.started or self.ended


def calls_of(events: Sequence[Event], turn_of: Callable[[Event], int]) -> tuple[Call, ...]:
    """Return the calls, in the order of their beginnings.

    Args:
        events: In the order of time, each fact once.
        turn_of: Tells the turn in which an event happened.
    """
    opened: defaultdict[str, _Open] = defaultdict(_Open)
    for event in events:
        call = event.links.call
        if event.kind is EventKind.TOOL_STARTED and call:
            opened[call].started = opened[call].started or event
        elif event.kind in ENDS and call:
            opened[call].ended = opened[call].ended or event
    for event in events:
        if event.kind in ASKS:
            if (one := _asked_for(opened, event)) is not None:
                one.asked.append(event.at)
        elif (
            event.kind is EventKind.PERMISSION_ANSWERED
            and (one := _asked_for(opened, event)) is not None
        ):
            one.answered.append(event.at)
    found = [_call(call, one, turn_of) for call, one in opened.items() if one.told is not None]
    found.sort(key=lambda one: ((one.started_at or one.ended_at), one.call))
    return tuple(found)


def _asked_for(opened: Mapping[str, _Open], event: Event) -> _Open | None:
    """Return the call that a question or an answer is about.

    Where it does not say, it is the last that had begun and not ended: of that tool, and on the
    same thing if there is one.
    """
    if event.links.call:
        return opened.get(event.links.call)
    tool, given = event.payload.get("tool"), event.payload.get("input")
    found = [
        (one.started.payload.get("input") == given, one.started.at, one.started.key, one)
        for one in opened.values()
        if one.started is not None
        and one.started.at <= event.at
        and (one.ended is None or one.ended.at >= event.at)
        and one.started.payload.get("tool") == tool
    ]
    return max(found, key=lambda one: one[:3])[-1] if found else None


def _call(call: str, one: _Open, turn_of: Callable[[Event], int]) -> Call:
    told = one.told
    if told is None:  # the caller has left those out
        raise ValueError(call)
    ended, outcome = one.ended, Outcome.UNFINISHED
    if ended is not None:
        outcome = ENDS[ended.kind]
        if ended.payload.get("interrupted") is True:
            outcome = Outcome.INTERRUPTED
    end_at = None if ended is None else ended.at
    waited = _waited(one.asked, one.answered, end_at)
    return Call(
        call=call,
        tool=str(told.payload.get("tool") or ""),
        subject=told.subject,
        subagent=told.links.subagent,
        turn=turn_of(told),
        started_at=None if one.started is None else one.started.at,
        ended_at=end_at,
        seconds=_seconds(one, waited),
        waited_seconds=waited,
        outcome=outcome,
        error="" if outcome is Outcome.DONE or ended is None else _error(ended),
    )


def _seconds(one: _Open, waited: float) -> float | None:
    if one.ended is None:
        return None
    if one.ended.duration_seconds is not None:
        return one.ended.duration_seconds
    if one.started is None:
        return None
    return max((one.ended.at - one.started.at).total_seconds() - waited, 0.0)


def _waited(asked: list[datetime], answered: list[datetime], end_at: datetime | None) -> float:
    """Return how long it waited: from each question to the next answer, else to the call's end.

    What was asked again before it was answered, or told by two sources, is waited for once.
    """
    left = sorted(answered)
    waited, counted = 0.0, None
    for at in sorted(asked):
        until = next((one for one in left if one >= at), end_at)
        if until is None or until < at or until == counted:
            continue
        counted = until
        waited += (until - at).total_seconds()
    return waited


def _error(event: Event) -> str:
    text = event.payload.get("error")
    return (text if isinstance(text, str) else event.text)[:ERROR_CHARACTERS]


def tool_totals(calls: Iterable[Call]) -> tuple[ToolTotals, ...]:
    """Return the calls by tool, the most used first."""
    by_tool: defaultdict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_tool[call.tool].append(call)
    totals = [
        ToolTotals(
            tool,
            len(used),
            sum(one.outcome in {Outcome.FAILED, Outcome.INTERRUPTED} for one in used),
            sum(one.seconds or 0.0 for one in used),
            sum(one.waited_seconds for one in used),
        )
        for tool, used in by_tool.items()
    ]
    return tuple(sorted(totals, key=lambda one: (-one.calls, one.tool)))


def failures_of(calls: Iterable[Call]) -> tuple[Failure, ...]:
    """Return what failed, the same tool with the same error once, the most frequent first."""
    times: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    ended = [(one.ended_at, one.call, one) for one in calls if one.ended_at is not None]
    rows: dict[str, tuple[str, int]] = {}
    longest: defaultdict[tuple[str, str], int] = defaultdict(int)
    for at, _, call in sorted(ended, key=lambda one: one[:2]):
        if call.outcome is not Outcome.FAILED:
            rows.pop(call.tool, None)
            continue
        times[call.tool, call.error].append(at)
        error, before = rows.get(call.tool, (call.error, 0))
        rows[call.tool] = call.error, before + 1 if error == call.error else 1
        kind = call.tool, call.error
        longest[kind] = max(longest[kind], rows[call.tool][1])
    found = [
        Failure(tool, error, len(at), max(at), longest[tool, error])
        for (tool, error), at in times.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.times, one.tool, one.error)))
