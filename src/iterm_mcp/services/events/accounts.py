"""What a conversation came to, worked out from its events alone. Pure.

Events may come in any order, and more than once: what counts is when they happened.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.telling import digest
from iterm_mcp.models.accounts import Account, Outcome, Subagent, Turn
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.account_calls import (
    ERROR_CHARACTERS,
    calls_of,
    failures_of,
    tool_totals,
)
from iterm_mcp.services.events.account_contexts import contexts_of, handoffs_of
from iterm_mcp.services.events.account_files import commits_of, files_of
from iterm_mcp.services.events.spending import spent_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iterm_mcp.models.accounts import Call
    from iterm_mcp.models.events import Event

PROMPT_CHARACTERS = 500

TURN_ENDS: Mapping[EventKind, Outcome] = {
    EventKind.TURN_ENDED: Outcome.DONE,
    EventKind.TURN_FAILED: Outcome.FAILED,
    EventKind.TURN_INTERRUPTED: Outcome.INTERRUPTED,
}

_RANKS = {kind: rank for rank, kind in enumerate(EventKind)}


NEEDED = frozenset(
    {"tool", "error", "interrupted", "path", "change", "bytes_before", "bytes_after",
     "lines_added", "lines_removed", "type", "title", "directory", "reason", "tokens_after", "to",
     "means", "context_tokens", "latency_seconds"}
)  # fmt: skip
"""What accounts, timelines, graphs and comparisons read of payloads, besides the input."""


def slim(event: Event) -> Event:
    """Return an event that makes the same account, without what it does not need.

    A conversation has thousands, and outputs of tools are large.
    """
    payload = {key: value for key, value in event.payload.items() if key in NEEDED}
    if "input" in event.payload:
        payload["input"] = digest(event.payload["input"])
    error = payload.get("error")
    if isinstance(error, str):
        payload["error"] = error[:ERROR_CHARACTERS]
    return replace(event, text=event.text[:PROMPT_CHARACTERS], payload=payload)


def in_order(events: Iterable[Event]) -> list[Event]:
    """Return each fact once, in the order of time; at the same moment as kinds are listed."""
    once = {event.key: event for event in events}
    return sorted(once.values(), key=lambda one: (one.at, _RANKS[one.kind], one.key))


def make_account(events: Iterable[Event]) -> Account:
    """Return the account of one conversation.

    Args:
        events: All of one conversation's, at least one.

    Raises:
        ValueError: There is none.
    """
    told = in_order(events)
    if not told:
        raise ValueError("no events")
    prompts = [
        one for one in told if one.kind is EventKind.PROMPT_SUBMITTED and not one.links.subagent
    ]
    finder = _TurnFinder(prompts)
    calls = calls_of(told, finder.find)
    turns = _turns(told, prompts, finder, calls)
    starts = [one for one in told if one.kind is EventKind.CONVERSATION_STARTED]
    models = _by_model(told)
    end = next((one for one in reversed(told) if one.kind is EventKind.CONVERSATION_ENDED), None)
    resumed = end is not None and any(one.at > end.at for one in starts)
    ended = None if resumed else end
    return Account(
        conversation=_link(told, "conversation"),
        kind=_link(told, "kind"),
        agent=_link(told, "agent"),
        team=_link(told, "team"),
        session=_link(told, "session"),
        task=_link(told, "task"),
        title=_last(told, "title"),
        directory=_last(starts, "directory"),
        started_at=told[0].at,
        last_at=told[-1].at,
        ended_at=None if ended is None else ended.at,
        end_reason="" if ended is None else str(ended.payload.get("reason") or ""),
        models=tuple(models),
        turns=turns,
        calls=calls,
        tools=tool_totals(calls),
        subagents=_subagents(told, calls),
        files=files_of(told),
        commits=commits_of(told),
        failures=failures_of(calls),
        spent=spent_on(told),
        by_model=tuple(spent_on(answers) for answers in models.values()),
        waited_seconds=sum(turn.waited_seconds for turn in turns),
        compactions=sum(one.kind is EventKind.CONTEXT_COMPACTED for one in told),
        events=len(told),
        handoffs=handoffs_of(told),
        contexts=contexts_of(told),
    )


class _TurnFinder:
    """Tells in which turn something happened: by the agent's own id, else by the time."""

    def __init__(self, prompts: Sequence[Event]) -> None:
        self._starts = [one.at for one in prompts]
        self._ids = {one.links.turn: index for index, one in enumerate(prompts) if one.links.turn}

    def find(self, event: Event) -> int:
        by_id = self._ids.get(event.links.turn) if event.links.turn else None
        return bisect_right(self._starts, event.at) - 1 if by_id is None else by_id


