"""What an agent's state is, by all that was seen of it. Pure: the same ledger gives the same state.

Sources differ in how they tell. *Levels* (protocol, registry, title, screen) say how things are
until they say otherwise. *Edges* (hooks, transcript) say what happened, and are silent about some
ends: no hook tells that a person answered a dialog or interrupted a turn. So:

1. For each fact the most trusted source that is fresh decides; hooks and transcript are one source
   here, of which the newest edge holds.
2. A less trusted source never overrules it. But where it says, later, that a supposedly idle agent
   works or asks, nobody is told that the agent is ready: the state is unknown.
3. What an edge said of a dialog ends when a level, later and for long enough, shows none; a turn of
   which only the start was told is believed for `BUSY_SECONDS`.
4. One look at an idle screen is none: it must be seen twice, or last for `SETTLED_SECONDS`.
5. Done and failed are only what somebody asserted (`Fact.OUTCOME`), never what quiet suggests.
6. What was seen in an earlier life of the agent counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.observations import Fact, Observation, ObservationSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Json

BUSY_SECONDS = 120.0
"""How long an edge that told of a start is believed; a level may well go on for hours."""

STARTING_SECONDS = 60.0
QUIET_SECONDS = 20.0
"""How long the remark that nothing changes is worth anything."""

SETTLED_SECONDS = 1.5
"""How long a screen must look idle before it is believed."""

TWICE_SECONDS = 0.2
"""How far apart two looks at a screen must be to count as two."""

EDGES = frozenset({ObservationSource.HOOK, ObservationSource.TRANSCRIPT})
_UNSETTLED = frozenset(
    {ObservationSource.TITLE, ObservationSource.SCREEN, ObservationSource.QUIET}
)  # these are read by pattern, or by absence
_AT_WORK = frozenset({"busy", "waiting", "compacting", "starting"})


@dataclass(frozen=True, slots=True)
class Run:
    """The latest of what one source said of one fact, for as long as it kept saying it.

    Attributes:
        first: When it began to say so; `last` is its newest word.
        before: What it said before that.
    """

    first: Observation
    last: Observation
    before: Observation | None = None

    @property
    def value(self) -> Mapping[str, Json]:
        """What it says."""
        return self.last.sighting.value

    @property
    def source(self) -> ObservationSource:
        """Who says it."""
        return self.last.sighting.source


@dataclass(slots=True)
class Verdict:
    """What is believed of one fact.

    Attributes:
        run: Whose word it is; None when nobody's is fresh.
        doubt: A less trusted word that speaks against it and is newer.
    """

    run: Run | None = None
    doubt: Run | None = None
    losing: list[tuple[Observation, str]] = field(default_factory=list)

    @property
    def value(self) -> Mapping[str, Json]:
        """What is believed; empty for nothing."""
        return self.run.value if self.run else {}

    def __bool__(self) -> bool:
        """Tell whether there is such a thing as the fact speaks of."""
        return bool(self.value)


def fuse(
    agent: AgentName, epoch: int, observations: Iterable[Observation], now: datetime
) -> StateView:
    """Return the state that follows from what was seen.

    Args:
        observations: In any order; those of other epochs are left out.
    """
    runs = gather(one for one in observations if one.epoch == epoch)
    verdicts = {fact: _decide(runs.get(fact, ()), now) for fact in Fact if fact not in _DERIVED}
    activity = verdicts[Fact.ACTIVITY] = _decide_activity(runs.get(Fact.ACTIVITY, ()), now)
    verdicts[Fact.DIALOG] = _decide_dialog(runs.get(Fact.DIALOG, ()), activity, now)
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


def gather(observations: Iterable[Observation]) -> dict[Fact, list[Run]]:
    """Return the latest run of each source for each fact, the most trusted first."""
    latest: dict[tuple[Fact, ObservationSource], Run] = {}
    for one in sorted(observations, key=lambda one: (one.at, one.number)):
        key = one.sighting.fact, one.sighting.source
        run = latest.get(key)
        if run is not None and _same(run.last, one):
            latest[key] = Run(run.first, one, run.before)
        else:
            latest[key] = Run(one, one, run.last if run else None)
    runs: dict[Fact, list[Run]] = {}
    for (fact, source), run in sorted(latest.items(), key=lambda item: item[0][1].rank):
        del source
        runs.setdefault(fact, []).append(run)
    return runs


def _same(one: Observation, other: Observation) -> bool:
    """Tell whether two sightings of a source say the same of what goes on."""
    if one.sighting.fact is Fact.ACTIVITY:
        return one.sighting.value.get("is") == other.sighting.value.get("is")
    return one.sighting.value == other.sighting.value


def _decide(runs: Sequence[Run], now: datetime) -> Verdict:
    """Believe the most trusted; of edges the newest."""
    verdict = Verdict()
    newest_edge = max(
        (run for run in runs if run.source in EDGES), key=lambda run: run.last.at, default=None
    )
    for run in runs:
        if (stale := _stale(run, now)) is not None:
            verdict.losing.append((run.last, stale))
        elif run.source in EDGES and run is not newest_edge:
            verdict.losing.append((run.last, "something newer happened since"))
        elif verdict.run is None:
            verdict.run = run
        else:
            trusted = verdict.run.source
            verdict.losing.append(
                (run.last, f"the {trusted} is trusted more than the {run.source}")
            )
    return verdict


def _stale(run: Run, now: datetime) -> str | None:
    """Return why the word of a source is worth nothing any more; None when it is."""
    limit: float | None = None
    if run.source is ObservationSource.QUIET:
        limit = QUIET_SECONDS
    elif run.last.sighting.fact is Fact.ACTIVITY and run.source in EDGES:
        limit = {
            "busy": BUSY_SECONDS,
            "compacting": BUSY_SECONDS,
            "starting": STARTING_SECONDS,
        }.get(str(run.value.get("is")))
    if limit is None or now - run.last.at <= timedelta(seconds=limit):
        return None
    return f"it is older than {limit:g} s"


def _settled(run: Run, now: datetime) -> bool:
    """Tell whether a look at a screen has been confirmed."""
    if run.source not in _UNSETTLED:
        return True
    return (
        run.last.at - run.first.at >= timedelta(seconds=TWICE_SECONDS)
        or now - run.first.at >= timedelta(seconds=SETTLED_SECONDS)
    )  # fmt: skip


def _decide_activity(runs: Sequence[Run], now: datetime) -> Verdict:
    """Believe the most trusted, doubt an idle one, and no single look at an idle screen."""
    edges = [run for run in runs if run.source in EDGES]
    believable = []
    past: list[tuple[Observation, str]] = []
    for run in runs:
        over = run in edges and run.value.get("is") == "waiting" and _ended_unseen(run, runs, now)
        if over:
            past.append((run.last, "it was answered at the terminal, which no hook tells"))
        elif run.value.get("is") == "idle" and not _settled(run, now):
            past.append((run.last, "an idle screen was seen only for a moment"))
            if run.before is not None:
                believable.append(Run(run.before, run.before))
        else:
            believable.append(run)
    verdict = _decide(believable, now)
    verdict.losing += past
    if verdict.run is not None and verdict.value.get("is") in {"idle", "shell"}:
        verdict.doubt = next(
            (
                run
                for run in believable
                if run.source.rank > verdict.run.source.rank
                and run.value.get("is") in _AT_WORK
                and run.last.at > verdict.run.last.at
                and _stale(run, now) is None
            ),
            None,
        )
    return verdict


def _ended_unseen(edge: Run, runs: Sequence[Run], now: datetime) -> bool:
    """Tell whether a level shows since, and for long enough, that nobody is waited for."""
    return any(
        run.source not in EDGES
        and run.value.get("is") != "waiting"
        and run.last.at > edge.last.at
        and _settled(run, now)
        and _stale(run, now) is None
        for run in runs
    )


def _decide_dialog(runs: Sequence[Run], activity: Verdict, now: datetime) -> Verdict:
    """Believe in a dialog until its source, or one trusted as much, sees it gone."""
    verdict = Verdict()
    gone: list[tuple[Observation, str]] = []
    open_runs = []
    for run in runs:
        ended = (
            bool(run.value)
            and run.source in EDGES
            and activity.run is not None
            and activity.value.get("is") != "waiting"
            and activity.run.last.at > run.last.at
        ) or (bool(run.value) and run.source in EDGES and _shown_gone(run, runs, now))
        if ended:
            gone.append((run.last, "the agent went on since"))
        else:
            open_runs.append(run)
    verdict = _decide(open_runs, now)
    verdict.losing += gone
    return verdict


def _shown_gone(edge: Run, runs: Sequence[Run], now: datetime) -> bool:
    """Tell whether a level that can show dialogs shows none since."""
    return any(
        run.source not in EDGES
        and not run.value
        and run.last.at > edge.last.at
        and _settled(run, now)
        for run in runs
    )


_DERIVED = frozenset({Fact.ACTIVITY, Fact.DIALOG})

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

Decision = tuple[AgentState, str, tuple[Fact, ...]]
"""A state, why, and the facts that it rests on."""


class _Facts:
    """All verdicts on one agent, and what follows from them together."""

    def __init__(self, verdicts: Mapping[Fact, Verdict]) -> None:
        self._of = verdicts

    def state(self) -> Decision:
        """Go through what excludes the rest, from the end of the process to its composer."""
        return self._gone() or self._asking() or self._troubled() or self._acting()

    def _gone(self) -> Decision | None:
        occupant, exited = self._of[Fact.OCCUPANT], self._of[Fact.EXIT]
        who = occupant.value.get("who")
        if who == "nobody":
            return AgentState.LOST, "its session is gone", (Fact.OCCUPANT,)
        if who == "other":
            return AgentState.REPLACED, "another program stands in its place", (Fact.OCCUPANT,)
        if exited.run is not None and not (who == "agent" and _later(occupant, exited)):
            return AgentState.EXITED, f"its process {_ending(exited.value)}", (Fact.EXIT,)
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
        if activity.value.get("is") == "idle" and _later(activity, trouble):
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
        return AgentState.READY, "it waits for a message", (Fact.ACTIVITY,)


def _later(one: Verdict, other: Verdict) -> bool:
    """Tell whether the first is known to be of a later time than the second."""
    return one.run is not None and other.run is not None and one.run.last.at > other.run.last.at


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
