"""Simulated daemons show what real ones do, and tell the same story each time."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.fleet import STORIES, Fleet, Ill
from tests.fleet.history import history
from tests.fleet.stories import DAY, HOUR, only

from iterm_mcp.telemetry import Metrics

if TYPE_CHECKING:
    from tests.fleet.fleet import Machine

RESTING = {"iterm_mcp_tool_calls_in_flight", "iterm_mcp_terminal_operations_in_flight",
           "iterm_mcp_worktree_operations_in_flight"}  # fmt: skip
"""Simulated calls have ended when anybody looks."""


def value(machine: Machine, name: str, **labels: str) -> float:
    found = machine.metrics.registry.get_sample_value(name, labels)
    assert found is not None, (name, labels)
    return found


def lived(story: str, hours: int, seed: int = 1) -> Fleet:
    fleet = Fleet(STORIES[story], machines=2, seed=seed)
    for _ in range(hours * 4):
        fleet.advance(HOUR / 4)
    return fleet


def moved(fleet: Fleet) -> set[str]:
    """Return which families have a sample that is not zero."""
    return {
        family.name
        for machine in fleet.machines
        for family in machine.metrics.registry.collect()
        if any(sample.value for sample in family.samples if not sample.name.endswith("_created"))
    }


def test_every_metric_of_a_daemon_moves() -> None:
    ours = {
        name
        for names in Metrics().registry._collector_to_names.values()
        for name in names[:1]
        if name.startswith(("iterm_mcp_", "mcp_"))
    }

    assert ours - moved(lived("mixed", 2)) <= RESTING


def test_the_same_seed_tells_the_same_story_and_another_one_does_not() -> None:
    def told(seed: int) -> list[str]:
        wanted = "iterm_mcp_tool_calls_total".__eq__
        past = history(STORIES["busy"], seconds=HOUR, step=600, seed=seed, wanted=wanted)
        return [samples for _, samples in past]

    assert told(1) == told(1)
    assert told(1) != told(2)


LINE = re.compile(r'(\w+)\{.*job="iterm-mcp",instance="([^"]+)"\} [0-9.e+-]+ ([0-9.]+)')


def test_a_past_has_a_line_with_its_time_for_each_sample_of_each_machine() -> None:
    names = ("iterm_mcp_sessions_open", "iterm_mcp_tool_duration_seconds_count")
    scrapes = list(history(STORIES["busy"], seconds=HOUR, step=900, wanted=names.__contains__))

    lines = [(at, LINE.fullmatch(line)) for at, text in scrapes for line in text.splitlines()]

    assert [at - scrapes[0][0] for at, _ in scrapes] == [0, 900, 1800, 2700]
    assert all(found and float(found[3]) == at for at, found in lines)
    assert {found[1] for _, found in lines if found} == {"up", *names}
    up = {(found[2], at) for at, found in lines if found and found[1] == "up"}
    assert len(up) == 3 * 4


def test_a_restarted_daemon_counts_from_zero_and_no_two_restart_at_once() -> None:
    fleet = Fleet(replace(STORIES["healthy"], activity=lambda _since, _machine: 0.0), machines=3)
    restarts = []
    for _ in range(7 * 6):
        before = [machine.metrics for machine in fleet.machines]
        fleet.advance(4 * HOUR)
        after = [machine.metrics for machine in fleet.machines]
        restarts += [
            (fleet.at, number)
            for number, (old, new) in enumerate(zip(before, after, strict=True))
            if old is not new
        ]

    assert len(restarts) == len({at for at, _ in restarts})
    assert {number for _, number in restarts} == {0, 1, 2}


def test_nights_are_quiet() -> None:
    fleet = Fleet(STORIES["healthy"], machines=1)
    fleet.advance(6 * HOUR)
    night = value(fleet.machines[0], "iterm_mcp_events_kept_total")
    for _ in range(8):
        fleet.advance(HOUR)
    day = value(fleet.machines[0], "iterm_mcp_events_kept_total") - night

    assert 0 < night < day / 10
    assert DAY == 24 * HOUR


@pytest.mark.parametrize(
    ("ill", "name", "labels", "healthy"),
    [
        (Ill.TERMINAL_AWAY, "iterm_mcp_daemon_ready", {}, 1),
        (Ill.EVENTS_TROUBLED, "iterm_mcp_events_troubled", {}, 0),
        (Ill.ENGINE_FALLEN, "iterm_mcp_task_engine_up", {}, 1),
        (Ill.TASKS_FAIL, "iterm_mcp_task_dead_letters", {}, 0),
        (Ill.AGENTS_STUCK, "iterm_mcp_agents_quarantined", {}, 0),
        (Ill.MESSAGES_UNKNOWN, "iterm_mcp_dead_letters", {}, 0),
        (Ill.QUEUE_STUCK, "iterm_mcp_task_queue_paused", {"queue": "kind:claude"}, 0),
        (Ill.BUDGET_SPENT, "iterm_mcp_budget_pauses_total", {}, 0),
        (
            Ill.SINKS_FAIL,
            "iterm_mcp_notifications_total",
            {"sink": "desktop", "outcome": "failed"},
            0,
        ),
        (Ill.HTTP_SHEDS, "iterm_mcp_http_shed_total", {"reason": "busy"}, 0),
        (
            Ill.FAULTS,
            "iterm_mcp_tool_calls_total",
            {"tool": "read_screen", "outcome": "unavailable"},
            0,
        ),
    ],
)  # fmt: skip
def test_what_is_ill_shows_and_only_then(
    ill: Ill, name: str, labels: dict[str, str], healthy: float
) -> None:
    for story, is_well in ((STORIES["busy"], True), (only(ill), False)):
        fleet = Fleet(story, machines=1)
        for _ in range(4):
            fleet.advance(HOUR / 4)
        assert (value(fleet.machines[0], name, **labels) == healthy) == is_well
