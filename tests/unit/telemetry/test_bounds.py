"""However many names users, agents and clients make up, a scrape has a bounded number of series."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from prometheus_client import generate_latest

from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.events import TokenUsage
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.messages import Receipt, ReceiptState, Source
from iterm_mcp.models.task_queries import QueueTally, TaskTally
from iterm_mcp.telemetry import Metrics
from iterm_mcp.telemetry.task_metrics import EngineStanding

if TYPE_CHECKING:
    from collections.abc import Iterator

SOME, AGENTS = 2000, 10_000
TOOLS = [f"tool_{number}" for number in range(54)]
STATES = list(AgentState)


@dataclass
class Takes:
    """What agents take of the machine."""

    looks: int = 0
    look_seconds: float = 0.0
    kinds: dict[str, Any] = field(default_factory=dict)
    excesses: dict[tuple[str, str, str], int] = field(default_factory=dict)


def name(chance: random.Random, what: str) -> str:
    """Return a name that nobody has had before, some of which are hard to print."""
    odd = chance.choice(("", "é", "\ud83d", "\n", '"', "x" * 500))
    return f"{what}{odd}{chance.getrandbits(64):x}"


def live(metrics: Metrics, takes: Takes, chance: random.Random) -> None:
    """Have one agent do all that counts, under names of its own."""
    kind, model, client = (name(chance, one) for one in ("kind", "model", "client"))
    agent, session = AgentName(name(chance, "agent")), SessionId(name(chance, "session"))
    metrics.session_opened(session)
    metrics.agent_state_changed(kind, None, chance.choice(STATES))
    metrics.lives.kinds_known([kind])
    metrics.lives.life_begun(kind, again=chance.random() < 0.5, succeeded=chance.random() < 0.5)
    metrics.lives.agent_came_up(kind, chance.random())
    metrics.lives.turn_ended(kind, "done", chance.random())
    metrics.hook_taken(kind, "recorded")
    metrics.approval_answered("allow", "hook", chance.random())
    metrics.mcp.client_seen(client, TOOLS)
    metrics.mcp.called(client, chance.choice(TOOLS), TOOLS)
    metrics.costs.spent(model, TokenUsage(input=3, output=5), None)
    receipt = Receipt(
        agent, session, name(chance, "text"), chance.choice(list(Source)), None,
        chance.choice(list(ReceiptState)), name(chance, "reason"), datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    metrics.delivered(receipt, chance.random())
    with metrics.tools.measure(chance.choice(TOOLS)):
        pass
    takes.kinds[kind] = SimpleNamespace(
        trees=1, processes=2, memory_bytes=3, cpu_seconds=4.0, read_bytes=5, written_bytes=6
    )
    takes.excesses[kind, "memory", "told"] = 1


def series(metrics: Metrics) -> Iterator[str]:
    for family in metrics.registry.collect():
        for sample in family.samples:
            yield sample.name


def test_ten_thousand_agents_of_as_many_kinds_and_models_make_no_more_series_than_some() -> None:
    metrics, takes, chance = Metrics(), Takes(), random.Random(7)
    metrics.resources.begin(lambda: takes)
    budgets = {name(chance, "budget"): 0.5 for _ in range(AGENTS)}
    metrics.costs.budgets_compared(budgets)
    queues = {name(chance, "queue"): QueueTally(1, 2) for _ in range(AGENTS)}
    tally = TaskTally(queues=queues, paused=frozenset(queues))
    metrics.tasks.standing.begin(lambda: EngineStanding(up=True, tally=tally))
    metrics.alerts.sinks_known(name(chance, "sink") for _ in range(AGENTS))
    for _ in range(SOME):
        live(metrics, takes, chance)
    some = len(list(series(metrics)))
    for _ in range(SOME, AGENTS):
        live(metrics, takes, chance)

    assert len(list(series(metrics))) == some < 4000
    text = generate_latest(metrics.registry)
    assert len(text) < 350_000
    ours = {
        labels["kind"]
        for family in metrics.registry.collect()
        for labels in (sample.labels for sample in family.samples)
        if "kind" in labels
    }
    named = [one for one in ours if one.startswith("kind")]
    assert 10 < len(named) <= 20  # names that differ only far behind are told as one
    assert "other" in ours


def test_what_came_too_late_for_a_name_of_its_own_is_not_lost() -> None:
    metrics, takes, chance = Metrics(), Takes(), random.Random(7)
    metrics.resources.begin(lambda: takes)
    for _ in range(300):
        live(metrics, takes, chance)

    def total(name: str) -> float:
        return sum(
            sample.value
            for family in metrics.registry.collect()
            for sample in family.samples
            if sample.name == f"iterm_mcp_{name}"
        )

    assert total("agents") == 300
    assert total("agent_processes") == 600
    assert total("agent_limits_exceeded_total") == 300
    assert total("client_tool_calls_total") == 300
    assert total("tokens_total") == 300 * 8
    assert total("agent_turns_total") == 300
