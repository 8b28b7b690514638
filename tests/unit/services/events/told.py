"""Events of one conversation, made in few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.events import Cost, CostBasis, Event, EventKind, Links, TokenUsage

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

START = datetime(2026, 11, 1, 9, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(
    kind: EventKind,
    seconds: float,
    *,
    call: str = "",
    turn: str = "",
    subagent: str = "",
    model: str = "",
    subject: str = "",
    text: str = "",
    took: float | None = None,
    usage: TokenUsage | None = None,
    cost: Cost | None = None,
    more: dict[str, Json] | None = None,
    **payload: Json,
) -> Event:
    links = Links(
        conversation="c1", kind="claude", agent="ada", call=call, turn=turn, subagent=subagent,
        model=model,
    )  # fmt: skip
    key = "/".join((kind, str(seconds), call, turn, subagent, subject))
    return Event(
        key,
        at(seconds),
        kind,
        "test",
        subject,
        text,
        links,
        payload | (more or {}),
        took,
        usage,
        cost,
    )


def prompt(seconds: float, text: str = "do it", turn: str = "") -> Event:
    return told(EventKind.PROMPT_SUBMITTED, seconds, text=text, turn=turn)


def turn_end(
    seconds: float, kind: EventKind = EventKind.TURN_ENDED, turn: str = "", **payload: Json
) -> Event:
    return told(kind, seconds, turn=turn, more=payload)


def call(
    name: str, start: float, end: float | None, *, tool: str = "Bash", subagent: str = "",
    failed: str = "", took: float | None = None, interrupted: bool = False,
) -> list[Event]:  # fmt: skip
    events = [told(EventKind.TOOL_STARTED, start, call=name, tool=tool, subagent=subagent)]
    if end is not None:
        kind = EventKind.TOOL_FAILED if failed or interrupted else EventKind.TOOL_ENDED
        more: dict[str, Json] = {"error": failed} if failed else {}
        if interrupted:
            more["interrupted"] = True
        events.append(
            told(kind, end, call=name, subagent=subagent, took=took, tool=tool, more=more)
        )
    return events


def answer(
    seconds: float, *, model: str = "m", tokens: int = 10, nano: int | None = 100,
    basis: CostBasis = CostBasis.COMPUTED, subagent: str = "", turn: str = "",
) -> Event:  # fmt: skip
    cost = Cost(0, CostBasis.UNPRICED) if nano is None else Cost(nano, basis)
    return told(
        EventKind.MODEL_ANSWERED, seconds, model=model, subagent=subagent, turn=turn,
        usage=TokenUsage(input=tokens, output=tokens), cost=cost,
    )  # fmt: skip


def changed(seconds: float, path: str, change: str, **payload: Json) -> Event:
    return told(
        EventKind.FILE_CHANGED, seconds, subject=path, path=path, change=change, more=payload
    )
