from __future__ import annotations

from datetime import UTC, datetime

from iterm_mcp.models.probes import Journey, Step, StepResult
from iterm_mcp.services.probing.answers import journey_answer

AT = datetime(2026, 1, 2, tzinfo=UTC)


def test_a_journey_is_told_with_reasons_where_there_are_any() -> None:
    steps = (StepResult(Step.SESSION, 0.25), StepResult(Step.TASK, 1.0, "it is dead"))
    assert journey_answer(Journey(AT, 1.25, steps, ("the agent: away",))) == {
        "ok": False,
        "at": "2026-01-02T00:00:00+00:00",
        "seconds": 1.25,
        "steps": [
            {"step": "session", "ok": True, "seconds": 0.25},
            {"step": "task", "ok": False, "seconds": 1.0, "reason": "it is dead"},
        ],
        "left": ["the agent: away"],
    }


def test_what_is_left_over_makes_a_journey_fail() -> None:
    assert journey_answer(Journey(AT, 0.25, (StepResult(Step.SESSION, 0.25),))) == {
        "ok": True,
        "at": "2026-01-02T00:00:00+00:00",
        "seconds": 0.25,
        "steps": [{"step": "session", "ok": True, "seconds": 0.25}],
    }
    assert not Journey(AT, 0.25, (), ("the agent: away",)).is_ok
