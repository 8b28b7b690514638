from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.task_queries import EVERYTHING, Hindrance
from iterm_mcp.tasks import choosing
from iterm_mcp.tasks.choosing import (
    KEEPING_SECONDS,
    Active,
    Candidate,
    Here,
    Rates,
    Situation,
    paused,
)
from iterm_mcp.tasks.limits import Cap, DispatchLimits, Reach, Refusal, StartRate, Traits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from iterm_mcp.tasks.choosing import Choice

HERE = Here("here", 10, {"os": "linux"})

NAMES = st.sampled_from(["", "a", "b"])
TRAITS = st.builds(Traits, kind=st.sampled_from(["k", "l"]), team=NAMES, repository=NAMES)
MOST = st.integers(0, 4)
RATES = st.builds(StartRate, st.integers(0, 3), st.sampled_from([1.0, 10.0]))
CAPS = st.builds(
    Cap,
    st.sampled_from(["team", "repository", "kind"]),
    st.sampled_from(["", "a", "k"]),
    st.none() | MOST,
    st.none() | RATES,
)
LIMITS = st.builds(
    DispatchLimits,
    at_once=st.integers(0, 6),
    per_machine=st.none() | MOST,
    caps=st.lists(CAPS, max_size=3).map(tuple),
    rates=st.lists(RATES, max_size=2).map(tuple),
    ageing_seconds=st.sampled_from([1.0, 60.0]),
)
SITUATIONS = st.builds(
    Situation,
    st.builds(Here, st.just("here"), MOST, st.just({"os": "linux"}), st.booleans()),
    LIMITS,
    st.just(100.0),
    st.lists(st.builds(Active, TRAITS, st.sampled_from(["here", "there"])), max_size=5),
    st.lists(st.tuples(st.floats(80.0, 101.0), TRAITS), max_size=5),
    st.sets(st.sampled_from([EVERYTHING, "team:a", "kind:k", "repository:b"]), max_size=2),
)


@st.composite
def queues(draw: st.DrawFn) -> list[Candidate]:
    drawn = draw(
        st.lists(
            st.tuples(TRAITS, st.integers(-2, 2), st.floats(0.0, 100.0), st.booleans()),
            max_size=8,
        )
    )
    return [
        Candidate(f"t-{number}", number, traits, priority, at, {"os": "mac"} if odd else {})
        for number, (traits, priority, at, odd) in enumerate(drawn)
    ]


def task(number: int, *, priority: int = 0, queued_at: float = 0.0, team: str = "") -> Candidate:
    return Candidate(f"t-{number}", number, Traits("k", team), priority, queued_at)


def situation(
    limits: DispatchLimits,
    *,
    active: Sequence[Active] = (),
    started: Sequence[float] = (),
    here: Here = HERE,
    now: float = 100.0,
) -> Situation:
    return Situation(here, limits, now, active, [(at, Traits("k")) for at in started])


def rank(one: Candidate, ageing_seconds: float) -> tuple[float, float, int]:
    """Return what the queue is to be read by, see the rules of `choosing`."""
    return one.queued_at - one.priority * ageing_seconds, one.queued_at, one.number


def choose(
    queue: Iterable[Candidate],
    now: Situation,
    admit: Callable[[Candidate], Refusal | None] = lambda _: None,
) -> Choice:
    """Choose of a queue that is read by rank."""
    ageing = now.limits.ageing_seconds
    return choosing.choose(sorted(queue, key=lambda one: rank(one, ageing)), now, admit)


@given(queues(), SITUATIONS)
def test_no_limit_rate_or_pause_is_ever_overstepped(
    queue: list[Candidate], given_situation: Situation
) -> None:
    choice = choose(queue, given_situation)

    limits, here = given_situation.limits, given_situation.here
    running = [*given_situation.active, *(Active(one.traits, "here") for one in choice.picks)]
    if choice.picks:
        assert len(running) <= limits.at_once
        mine = sum(one.machine == "here" for one in running)
        assert mine <= min(here.capacity, limits.per_machine or here.capacity)
        assert not here.draining
        assert EVERYTHING not in given_situation.pauses
    for one in choice.picks:
        assert not list(paused(one.traits, given_situation.pauses))
        assert not one.labels or one.labels == {"os": "linux"}
        for key, cap in limits.caps_of(one.traits):
            same = sum((key, cap) in limits.caps_of(other.traits) for other in running)
            assert cap.at_once is None or same <= cap.at_once
    starts = [*(min(at, 100.0) for at, _ in given_situation.started), *[100.0] * len(choice.picks)]
    for rate in limits.rates if choice.picks else ():
        assert sum(at > 100.0 - rate.seconds for at in starts) <= rate.starts


@given(queues(), SITUATIONS)
def test_what_is_passed_over_has_a_reason_or_there_was_no_room(
    queue: list[Candidate], given_situation: Situation
) -> None:
    choice = choose(queue, given_situation)

    limits, here = given_situation.limits, given_situation.here
    taken = len(choice.picks)
    mine = taken + sum(one.machine == "here" for one in given_situation.active)
    capacity = here.capacity if limits.per_machine is None else limits.per_machine
    room = len(given_situation.active) + taken < limits.at_once and mine < min(
        here.capacity, capacity
    )
    left = {one.task_id for one in queue} - {one.task_id for one in choice.picks}
    if room:
        assert left == set(choice.obstacles)
    assert not set(choice.obstacles) & {one.task_id for one in choice.picks}


