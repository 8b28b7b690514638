"""What to believe of each fact, by all that was seen of it. Pure; the rules stand in `fusion`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from iterm_mcp.models.observations import Fact, Observation, ObservationSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from iterm_mcp.models.observations import Json, Sighting

BUSY_SECONDS = 120.0
"""How long an edge that told of a start is believed; a level may well go on for hours."""

STARTING_SECONDS = 60.0
QUIET_SECONDS = 20.0
"""How long the remark that nothing changes is worth anything."""

SETTLED_SECONDS = 1.5
"""How long a screen must look idle before it is believed."""

EARLY_SECONDS = 5.0
"""How long a composer that is drawn before a program's own gates must stand to be believed."""

TWICE_SECONDS = 0.2
"""How far apart two looks at a screen must be to count as two."""

_BELIEVED_SECONDS = {
    "busy": BUSY_SECONDS,
    "compacting": BUSY_SECONDS,
    "starting": STARTING_SECONDS,
}
"""How long an edge is believed, by what it said."""

DRAWN_SECONDS = 1.0
"""How long after an agent is said to be idle what it shows may yet have to be drawn."""

EDGES = frozenset({ObservationSource.HOOK, ObservationSource.TRANSCRIPT})
_UNSETTLED = frozenset(
    {ObservationSource.TITLE, ObservationSource.SCREEN, ObservationSource.QUIET}
)  # these are read by pattern, or by absence
_DERIVED = frozenset({Fact.ACTIVITY, Fact.DIALOG})
PASSING = frozenset(
    {
        Fact.ACTIVITY, Fact.GATE, Fact.DIALOG, Fact.COMPOSER, Fact.BACKGROUND, Fact.TROUBLE,
        Fact.OCCUPANT,
    }
)  # fmt: skip
"""What may have changed while nobody looked."""
_AT_REST = frozenset({"idle", "shell"})
_TURN_ENDS = frozenset({"ended", "failed", "interrupted"})
_AT_WORK = frozenset({"busy", "waiting", "compacting", "starting"})


@dataclass(frozen=True, slots=True)
class Run:
    """The latest of what one source said of one fact, for as long as it kept saying it.

    Attributes:
        first: When it began to say so; `last` is its newest word.
        before: What it said before that.
        gap: When its source could last not be asked.
    """

    first: Observation
    last: Observation
    before: Observation | None = None
    gap: datetime | None = None

    @property
    def value(self) -> Mapping[str, Json]:
        """What it says."""
        return self.last.sighting.value

    @property
    def source(self) -> ObservationSource:
        """Who says it."""
        return self.last.sighting.source

    @property
    def said_at(self) -> datetime:
        """When it said so: of a file that is written anew and says the same, the first time.

        A look at a screen tells how it is at that moment.
        """
        if self.source in _UNSETTLED | EDGES:
            return self.last.at
        return dated(self.last.sighting, self.first.at, self.last.at)


Runs: TypeAlias = "dict[tuple[Fact, ObservationSource], Run]"
"""The latest run of each source for each fact."""


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


def dated(sighting: Sighting, otherwise: datetime, latest: datetime) -> datetime:
    """Return when something was so by its own word; what is later than possible is set right."""
    told = sighting.value.get("at")
    if not isinstance(told, str):
        return otherwise
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        return otherwise
    return min(at, latest) if at.tzinfo is not None else otherwise


def weigh(found: Runs, now: datetime) -> dict[Fact, Verdict]:
    """Return what is believed now of every fact but the gaps, which only take belief away."""
    runs = _gather(found)
    plain = set(Fact) - _DERIVED - {Fact.GAP}
    verdicts = {fact: _decide(runs.get(fact, ()), now) for fact in Fact if fact in plain}
    acts, over = _of_turns_under_way(runs.get(Fact.ACTIVITY, ()), runs.get(Fact.TURN, ()))
    activity = verdicts[Fact.ACTIVITY] = _decide_activity(acts, now)
    activity.losing += over
    verdicts[Fact.DIALOG] = _decide_dialog(runs.get(Fact.DIALOG, ()), activity, now)
    return verdicts


def latest_runs(observations: Iterable[Observation]) -> Runs:
    """Return the latest run of each source for each fact."""
    runs: Runs = {}
    for one in sorted(observations, key=in_order):
        go_on(runs, one)
    return runs


def in_order(one: Observation) -> tuple[datetime, float]:
    """Return by what observations are ordered; what has no number yet comes last at its time."""
    return one.at, one.number or inf


def go_on(runs: Runs, one: Observation) -> None:
    """Take an observation into the runs of all that come before it."""
    fact, source = one.sighting.fact, one.sighting.source
    if fact is Fact.GAP:
        for key, known in runs.items():
            if key[1] is source:
                runs[key] = replace(known, gap=one.at)
    gap = one.at if fact is Fact.GAP else _gap_of(runs, source)
    run = runs.get((fact, source))
    if run is not None and _lost(run, gap):
        run = None
    if run is not None and _same(run.last, one):
        runs[fact, source] = Run(run.first, one, run.before, gap)
    else:
        runs[fact, source] = Run(one, one, run.last if run else None, gap)


