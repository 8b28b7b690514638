"""What an agent's state is, by all that was seen of it. Pure: the same ledger gives the same state.

Sources differ in how they tell. *Levels* (protocol, registry, title, screen) say how things are
until they say otherwise. *Edges* (hooks, transcript) say what happened, and are silent about some
ends: no hook tells that a person answered a dialog or interrupted a turn. So:

1. For each fact the most trusted source that is fresh decides; hooks and transcript are one source
   here, of which the newest edge holds.
2. A less trusted source never overrules it. But where it says, later, that a supposedly idle agent
   works or asks, nobody is told that the agent is ready: the state is unknown. A screen that shows
   work has `evidence.DRAWN_SECONDS` to be drawn anew before it casts such a doubt.
3. What an edge said of a dialog ends when a level, later and for long enough, shows none; a turn of
   which only the start was told is believed for `evidence.BUSY_SECONDS`. What was said before its
   source could not be asked (`Fact.GAP`) counts for nothing, until it is said again.
4. One look at an idle screen is none: it must be seen twice, or for `evidence.SETTLED_SECONDS`;
   for `evidence.EARLY_SECONDS` where a program draws its composer before it asks what it must.
5. Done and failed are only what somebody asserted (`Fact.OUTCOME`), never what quiet suggests.
6. What was seen in an earlier life of the agent counts for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.states.evidence import EDGES, Verdict, latest_runs, weigh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Json, Observation
    from iterm_mcp.services.states.evidence import Run, Runs


def fuse(
    agent: AgentName, epoch: int, observations: Iterable[Observation], now: datetime
) -> StateView:
    """Return the state that follows from what was seen.

    Args:
        observations: In any order; those of other epochs are left out.
    """
    runs = latest_runs(one for one in observations if one.epoch == epoch)
    return fuse_runs(agent, epoch, runs, now)


def fuse_runs(agent: AgentName, epoch: int, runs: Runs, now: datetime) -> StateView:
    """Return the state that follows from the latest runs of an epoch."""
    verdicts = weigh(runs, now)
    facts = _Facts(verdicts)
    state, reason, basis = facts.state()
    losing = [one for verdict in verdicts.values() for one in verdict.losing]
    decided = [verdicts[fact].run for fact in basis]
    winning = [run.last for run in decided if run is not None]
    begun = [run.first.at for run in decided if run is not None]
    details: dict[str, Json] = {}
    for fact in basis:
        details |= verdicts[fact].value
    return StateView(
        agent, epoch, state, reason, max(begun, default=None), details, tuple(winning),
        tuple(losing),
    )  # fmt: skip


_BUSY = {
    "busy": (AgentState.WORKING, "it works"),
    "compacting": (AgentState.COMPACTING, "it compacts its context"),
    "starting": (AgentState.STARTING, "it starts"),
}

_TROUBLES = {
    "rate_limited": AgentState.RATE_LIMITED,
    "auth_failed": AgentState.AUTH_FAILED,
    "billing": AgentState.AUTH_FAILED,
    "api_retry": AgentState.API_RETRY,
    "overloaded": AgentState.API_RETRY,
}

_LIVES = {
    "creating": AgentState.CREATING,
    "restarting": AgentState.RESTARTING,
    "quarantined": AgentState.QUARANTINED,
}

_LIFE_WORDS = {
    AgentState.CREATING: "being created",
    AgentState.RESTARTING: "about to be started again",
    AgentState.QUARANTINED: "left ended, because it ended too often",
}

Decision = tuple[AgentState, str, tuple[Fact, ...]]
"""A state, why, and the facts that it rests on."""


class _Facts:
    """All verdicts on one agent, and what follows from them together."""

    def __init__(self, verdicts: Mapping[Fact, Verdict]) -> None:
        self._of = verdicts

    def state(self) -> Decision:
        """Go through what excludes the rest, from the end of the process to its composer."""
        return (
            self._handled()
            or self._gone()
            or self._asking()
            or self._troubled()
            or self._acting()
        )  # fmt: skip

    def _handled(self) -> Decision | None:
        """Return what we do with the agent ourselves."""
        life, occupant = self._of[Fact.LIFE], self._of[Fact.OCCUPANT]
        state = _LIVES.get(str(life.value.get("is")))
        if state is None:
            return None
        if state is AgentState.CREATING and occupant.value.get("who") == "agent":
            return None
        why = life.value.get("why")
        return state, f"it is {_LIFE_WORDS[state]}{f': {why}' if why else ''}", (Fact.LIFE,)

    def _gone(self) -> Decision | None:
        occupant, exited = self._of[Fact.OCCUPANT], self._of[Fact.EXIT]
        who = occupant.value.get("who")
        if who == "nobody":
            return AgentState.LOST, "its session is gone", (Fact.OCCUPANT,)
        if who == "other":
            return AgentState.REPLACED, "another program stands in its place", (Fact.OCCUPANT,)
        there = who in {"agent", "multiplexer"}
        if exited.run is not None and not (there and _later(occupant, exited)):
            return AgentState.EXITED, f"its process {_ending(exited.value)}", (Fact.EXIT,)
        if occupant.value.get("stopped"):
            return AgentState.SUSPENDED, "its process is stopped", (Fact.OCCUPANT,)
        if who == "shell":
            return AgentState.EXITED, "a shell stands in its place", (Fact.OCCUPANT,)
        return None

    def _asking(self) -> Decision | None:
        gate, dialog, activity = (self._of[one] for one in (Fact.GATE, Fact.DIALOG, Fact.ACTIVITY))
        if gate:
            name = gate.value.get("name", "something")
            return AgentState.GATE, f"{name} stands before its composer", (Fact.GATE,)
        if dialog:
            asks = dialog.value.get("asks") == "question"
            tool = f" to use {dialog.value['tool']}" if dialog.value.get("tool") else ""
            if asks:
                return AgentState.WAITING_QUESTION, "it asks a question", (Fact.DIALOG,)
            return AgentState.WAITING_PERMISSION, f"it asks for permission{tool}", (Fact.DIALOG,)
        if activity.value.get("is") == "waiting":
            waits = str(activity.value.get("for", "a person"))
            asks = "input" in waits or "question" in waits
            state = AgentState.WAITING_QUESTION if asks else AgentState.WAITING_PERMISSION
            return state, f"it waits for {waits}", (Fact.ACTIVITY,)
        return None

    def _troubled(self) -> Decision | None:
        trouble, activity = self._of[Fact.TROUBLE], self._of[Fact.ACTIVITY]
        state = _TROUBLES.get(str(trouble.value.get("what")))
        if state is None or trouble.run is None:
            return None
        levels = trouble.run.source not in EDGES
        idle = activity.value.get("is") == "idle"
        if idle and (_later(activity, trouble) or _ended_with(activity, trouble.run)):
            return None  # the turn that met it has ended
        if not levels and activity.value.get("is") == "busy" and _later(activity, trouble):
            return None  # it has gone on since
        return state, _trouble(trouble.value), (Fact.TROUBLE,)

    def _acting(self) -> Decision:
        activity = self._of[Fact.ACTIVITY]
        what = str(activity.value.get("is"))
        if activity.run is None:
            return AgentState.UNKNOWN, "nothing fresh is known of what it does", ()
        if activity.doubt is not None:
            trusted, doubt = activity.run.source, activity.doubt
            said = f"the {trusted} says {what}, but the {doubt.source} said {doubt.value.get('is')}"
            return AgentState.UNKNOWN, f"{said} later", (Fact.ACTIVITY,)
        if what in _BUSY:
            return *_BUSY[what], (Fact.ACTIVITY,)
        if what == "shell":
            return AgentState.BACKGROUND, "a shell that it started goes on", (Fact.ACTIVITY,)
        if what == "idle":
            return self._idle()
        return AgentState.UNKNOWN, f"it is {what}, which is not understood", (Fact.ACTIVITY,)

    def _idle(self) -> Decision:
        behind, turn, outcome, composer = (
            self._of[one] for one in (Fact.BACKGROUND, Fact.TURN, Fact.OUTCOME, Fact.COMPOSER)
        )
        count = behind.value.get("count")
        if isinstance(count, int) and count > 0 and not _later(turn, behind):
            return (
                AgentState.BACKGROUND,
                f"its turn has ended, and {count} of its jobs go on",
                (Fact.BACKGROUND,),
            )
        if composer.value.get("holds") == "draft":
            return AgentState.DRAFT, "somebody's text stands in its composer", (Fact.COMPOSER,)
        if outcome and not _begun_since(turn, outcome):
            by = outcome.value.get("by", "somebody")
            done = outcome.value.get("is") == "done"
            state = AgentState.DONE if done else AgentState.FAILED
            return state, f"{state} by the word of {by}", (Fact.OUTCOME,)
        if turn.value.get("phase") == "interrupted":
            return AgentState.INTERRUPTED, "its turn was interrupted", (Fact.ACTIVITY, Fact.TURN)
        failed = self._of[Fact.TROUBLE]
        if failed and not _begun_since(turn, failed):  # by its hook: the screen shows it no more
            reason = f"it waits for a message; its last turn met trouble: {_trouble(failed.value)}"
            return AgentState.READY, reason, (Fact.ACTIVITY,)
        return AgentState.READY, "it waits for a message", (Fact.ACTIVITY,)


def _later(one: Verdict, other: Verdict) -> bool:
    """Tell whether the first is known to be of a later time than the second."""
    return one.run is not None and other.run is not None and one.run.last.at > other.run.last.at


def _ended_with(activity: Verdict, trouble: Run) -> bool:
    """Tell whether who told of trouble said with it that the turn is over.

    Somebody more trusted may have said so before, by a quicker way.
    """
    return any(
        one.sighting.source is trouble.source
        and one.sighting.value.get("is") == "idle"
        and one.at >= trouble.last.at
        for one, _ in activity.losing
    )


def _begun_since(turn: Verdict, outcome: Verdict) -> bool:
    """Tell whether another turn has begun since an outcome was asserted."""
    return turn.value.get("phase") in {"submitted", "started"} and _later(turn, outcome)


def _ending(value: Mapping[str, Json]) -> str:
    if value.get("signal") is not None:
        return f"was ended by signal {value['signal']}"
    if value.get("code") is not None:
        return f"ended with code {value['code']}"
    return "has ended"


def _trouble(value: Mapping[str, Json]) -> str:
    words = str(value.get("what")).replace("_", " ")
    if value.get("attempt") is not None:
        words += f", attempt {value['attempt']} of {value.get('of', '?')}"
    if value.get("until") is not None:
        words += f", until {value['until']}"
    return words
