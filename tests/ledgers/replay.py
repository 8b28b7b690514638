"""A recorded ledger, replayed: which states it gives, beside what the agent really did.

A recording is a file of JSON lines. ``{"truth": STATE, "at": TIME}`` says what the fake agent wrote
down of itself; any other line is an observation: ``fact``, ``source``, ``value``, ``at``, and
``epoch``.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.services.states.ledger import Ledger
from iterm_mcp.store.times import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from iterm_mcp.models.agent_states import StateView

AGENT = AgentName("recorded")
STEP = timedelta(seconds=0.1)

GRACE = timedelta(seconds=1.5)
"""How long after a change of the truth the state may still be the one before."""

MEANT = {
    "starting": {AgentState.STARTING, AgentState.UNKNOWN},
    "gate": {AgentState.GATE},
    "ready": {AgentState.READY, AgentState.DRAFT, AgentState.INTERRUPTED, AgentState.DONE},
    "submitting": {AgentState.WORKING},
    "working": {AgentState.WORKING},
    "compacting": {AgentState.COMPACTING, AgentState.WORKING},
    "waiting_permission": {AgentState.WAITING_PERMISSION},
    "waiting_question": {AgentState.WAITING_QUESTION},
    "rate_limited": {AgentState.RATE_LIMITED},
    "auth_failed": {AgentState.AUTH_FAILED},
    "api_retry": {AgentState.API_RETRY},
    "background": {AgentState.BACKGROUND},
    "hung": {AgentState.WORKING, AgentState.UNKNOWN},
    "exited": {AgentState.EXITED, AgentState.LOST},
}
"""What may be shown of each thing that a fake agent really does."""

PLACES = frozenset({"command", "transcript"})
"""Keys whose values name folders of the machine; no state follows from them."""

TAKES_ORDERS = frozenset({AgentState.READY, AgentState.DONE, AgentState.INTERRUPTED})


@dataclass(frozen=True, slots=True)
class Recording:
    """A ledger with the truth beside it."""

    observations: tuple[Observation, ...]
    truth: tuple[tuple[datetime, str], ...]


def parse(lines: Iterable[str]) -> Recording:
    """Read a recording."""
    observations: list[Observation] = []
    truth: list[tuple[datetime, str]] = []
    for line in lines:
        one: dict[str, Any] = json.loads(line)
        at = datetime.fromisoformat(one["at"])
        if "truth" in one:
            truth.append((at, one["truth"]))
            continue
        sighting = Sighting(Fact(one["fact"]), one["value"], ObservationSource(one["source"]))
        observations.append(
            Observation(AGENT, one.get("epoch", 1), sighting, at, len(observations) + 1)
        )
    return Recording(tuple(observations), tuple(truth))


def load(path: Path) -> Recording:
    """Read a recording's file."""
    return parse(path.read_text("utf-8").splitlines())


def dump(observations: Iterable[Observation], truth: Iterable[dict[str, Any]]) -> str:
    """Return a recording of a ledger and of a fake agent's lines of truth."""
    lines: list[tuple[str, float, str]] = []
    for one in observations:
        seen = one.sighting
        value = {key: told for key, told in seen.value.items() if key not in PLACES}
        line: dict[str, Any] = {
            "fact": seen.fact, "source": seen.source, "value": value,
            "at": to_text(one.at), "epoch": one.epoch,
        }  # fmt: skip
        lines.append((line["at"], one.number, json.dumps(line)))
    for told in truth:
        what = told["state"] if told["what"] == "state" else told["what"]
        if told["what"] in {"state", "exited"}:
            at = to_text(datetime.fromisoformat(told["at"]))
            lines.append((at, inf, json.dumps({"truth": what, "at": at})))
    return "".join(f"{text}\n" for *_, text in sorted(lines))


def view_at(recording: Recording, at: datetime) -> StateView:
    """Return what follows at a moment from all that had been seen until then."""
    seen = [one for one in recording.observations if one.at <= at]
    epoch = max(one.epoch for one in seen)
    return Ledger(AGENT, epoch, (one for one in seen if one.epoch == epoch)).view(at)


def states(recording: Recording) -> list[tuple[datetime, AgentState]]:
    """Return the state at each tenth of a second, by what had been seen until then."""
    if not recording.observations:
        return []
    ledger = Ledger(AGENT, recording.observations[0].epoch)
    waiting = sorted(recording.observations, key=lambda one: (one.at, one.number))
    at, end = waiting[0].at, max(waiting[-1].at, recording.truth[-1][0]) + GRACE
    found = []
    while at <= end:
        while waiting and waiting[0].at <= at:
            one = waiting.pop(0)
            if one.epoch > ledger.epoch:
                ledger = Ledger(AGENT, one.epoch)
            if one.epoch == ledger.epoch:
                ledger.add([one])
        found.append((at, ledger.view(at).state))
        at += STEP
    return found


def confusion(recording: Recording, grace: timedelta = GRACE) -> Counter[tuple[str, AgentState]]:
    """Count, for each moment, what really was so and what was shown.

    Args:
        grace: For so long after each change of the truth nothing is counted as wrong: it takes
            its time to be seen.
    """
    table: Counter[tuple[str, AgentState]] = Counter()
    for at, state in states(recording):
        known = [one for one in recording.truth if one[0] <= at]
        if not known:
            continue
        before = [what for when, what in known if at - when > grace][-1:]
        recent = [what for when, what in known if at - when <= grace] + before
        fits = next((what for what in recent if state in MEANT.get(what, ())), known[-1][1])
        table[fits, state] += 1
    return table


def wrong_ready(table: Counter[tuple[str, AgentState]]) -> int:
    """Count the moments at which an agent that takes no orders was said to take them."""
    return sum(
        count
        for (really, shown), count in table.items()
        if shown in TAKES_ORDERS and really != "ready"
    )


def in_words(table: Counter[tuple[str, AgentState]]) -> str:
    """Return a table of what was shown for what really was so, in tenths of seconds."""
    rows = sorted({really for really, _ in table})
    columns = sorted({shown for _, shown in table})
    wide = max([len(one) for one in rows] or [0])
    lines = [" " * wide + "".join(f"  {one}" for one in columns)]
    for really in rows:
        cells = (f"  {table[really, shown] or '·':>{len(shown)}}" for shown in columns)
        lines.append(f"{really:{wide}}{''.join(cells)}")
    right = sum(n for (really, shown), n in table.items() if shown in MEANT.get(really, ()))
    lines.append(
        f"{right} of {sum(table.values())} moments right, {wrong_ready(table)} wrongly ready"
    )
    return "\n".join(lines)