def _gap_of(runs: Runs, source: ObservationSource) -> datetime | None:
    found = runs.get((Fact.GAP, source))
    return None if found is None else found.last.at


def next_change(runs: Iterable[Run], now: datetime) -> datetime | None:
    """Return when the weights may next change by time alone; None for never."""
    words = (one for run in runs for one in (run.before, run.first, run.last) if one is not None)
    moments = (one.at + limit for one in words for limit in _limits(one) if one.at + limit >= now)
    return min(moments, default=None)


def _limits(one: Observation) -> Iterator[timedelta]:
    """Yield how long after a word something else may follow from it: see who asks for `now`."""
    source = one.sighting.source
    if source is ObservationSource.QUIET:
        yield timedelta(seconds=QUIET_SECONDS)
    if one.sighting.fact is not Fact.ACTIVITY:
        return
    what = one.sighting.value.get("is")
    if source in EDGES and isinstance(what, str) and what in _BELIEVED_SECONDS:
        yield timedelta(seconds=_BELIEVED_SECONDS[what])
    if what in _AT_REST and source not in _UNSETTLED:
        yield timedelta(seconds=DRAWN_SECONDS)
    if source in _UNSETTLED and what == "idle":
        early = one.sighting.value.get("early") is True
        yield timedelta(seconds=EARLY_SECONDS if early else SETTLED_SECONDS)


def _gather(found: Runs) -> dict[Fact, list[Run]]:
    """Return the latest runs of each fact, the most trusted first."""
    runs: dict[Fact, list[Run]] = {}
    for fact, source in sorted(found, key=lambda key: key[1].rank):
        runs.setdefault(fact, []).append(found[fact, source])
    return runs


def _lost(run: Run, gap: datetime | None) -> bool:
    """Tell whether a word is of before its source could not be asked."""
    return gap is not None and run.last.at < gap and run.last.sighting.fact in PASSING


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
    if _lost(run, run.gap):
        return f"the {run.source} could not be asked since"
    limit: float | None = None
    if run.source is ObservationSource.QUIET:
        limit = QUIET_SECONDS
    elif run.last.sighting.fact is Fact.ACTIVITY and run.source in EDGES:
        limit = _BELIEVED_SECONDS.get(str(run.value.get("is")))
    if limit is None or now - run.last.at <= timedelta(seconds=limit):
        return None
    return f"it is older than {limit:g} s"


def _settled(run: Run, now: datetime) -> bool:
    """Tell whether a look at a screen has been confirmed; a shell's mark needs no second look."""
    if run.source not in _UNSETTLED or run.value.get("marked") is True:
        return True
    if run.value.get("early") is True:
        return now - run.first.at >= timedelta(seconds=EARLY_SECONDS)
    return (
        run.last.at - run.first.at >= timedelta(seconds=TWICE_SECONDS)
        or now - run.first.at >= timedelta(seconds=SETTLED_SECONDS)
    )  # fmt: skip


def _answers(level: Run, edge: Run, now: datetime) -> bool:
    """Tell whether what a level says was so after an edge: a screen may yet have to be drawn."""
    if _stale(level, now) is not None or level.said_at <= edge.last.at:
        return False
    if level.source not in _UNSETTLED:
        return True
    return level.last.at - edge.last.at >= timedelta(seconds=SETTLED_SECONDS)


def _of_turns_under_way(
    acts: Sequence[Run], turns: Sequence[Run]
) -> tuple[list[Run], list[tuple[Observation, str]]]:
    """Tell those apart that tell late of work on a turn that has ended by another's word.

    What comes by two ways comes in no order: a turn that fails at once may be over in the
    transcript before it is known that its prompt was submitted.
    """
    begun = {run.source: run.value.get("prompt_id") for run in turns}
    ended = [run.value.get("prompt_id") for run in turns if run.value.get("phase") in _TURN_ENDS]
    under_way: list[Run] = []
    over: list[tuple[Observation, str]] = []
    for run in acts:
        of = begun.get(run.source) if run.source in EDGES else None
        if of is not None and of in ended and run.value.get("is") in _AT_WORK:
            over.append((run.last, "the turn that it is of has ended"))
        else:
            under_way.append(run)
    return under_way, over


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
    if verdict.run is not None and verdict.value.get("is") in _AT_REST:
        exact = verdict.run.source not in _UNSETTLED
        drawn = not exact or now - verdict.run.first.at > timedelta(seconds=DRAWN_SECONDS)
        verdict.doubt = next(
            (
                run
                for run in believable
                if run.source.rank > verdict.run.source.rank
                and run.value.get("is") in _AT_WORK
                and run.last.at > verdict.run.said_at
                and _stale(run, now) is None
                and (drawn or run.source not in _UNSETTLED)
            ),
            None,
        )
    return verdict


def _ended_unseen(edge: Run, runs: Sequence[Run], now: datetime) -> bool:
    """Tell whether a level shows since, and for long enough, that nobody is waited for."""
    return any(
        run.source not in EDGES
        and run.value.get("is") != "waiting"
        and _answers(run, edge, now)
        for run in runs
    )  # fmt: skip


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
            and activity.run.said_at > run.last.at
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
        run.source not in EDGES and not run.value and _answers(run, edge, now) for run in runs
    )
