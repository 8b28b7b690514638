"""Whether a tree takes more than it may."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.resources import ProcessUsage, Resource, TreeUsage
from iterm_mcp.models.task_limits import OverLimit, ResourceLimits
from iterm_mcp.services.resources.judging import CPU_SECONDS, Judge, held_by_system
from iterm_mcp.testing.fake_clock import START

LIMITS = ResourceLimits(memory_bytes=1000, cpu_cores=1.0, disk_bytes=500, processes=4)
NOTHING = TreeUsage(START)


def usage(memory: int = 0, processes: int = 1, cpu: float = 0.0, disk: int | None = 0) -> TreeUsage:
    rows = tuple(ProcessUsage(pid, 1, "p", 1, 0.0) for pid in range(processes))
    return replace(NOTHING, memory_bytes=memory, processes=rows, cpu_seconds=cpu, disk_bytes=disk)


@pytest.mark.parametrize(
    ("much", "resource", "words"),
    [
        (usage(memory=1100), Resource.MEMORY, "it takes 1.1 kB of memory, 1.0 kB are allowed"),
        (usage(processes=5), Resource.PROCESSES, "it has 5 processes, 4 are allowed"),
        (usage(disk=600), Resource.DISK, "its directory grew by 600 B, 500 B are allowed"),
    ],
    ids=["memory", "processes", "disk"],
)
def test_too_much_is_told_when_it_is_seen_twice(
    much: TreeUsage, resource: Resource, words: str
) -> None:
    judge = Judge(LIMITS)

    assert judge.look(much, 0.0) is None
    found = judge.look(much, 2.0)
    assert found is not None
    assert (found.resource, found.reason, found.done) == (resource, words, OverLimit.STOP)
    assert judge.look(much, 4.0) is None


def test_far_too_much_is_told_at_once() -> None:
    assert Judge(LIMITS).look(usage(memory=1300), 0.0) is not None


def test_a_moment_above_a_limit_is_no_matter() -> None:
    judge = Judge(LIMITS)

    assert not any(judge.look(usage(memory=at), at) for at in (1100, 900, 1100, 900))


def test_processors_are_averaged_over_a_while() -> None:
    judge = Judge(LIMITS)
    told = [judge.look(usage(cpu=1.5 * at), float(at)) for at in range(0, 21, 2)]
    first = next(at for at, one in enumerate(told) if one is not None)

    assert first * 2 >= CPU_SECONDS
    excess = told[first]
    assert excess is not None
    assert excess.reason == "it takes 1.5 processors, 1 are allowed"


def test_a_tree_that_stood_still_is_averaged_anew() -> None:
    judge = Judge(ResourceLimits(cpu_cores=1.0))
    judge.look(usage(cpu=0.0), 0.0)
    judge.forget_rates()

    assert judge.look(usage(cpu=500.0), 16.0) is None
    assert judge.look(usage(cpu=501.0), 32.0) is None


def test_the_worst_comes_first_and_what_else_is_over_is_not_told_after_it() -> None:
    judge = Judge(LIMITS)
    much = usage(memory=2000, processes=9, disk=900)
    found = judge.look(much, 0.0)

    assert found is not None
    assert found.resource is Resource.MEMORY
    assert judge.look(much, 2.0) is None


def test_after_a_calm_time_it_is_told_again() -> None:
    judge = Judge(LIMITS)

    assert judge.look(usage(memory=1300), 0.0) is not None
    assert judge.look(usage(memory=950), 2.0) is None
    assert judge.look(usage(memory=1300), 4.0) is None
    assert judge.look(usage(memory=800), 6.0) is None
    assert judge.look(usage(memory=1300), 8.0) is not None


def test_who_was_let_go_on_is_held_again_when_it_takes_a_quarter_more() -> None:
    judge = Judge(replace(LIMITS, over=OverLimit.PAUSE))

    assert judge.look(usage(memory=2000), 0.0) is not None
    assert judge.look(usage(memory=2400), 2.0) is None
    found = judge.look(usage(memory=2600), 4.0)
    assert found is not None
    assert found.done is OverLimit.PAUSE


def test_growth_that_nobody_knows_yet_is_over_no_limit() -> None:
    judge = Judge(LIMITS)

    assert judge.look(usage(disk=None), 0.0) is None


def test_what_the_system_ended_is_told_with_its_limit() -> None:
    assert "all of the 2.0 GB of memory" in held_by_system(2 * 10**9).reason


amounts = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(1, 9), st.floats(0, 4), st.integers(0, 1500)),
    max_size=30,
)


@given(amounts)
def test_nothing_is_done_about_who_keeps_to_its_limits(
    seen: list[tuple[int, int, float, int]],
) -> None:
    judge, cpu = Judge(LIMITS), 0.0
    for at, (memory, processes, cores, disk) in enumerate(seen):
        cpu += 2 * min(cores, 1.0)
        kept = usage(min(memory, 1000), min(processes, 4), cpu, min(disk, 500))
        assert judge.look(kept, 2.0 * at) is None


@given(st.integers(1001, 10**6), st.integers(2, 20))
def test_who_stays_above_a_limit_is_told_of_exactly_once(memory: int, looks: int) -> None:
    judge = Judge(LIMITS)
    told = [judge.look(usage(memory=memory), 2.0 * at) for at in range(looks)]

    assert sum(one is not None for one in told) == 1


@given(amounts)
def test_without_limits_nothing_is_ever_done(seen: list[tuple[int, int, float, int]]) -> None:
    judge = Judge(ResourceLimits())
    for at, (memory, processes, cores, disk) in enumerate(seen):
        assert judge.look(usage(memory, processes, cores * at, disk), 2.0 * at) is None
