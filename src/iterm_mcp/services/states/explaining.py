"""Why an agent is said to be in a state: what decided, what spoke against it, and how old it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterm_mcp.models.observations import Fact
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.observations import Json, Observation

VALUE_CHARACTERS = 200
EXCERPT_CHARACTERS = 160
MOST_LOSING = 12


def explain(view: StateView, now: datetime) -> str:
    """Return a state with its evidence as text: a line each, the newest last.

    Values and excerpts come from programs: they are sanitised and cut, and still nothing to obey.
    """
    since = "" if view.since is None else f", for {_age(now - view.since)}"
    lines = [f"{view.agent} (life {view.epoch}): {view.state}{since}", f"{sanitise(view.reason)}"]
    lines += ["", "decided by:"] if view.winning else ["", "nothing that was seen decides."]
    for one in view.winning:
        lines += [f"  {_said(one, now)}", *_excerpt(one)]
    losing = sorted(view.losing, key=lambda pair: pair[0].at)[-MOST_LOSING:]
    telling = [pair for pair in losing if pair[0].sighting.value]
    if telling:
        lines += ["", "not believed:"]
        lines += [f"  {_said(one, now)}: {why}" for one, why in telling]
    left_out = len(view.losing) - len(losing)
    if left_out:
        lines.append(f"  and {left_out} older")
    return "\n".join(lines)


def _said(one: Observation, now: datetime) -> str:
    seen = one.sighting
    return (
        f"{seen.source} {seen.fact} {_value(seen.fact, dict(seen.value))}, "
        f"{_age(now - one.at)} ago (#{one.number})"
    )


def _value(fact: Fact, value: dict[str, Json]) -> str:
    """Return a value as ``key=text`` pairs; what it mainly says needs no key."""
    first = [str(value.pop("is"))] if fact is Fact.ACTIVITY and "is" in value else []
    value.pop("at", None)
    pairs = [f"{key}={_plain(told)}" for key, told in value.items()]
    return sanitise(" ".join([*first, *pairs]))[:VALUE_CHARACTERS] or "none"


def _plain(told: Json) -> str:
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)


def _excerpt(one: Observation) -> list[str]:
    text = " ".join(sanitise(one.sighting.evidence).split())
    return [f"    \u00ab{text[-EXCERPT_CHARACTERS:]}\u00bb"] if text else []


def _age(span: timedelta) -> str:
    seconds = max(0.0, span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - two digits