@given(queues())
def test_what_could_start_starts_by_rank(queue: list[Candidate]) -> None:
    limits = DispatchLimits(at_once=3)
    fitting = [one for one in queue if not one.labels]

    picks = choose(queue, situation(limits)).picks

    assert list(picks) == sorted(fitting, key=lambda one: rank(one, limits.ageing_seconds))[:3]


@given(st.integers(1, 4), st.integers(1, 3))
def test_nothing_starves_however_many_of_higher_priority_keep_coming(
    ahead: int, priority: int
) -> None:
    limits = DispatchLimits(at_once=1, ageing_seconds=3.0)
    old = task(0)
    queue = [old]
    number = 0
    now = 0.0
    while old in queue:
        now += 1.0
        for _ in range(ahead):  # each second more come than can ever start
            number += 1
            queue.append(task(number, priority=priority, queued_at=now))
        (pick,) = choose(queue, situation(limits, now=now)).picks
        queue.remove(pick)
        # Only what came before it had aged so far goes before it, however many come after.
        assert now <= ahead * (priority * limits.ageing_seconds + 1) + 1


def test_higher_priority_goes_first_and_the_older_of_two() -> None:
    queue = [task(1, queued_at=99.0), task(2, queued_at=98.0), task(3, priority=1, queued_at=99.5)]

    picks = choose(queue, situation(DispatchLimits(at_once=2))).picks

    assert [one.number for one in picks] == [3, 2]


def test_one_that_is_held_back_by_its_team_holds_back_no_other() -> None:
    limits = DispatchLimits(caps=(Cap("team", "a", at_once=1),))
    queue = [task(1, team="a"), task(2, team="a"), task(3, team="b")]

    choice = choose(queue, situation(limits))

    assert [one.number for one in choice.picks] == [1, 3]
    assert choice.obstacles["t-2"].sentence == "1 tasks of team a run, and 1 may at once"


def test_a_repository_s_cap_counts_all_below_it() -> None:
    limits = DispatchLimits(caps=(Cap("repository", "/src", at_once=1),))
    inside = [Traits(repository="/src/app"), Traits(repository="/src/lib")]
    queue = [Candidate(f"t-{number}", number, one) for number, one in enumerate(inside)]

    assert len(choose(queue, situation(limits)).picks) == 1


def test_a_cap_of_each_counts_every_name_by_itself_unless_it_is_named() -> None:
    limits = DispatchLimits(caps=(Cap("team", at_once=1), Cap("team", "big", at_once=2)))
    names = ["a", "a", "b", "big", "big", "big", "", ""]
    queue = [task(number, team=name) for number, name in enumerate(names)]

    picks = choose(queue, situation(DispatchLimits(9, caps=limits.caps))).picks

    assert Counter(one.traits.team for one in picks) == {"a": 1, "b": 1, "big": 2, "": 2}


def test_a_rate_says_when_the_next_one_starts() -> None:
    limits = DispatchLimits(rates=(StartRate(2, 60.0),))

    choice = choose([task(1)], situation(limits, started=[30.0, 55.0, 70.0]))

    assert not choice.picks
    assert choice.wake_at == 115.0
    assert choice.obstacles["t-1"].what is Hindrance.RATE
    assert "the next one in 15 s" in choice.obstacles["t-1"].sentence


def test_a_rate_of_one_team_lets_others_start() -> None:
    limits = DispatchLimits(caps=(Cap("team", "a", rate=StartRate(1, 60.0)),))
    queue = [task(1, team="a"), task(2, team="a"), task(3, team="b")]

    choice = choose(queue, situation(limits))

    assert [one.number for one in choice.picks] == [1, 3]
    assert choice.wake_at == 160.0


def test_no_start_at_all_is_a_rate_as_well() -> None:
    rates = Rates(situation(DispatchLimits(rates=(StartRate(0, 60.0),))))

    assert rates.free_at(Traits()) == 160.0


def test_admission_is_asked_only_for_what_nothing_else_holds() -> None:
    asked = []

    def admit(one: Candidate) -> Refusal | None:
        asked.append(one.number)
        return Refusal("it needs 2 GB")

    limits = DispatchLimits(caps=(Cap("team", "a", at_once=0),))
    queue = [task(number, team="a" if number % 2 else "") for number in range(100)]

    choice = choose(queue, situation(limits), admit)

    assert not choice.picks
    assert asked == [*range(0, 100, 2)]
    assert choice.obstacles["t-0"].what is Hindrance.ADMISSION