def _turns(
    told: Sequence[Event], prompts: Sequence[Event], finder: _TurnFinder, calls: Sequence[Call]
) -> tuple[Turn, ...]:
    answers: defaultdict[int, list[Event]] = defaultdict(list)
    ends: dict[int, Event] = {}
    for event in told:
        if event.usage is not None:
            answers[finder.find(event)].append(event)
        if event.kind in TURN_ENDS and not event.links.subagent:
            ends[finder.find(event)] = event  # the last word counts: a hook may have it go on
    used: defaultdict[int, list[Call]] = defaultdict(list)
    for call in calls:
        used[call.turn].append(call)
    found: list[Turn] = []
    for index, prompt in enumerate(prompts):
        end = ends.get(index)
        outcome = Outcome.UNFINISHED if end is None else TURN_ENDS[end.kind]
        found.append(
            Turn(
                index=index,
                turn=prompt.links.turn,
                prompt=prompt.text[:PROMPT_CHARACTERS],
                started_at=prompt.at,
                ended_at=None if end is None else end.at,
                seconds=None if end is None else (end.at - prompt.at).total_seconds(),
                waited_seconds=sum(one.waited_seconds for one in used[index]),
                outcome=outcome,
                calls=len(used[index]),
                spent=spent_on(answers[index]),
                error=str(end.payload.get("error") or "")
                if end is not None and outcome is Outcome.FAILED
                else "",
            )
        )
    return tuple(found)


def _subagents(told: Sequence[Event], calls: Sequence[Call]) -> tuple[Subagent, ...]:
    by_id: defaultdict[str, list[Event]] = defaultdict(list)
    for event in told:
        if event.links.subagent:
            by_id[event.links.subagent].append(event)
    used = Counter(one.subagent for one in calls)
    found: list[Subagent] = []
    for name, events in by_id.items():
        start = next((one for one in events if one.kind is EventKind.SUBAGENT_STARTED), None)
        end = next((one for one in events if one.kind is EventKind.SUBAGENT_ENDED), None)
        kinds = (one.payload.get("type") for one in (start, end) if one is not None)
        found.append(
            Subagent(
                subagent=name,
                type=next((one for one in kinds if isinstance(one, str) and one), ""),
                started_at=(start or events[0]).at,
                ended_at=None if end is None else end.at,
                outcome=Outcome.UNFINISHED if end is None else Outcome.DONE,
                calls=used[name],
                spent=spent_on(events),
            )
        )
    return tuple(found)


def _by_model(told: Sequence[Event]) -> dict[str, list[Event]]:
    by_model: defaultdict[str, list[Event]] = defaultdict(list)
    for event in told:
        if event.usage is not None:
            by_model[event.links.model].append(event)

    def written(model: str) -> int:
        return sum(one.usage.output for one in by_model[model] if one.usage is not None)

    return {
        model: by_model[model] for model in sorted(by_model, key=lambda one: (-written(one), one))
    }


def _link(told: Sequence[Event], name: str) -> str:
    return next((value for one in reversed(told) if (value := getattr(one.links, name))), "")


def _last(told: Sequence[Event], name: str) -> str:
    for one in reversed(told):
        value = one.payload.get(name)
        if isinstance(value, str) and value and not one.links.subagent:
            return value
    return ""
