"""PromQL in the words that the dashboards share.

Every selector asks for the job and the instance that the reader chose, and every rate is taken
over Grafana's ``$__rate_interval``, which is never shorter than four scrapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Growth = Callable[..., str]
    """`rate` for what is true now, `increase` for what was true in the shown time."""

SCOPE = 'job=~"$job", instance=~"$instance"'

TOOL_CALLS = "iterm_mcp_tool_calls_total"
TOOL_SECONDS = "iterm_mcp_tool_duration_seconds"
OPERATIONS = "iterm_mcp_terminal_operations_total"
OPERATION_SECONDS = "iterm_mcp_terminal_operation_duration_seconds"

FAULTS = ("agent", "error", "internal", "rejected", "store", "timeout", "unavailable")
"""Outcomes that are the product's, the terminal's or an agent's to answer for."""

CALLER_MISTAKES = ("conflict", "invalid", "not_found", "refused")
"""Outcomes that a caller brought about and can mend: no reason to wake anybody."""

OK = 'outcome="ok"'
FAULTY = f'outcome=~"{"|".join(FAULTS)}"'
MISTAKEN = f'outcome=~"{"|".join(CALLER_MISTAKES)}"'
NOT_OK = 'outcome!~"ok|cancelled"'

QUANTILES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))


def series(metric: str, *matchers: str) -> str:
    """Select a metric of the chosen instances."""
    return f"{metric}{{{', '.join((SCOPE, *matchers))}}}"


def rate(counter: str, *matchers: str) -> str:
    """Return a counter's growth per second, now."""
    return f"rate({series(counter, *matchers)}[$__rate_interval])"


def increase(counter: str, *matchers: str) -> str:
    """Return a counter's growth over all that the dashboard shows."""
    return f"increase({series(counter, *matchers)}[$__range])"


def total(vector: str, *by: str) -> str:
    """Sum a vector, keeping some labels."""
    return f"sum by ({', '.join(by)}) ({vector})" if by else f"sum({vector})"


def now(gauge: str, *by: str, matching: tuple[str, ...] = ()) -> str:
    """Sum a gauge as it stands, keeping some labels."""
    return total(series(gauge, *matching), *by)


def worst(gauge: str, *by: str, matching: tuple[str, ...] = ()) -> str:
    """Return the highest of a gauge's values, of each of some labels."""
    kept = f"max by ({', '.join(by)}) " if by else "max"
    return f"{kept}({series(gauge, *matching)})"


def least(gauge: str, *by: str) -> str:
    """Return the lowest of a gauge's values, of each of some labels."""
    kept = f"min by ({', '.join(by)}) " if by else "min"
    return f"{kept}({series(gauge)})"


def grown(counter: str, *by: str, matching: tuple[str, ...] = ()) -> str:
    """Sum a counter's growth over all that the dashboard shows, keeping some labels."""
    return total(increase(counter, *matching), *by)


def flow(counter: str, *by: str, matching: tuple[str, ...] = ()) -> str:
    """Sum a counter's growth per second, keeping some labels."""
    return total(rate(counter, *matching), *by)


def failures(counter: str, *by: str) -> str:
    """Return how much work fails per second; only of what fails at all."""
    return f"{total(rate(counter, NOT_OK), *by)} > 0"


def quantile(
    share: float,
    histogram: str,
    *matchers: str,
    by: tuple[str, ...] = (),
    growth: Growth = rate,
) -> str:
    """Return the value below which a share of a histogram's observations lies."""
    buckets = total(growth(f"{histogram}_bucket", *matchers), "le", *by)
    return f"histogram_quantile({share}, {buckets})"


def mean(histogram: str, *matchers: str, by: tuple[str, ...] = (), growth: Growth = rate) -> str:
    """Return the mean of a histogram's observations."""
    seconds = total(growth(f"{histogram}_sum", *matchers), *by)
    return f"{seconds} / {total(growth(f'{histogram}_count', *matchers), *by)}"


def part(counter: str, *matchers: str, by: tuple[str, ...] = (), growth: Growth = rate) -> str:
    """Return which part of all that is counted matches."""
    return f"{total(growth(counter, *matchers), *by)} / {total(growth(counter), *by)}"


def top(count: int, vector: str) -> str:
    """Return the highest of a vector's series."""
    return f"topk({count}, {vector})"


def share_within(seconds: float, histogram: str, *matchers: str) -> str:
    """Return which part of the observations was at most so long; it must be a bucket's bound."""
    quick = total(increase(f"{histogram}_bucket", f'le="{float(seconds)}"', *matchers))
    return f"{quick} / {total(increase(f'{histogram}_count', *matchers))}"


def share_without_faults(counter: str, *, by: tuple[str, ...] = (), growth: Growth = rate) -> str:
    """Return which part of the work did not fail through a fault of ours."""
    return f"1 - {total(growth(counter, FAULTY), *by)} / {total(growth(counter), *by)}"