def test_however_many_are_refused_for_their_kind_what_is_behind_them_starts() -> None:
    asked = []

    def admit(one: Candidate) -> Refusal | None:
        asked.append(one.number)
        return Refusal("no quota", Reach.ALIKE) if one.traits.kind == "refused" else None

    queue = [Candidate(f"t-{number}", number, Traits("refused")) for number in range(1000)]
    queue.append(Candidate("t-1000", 1000, Traits("refused", account="other")))
    queue.append(task(1001, queued_at=1.0))

    choice = choose(queue, situation(DispatchLimits()), admit)

    assert [one.number for one in choice.picks] == [1001]
    assert asked == [0, 1000, 1001], "who is refused alike is asked for once"
    assert {one.sentence for one in choice.obstacles.values()} == {"no quota"}
    assert len(choice.obstacles) == 1001


def test_however_many_are_refused_each_for_itself_what_is_behind_them_starts() -> None:
    queue = [task(number) for number in range(1000)]

    choice = choose(
        queue,
        situation(DispatchLimits()),
        lambda one: Refusal("its disk is full") if one.number < 999 else None,
    )

    assert [one.number for one in choice.picks] == [999]


def test_a_machine_that_takes_nothing_is_asked_once() -> None:
    asked = []

    def admit(one: Candidate) -> Refusal:
        asked.append(one.number)
        return Refusal("it is busy", Reach.ALL)

    choice = choose([task(number) for number in range(9)], situation(DispatchLimits()), admit)

    assert asked == [0]
    assert choice.behind == "it is busy"


def lacks_memory(one: Candidate) -> Refusal | None:
    return Refusal("it needs 8 GB", for_memory=True) if one.number == 0 else None


BUSY = [Active(Traits("k"), "here")]


def test_who_has_waited_for_memory_is_overtaken_by_nobody_who_could_take_it() -> None:
    limits = DispatchLimits(ageing_seconds=60.0)
    queue = [task(0, queued_at=40.0), task(1, queued_at=50.0), task(2, priority=1, queued_at=90.0)]

    choice = choose(queue, situation(limits, active=BUSY, now=100.0), lacks_memory)

    assert [one.number for one in choice.picks] == [2], "its rank is higher"
    assert choice.behind == "memory is kept for t-0, which has waited for 1 min"
    assert choice.obstacles["t-0"].sentence == "it needs 8 GB"
    assert "t-1" not in choice.obstacles


def test_nothing_is_kept_for_who_came_just_now() -> None:
    limits = DispatchLimits(ageing_seconds=61.0)
    queue = [task(0, queued_at=40.0), task(1, queued_at=50.0)]

    choice = choose(queue, situation(limits, active=BUSY, now=100.0), lacks_memory)

    assert [one.number for one in choice.picks] == [1]


def test_memory_is_kept_for_half_the_time_alone() -> None:
    limits = DispatchLimits(ageing_seconds=60.0)
    queue = [task(0), task(1, queued_at=1.0)]
    quarters = [100.0 + number * KEEPING_SECONDS / 2 for number in range(8)]

    picks = [
        len(choose(queue, situation(limits, active=BUSY, now=at), lacks_memory).picks)
        for at in quarters
    ]

    assert picks == [0, 0, 1, 1, 0, 0, 1, 1]


def test_memory_is_not_kept_where_nothing_of_ours_could_free_any() -> None:
    limits = DispatchLimits(ageing_seconds=60.0)
    queue = [task(0), task(1, queued_at=1.0)]
    elsewhere = [Active(Traits("k"), "there")]

    others = choose(queue, situation(limits, active=elsewhere), lacks_memory)
    never = choose(queue, situation(limits, active=BUSY), lambda one: None if one.number else NEVER)
    starting = choose(queue, situation(limits), lambda one: None if one.number else KEPT)

    assert [one.number for one in others.picks] == [1]
    assert [one.number for one in never.picks] == [1], "what can never start blocks nobody"
    assert not starting.picks, "what was kept a moment ago comes free by itself"


NEVER = Refusal("this machine has 4 GB in all")
KEPT = Refusal("it needs 8 GB", for_memory=True, others_start=True)


def test_a_large_task_starts_however_many_small_ones_keep_coming() -> None:
    """Small ones of 1 GB take ten seconds each, on a machine of 8 GB; a large one needs 6."""
    limits = DispatchLimits(at_once=8, ageing_seconds=60.0)
    large, running, number, now = task(0), list[float](), 0, 0.0
    queue = [large]
    while large in queue:
        now += 1.0
        number += 1
        queue.append(task(number, queued_at=now))
        running = [ends for ends in running if ends > now]
        free = 8 - len(running)

        def admit(one: Candidate) -> Refusal | None:
            nonlocal free
            needs = 6 if one is large else 1
            if free < needs:
                return Refusal("too little", for_memory=True)
            free -= needs
            return None

        active = BUSY * len(running)
        for one in choose(queue, situation(limits, active=active, now=now), admit).picks:
            queue.remove(one)
            running.append(now + 10.0)
        assert now <= 60.0 + 10.0


def test_labels_that_the_machine_lacks_are_told() -> None:
    wants = Candidate("t-1", 1, Traits("k"), labels={"os": "mac"})

    choice = choose([wants], situation(DispatchLimits()))

    assert "it needs a machine with os=mac" in choice.obstacles["t-1"].sentence
