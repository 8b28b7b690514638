"""Tokens and money, as the store of events has priced them, and how far budgets are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily

from iterm_mcp.models.events import CostBasis
from iterm_mcp.telemetry.asked import AskedMetrics
from iterm_mcp.telemetry.labels import MOST_MODELS, Bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import CollectorRegistry, Metric

    from iterm_mcp.models.events import Cost, TokenUsage

NANO = 1_000_000_000

TOKENS = ("input", "output", "cache_read", "cache_write", "reasoning")
"""Sorts of tokens; each token is of one sort."""


class _Spent:
    """The series of one model, looked up once."""

    __slots__ = ("cost", "tokens", "unpriced")

    def __init__(self, tokens: Counter, cost: Counter, unpriced: Counter, model: str) -> None:
        self.tokens = {kind: tokens.labels(model, kind) for kind in TOKENS}
        self.cost = cost.labels(model)
        self.unpriced = unpriced.labels(model)


class BudgetRatios(AskedMetrics["Mapping[str, float]"]):
    """Tells how far each budget is used; one that is taken away is told of no more."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._names = Bounded()

    def tell(self, counted: Mapping[str, float]) -> Iterator[Metric]:
        """Yield the metric of all budgets."""
        gauge = GaugeMetricFamily(
            "iterm_mcp_budget_used_ratio",
            "What is spent of a budget in its present time, 1 for all of it; where each agent or "
            "team has one, of the one that is used most.",
            labels=["budget"],
        )
        worst: dict[str, float] = {}
        for budget, ratio in counted.items():
            name = self._names(budget)
            worst[name] = max(ratio, worst.get(name, 0.0))
        for name, ratio in worst.items():
            gauge.add_metric([name], ratio)
        yield gauge


class CostMetrics:
    """Is told what kept events spent, each once, and how budgets stand.

    It counts from the daemon's start: what is kept from then on.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._models = Bounded(MOST_MODELS)
        self._tokens = Counter(
            "iterm_mcp_tokens_total",
            "Tokens of kept answers of models. Each is of one type: output is without reasoning.",
            ["model", "type"],
            registry=registry,
        )
        self._cost = Counter(
            "iterm_mcp_cost_usd_total",
            "Dollars that kept answers cost, as agents report them or prices tell.",
            ["model"],
            registry=registry,
        )
        self._unpriced = Counter(
            "iterm_mcp_unpriced_tokens_total",
            "Tokens of kept answers whose price nobody knows.",
            ["model"],
            registry=registry,
        )
        self._pauses = Counter(
            "iterm_mcp_budget_pauses_total",
            "How often a step of a budget was reached that holds agents.",
            registry=registry,
        )
        self._spent: dict[str, _Spent] = {}
        self._ratios: Mapping[str, float] | None = None
        BudgetRatios(registry).begin(lambda: self._ratios)

    def spent(self, model: str, usage: TokenUsage, cost: Cost | None) -> None:
        """Count one answer of a model, as it was kept.

        Args:
            model: As the provider calls it; empty where unknown.
            cost: None for what nobody has priced.
        """
        known = self._known(self._models(model))
        reasoning = min(usage.reasoning, usage.output)
        for kind, count in (
            ("input", usage.input),
            ("output", usage.output - reasoning),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write + usage.cache_write_1h),
            ("reasoning", reasoning),
        ):
            known.tokens[kind].inc(count)
        if cost is None or cost.basis is CostBasis.UNPRICED:
            known.unpriced.inc(usage.total)
        else:
            known.cost.inc(cost.nanodollars / NANO)

    def budgets_compared(self, used: Mapping[str, float]) -> None:
        """Note how far every budget is used, by its name; it replaces what was noted before."""
        self._ratios = dict(used)

    def budget_paused(self) -> None:
        """Count that a budget began to hold agents."""
        self._pauses.inc()

    def _known(self, model: str) -> _Spent:
        found = self._spent.get(model)
        if found is None:
            found = _Spent(self._tokens, self._cost, self._unpriced, model)
            self._spent[model] = found
        return found
