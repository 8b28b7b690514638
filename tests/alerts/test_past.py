"""Alerts over a simulated past, in a real Prometheus: they are silent while all is well."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from scripts.alerts.rule import PREFIX
from tests.alerts.past import Past, asked_about, firing, record, wanted, write_past
from tests.alerts.shipped import alerts
from tests.fleet import Fleet
from tests.fleet.history import history
from tests.fleet.stories import HOUR, STORIES, WEEK, Ill, Story

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

MOST_FALSE = 0.01


async def fired(http: httpx2.AsyncClient, past: Past, step: float) -> dict[str, dict[str, int]]:
    """Return every alert that fires, about what, and at how many steps."""
    found = {}
    for name, alert in alerts().items():
        steps = await firing(http, alert, past, step)
        if steps:
            found[name] = steps
    return found


async def judged(
    folder: Path, story: Story, seconds: float, step: float, machines: int
) -> tuple[Past, dict[str, dict[str, int]]]:
    scrapes = history(story, seconds=seconds, step=step, machines=machines, wanted=wanted)
    past = await write_past(folder, scrapes)
    await record(folder, past, step)
    async with asked_about(folder) as http:
        return past, await fired(http, past, step)


def rate(found: dict[str, dict[str, int]], past: Past, step: float, machines: int) -> float:
    """Return at which part of all steps of all alerts one fired though all was well."""
    steps = (past.end - past.start) / step * machines * len(alerts())
    return sum(count for each in found.values() for count in each.values()) / steps


async def test_nothing_fires_in_some_hours_in_which_all_is_well(tmp_path: Path) -> None:
    past, found = await judged(tmp_path, STORIES["healthy"], 3 * HOUR, 120, 1)
    assert past.samples > 1000
    assert found == {}


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_hardly_anything_fires_in_a_week_in_which_all_is_well(tmp_path: Path) -> None:
    past, found = await judged(tmp_path, STORIES["healthy"], WEEK, 120, 1)
    false = rate(found, past, 120, 1)
    print(  # noqa: T201 - the figure that is asked for
        f"{false:.4%} of all evaluations fired, {len(found)} of {len(alerts())} alerts: {found}"
    )
    assert false <= MOST_FALSE
    assert len(found) <= MOST_FALSE * len(alerts())


ILLS = tuple(Ill)


def busy_all(_since: float, _machine: int) -> float:
    """All machines have as much to do as in a busy hour."""
    return 1.0


def one_each(since: float, machine: int, _machines: int) -> frozenset[Ill]:
    """All is well for an hour; then each machine has an ill of its own."""
    return frozenset({ILLS[machine]}) if since >= HOUR else frozenset()


FINDS = {
    Ill.FAULTS: "TerminalOperationsFail",
    Ill.SLOW: "EventLoopLags",
    Ill.TERMINAL_AWAY: "TerminalAway",
    Ill.HOST_BLOCKED: "HostBackPressure",
    Ill.MESSAGES_STUCK: "MessageStuck",
    Ill.MESSAGES_UNKNOWN: "MessagesUnknown",
    Ill.AGENTS_STUCK: "AgentStuck",
    Ill.APPROVALS_WAIT: "ApprovalWaitsLong",
    Ill.ENGINE_FALLEN: "TaskEngineDown",
    Ill.QUEUE_STUCK: "TaskQueuePaused",
    Ill.TASKS_FAIL: "DeadTasks",
    Ill.MACHINE_LOST: "MachineLost",
    Ill.WORKTREES_FULL: "WorktreesInTrouble",
    Ill.EVENTS_TROUBLED: "EventsTroubled",
    Ill.SPOOL_GROWS: "SpoolGrows",
    Ill.UNPRICED: "TokensUnpriced",
    Ill.BUDGET_SPENT: "BudgetSpent",
    Ill.LIMITS_EXCEEDED: "AgentLimitsExceeded",
    Ill.SINKS_FAIL: "NotificationsFail",
    Ill.PROBE_FAILS: "ProbeFails",
    Ill.HTTP_SHEDS: "HttpShedding",
}
"""The alert that leads to what is wrong, and not only to its consequences."""


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_whatever_is_wrong_with_a_machine_is_found(tmp_path: Path) -> None:
    story = Story(busy_all, one_each)
    _past, found = await judged(tmp_path, story, 4 * HOUR, 120, len(ILLS))
    by_ill: dict[Ill, set[str]] = {ill: set() for ill in ILLS}
    for name, about in found.items():
        for labels in about:
            instance = json.loads(labels).get("instance", "")
            by_ill[ILLS[places().index(instance)]].add(name.removeprefix(PREFIX))
    print({ill.name: sorted(names) for ill, names in by_ill.items()})  # noqa: T201 - to be read
    assert [ill.name for ill in ILLS if FINDS[ill] not in by_ill[ill]] == []


def places() -> list[str]:
    return [one.name for one in Fleet(Story(busy_all, one_each), len(ILLS)).machines]
