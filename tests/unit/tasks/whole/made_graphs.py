"""Graphs at random, whose tasks' prompts say what becomes of them.

A prompt is JSON: ``fails`` (so many attempts end with ``outcome`` first), ``asks`` (a question),
``output``, ``problems``, ``breaks`` (a step that raises what nobody expects), ``refuses`` (one that
raises an error that is expected).
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.task_graphs import FailurePolicy, GraphSpec
from iterm_mcp.models.tasks import (
    Condition,
    FanOut,
    Operator,
    Outcome,
    RetryPolicy,
    TaskSpec,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from random import Random

KINDS = ("claude", "codex")
TEAMS = ("", "red", "blue")
REPOSITORIES = ("", "/src/app", "/src/app/inner", "/src/lib")
ACCOUNTS = ("", "", "acme")
LINUX = {"os": "linux"}
STEPS = ("prepare", "begin", "supervise", "collect", "clean")
FAILURES = (Outcome.FAILED, Outcome.STALLED, Outcome.OVER_LIMIT, Outcome.TIMED_OUT)


def fate_of(chance: Random) -> dict[str, Any]:
    """Return what becomes of a task: mostly nothing bad."""
    fate: dict[str, Any] = {
        "output": {"n": chance.randrange(4), "rows": list(range(chance.randrange(4)))}
    }
    if chance.random() < 0.1:
        fate["output"] = "no rows at all"
    if chance.random() < 0.25:
        fate |= {"fails": chance.randrange(1, 4), "outcome": chance.choice(FAILURES)}
    if chance.random() < 0.15:
        fate["asks"] = "may I?"
    if chance.random() < 0.1:
        fate["problems"] = ["there is no commit"]
    if chance.random() < 0.06:
        fate["breaks"] = chance.choice(STEPS)
    if chance.random() < 0.06:
        fate["refuses"] = chance.choice((*STEPS, "answer"))
    return fate


def make_graph(
    chance: Random, name: str, now: datetime, elsewhere: Sequence[str] = (), most: int = 8
) -> GraphSpec:
    """Return a graph; names of its tasks begin with its own, so that nobody else has them.

    Args:
        elsewhere: Ids of tasks that are there.
    """
    policy = chance.choice(list(FailurePolicy))
    tasks: list[TaskSpec] = []
    for number in range(chance.randint(1, most)):
        before = [one.name for one in tasks if not one.compensates]
        needs = [one for one in before if chance.random() < 0.35]
        outer = [one for one in elsewhere if chance.random() < 0.1]
        tasks.append(_task(chance, f"{name}.{number}", needs, outer, now))
        if tasks[-1].fan_out is not None and chance.random() < 0.7:
            tasks += _chain_after(chance, tasks[-1], needs, now)
        if policy is FailurePolicy.COMPENSATE and chance.random() < 0.4:
            undo = _task(chance, f"{name}.{number}.undo", [tasks[-1].name], [], now)
            tasks.append(_with(undo, compensates=tasks[-1].name, when=(), fan_out=None))
    return GraphSpec(name, tuple(tasks), policy, chance.choice(("", name)))


def _chain_after(chance: Random, head: TaskSpec, needs: list[str], now: datetime) -> list[TaskSpec]:
    """Return steps that fan out along with a task."""
    steps: list[TaskSpec] = []
    for number in range(chance.randint(1, 2)):
        before = [one.name for one in (head, *steps)]
        more = [one for one in (*before[:-1], *needs) if chance.random() < 0.2]
        step = _task(chance, f"{head.name}.then{number}", [before[-1], *more], [], now)
        steps.append(_with(step, fan_out=FanOut(head.name, along=True)))
    return steps


def _with(spec: TaskSpec, **changes: Any) -> TaskSpec:  # noqa: ANN401 - of any field
    fields = {name: getattr(spec, name) for name in TaskSpec.__dataclass_fields__}
    return TaskSpec(**fields | changes)


def _task(
    chance: Random, name: str, needs: list[str], elsewhere: list[str], now: datetime
) -> TaskSpec:
    later = now + timedelta(seconds=chance.randrange(1, 120)) if chance.random() < 0.1 else None
    when = [
        Condition(one, "output.n", chance.choice((Operator.MORE, Operator.LESS)), 1)
        for one in needs
        if chance.random() < 0.2
    ]
    fan_out = None
    if needs and chance.random() < 0.4:
        fan_out = FanOut(chance.choice(needs), "output.rows", most=chance.choice((1, 2, 5, 5, 5)))
    return TaskSpec(
        name,
        chance.choice(KINDS),
        json.dumps(fate_of(chance)),
        "/nowhere",
        team=chance.choice(TEAMS),
        account=chance.choice(ACCOUNTS),
        repository=chance.choice(REPOSITORIES),
        priority=chance.randint(-2, 2),
        labels=LINUX if chance.random() < 0.15 else {},
        retry=RetryPolicy(chance.randint(1, 3), chance.choice((0.5, 20.0))),
        needs=(*needs, *elsewhere),
        when=tuple(when),
        not_before=later,
        deadline_seconds=chance.choice((60.0, 1800.0)),
        fan_out=fan_out,
    )
