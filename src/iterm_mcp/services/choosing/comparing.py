"""Two arms beside each other, with how sure one may be. Pure."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from iterm_mcp.models.choosing import Compared, Comparison, Interval, Why
from iterm_mcp.services.choosing.proportions import CONFIDENCE, fisher, newcombe, wilson
from iterm_mcp.services.events.significance import bootstrap, holm, permutation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.choosing import Result

ALPHA = 0.05
MOST_VALUES = 400
LEAST_SHARES = 5
"""Of each arm, below which nothing is claimed of its share of successes."""
SUCCESS, DOLLARS, SECONDS = "success", "dollars", "seconds"
METHOD = (
    "share of successes: Fisher's exact test, Wilson's intervals, Newcombe's for the difference; "
    "dollars and seconds of an attempt: two-sided permutation test of the means, bootstrap "
    f"intervals, of the newest {MOST_VALUES} attempts; corrected for all three by Holm"
)
ADAPTIVE = (
    "arms were chosen by how they did, which makes arms that began badly look worse than they "
    "are; what was explored at random is free of that"
)


def compare(
    task: str, a: str, b: str, results_a: Sequence[Result], results_b: Sequence[Result]
) -> Comparison:
    """Return how two arms do at one kind of work; those attempts count that are judged."""
    ones, others = ([one for one in those if one.judged] for those in (results_a, results_b))
    dollars_a, dollars_b = _dollars(ones), _dollars(others)
    seconds_a, seconds_b = _seconds(ones), _seconds(others)
    good_a, good_b = (sum(one.succeeded for one in those) for those in (ones, others))
    enough = min(len(ones), len(others)) >= LEAST_SHARES
    p = holm(
        {
            SUCCESS: fisher(good_a, len(ones), good_b, len(others)) if enough else None,
            DOLLARS: permutation(dollars_a, dollars_b),
            SECONDS: permutation(seconds_a, seconds_b),
        }
    )
    share_a, share_b = (
        good / count if count else 0.0
        for good, count in ((good_a, len(ones)), (good_b, len(others)))
    )
    measures = (
        Compared(
            SUCCESS, len(ones), len(others), share_a, share_b, wilson(good_a, len(ones)),
            wilson(good_b, len(others)), newcombe(good_a, len(ones), good_b, len(others)),
            p[SUCCESS], _better(a, b, share_b - share_a, p[SUCCESS]),
        ),
        _means(DOLLARS, a, b, dollars_a, dollars_b, p[DOLLARS]),
        _means(SECONDS, a, b, seconds_a, seconds_b, p[SECONDS]),
    )  # fmt: skip
    adaptive = any(one.why == Why.DRAWN for one in (*ones, *others))
    caution = ADAPTIVE if adaptive else ""
    return Comparison(task, a, b, METHOD, ALPHA, CONFIDENCE, measures, caution)


def _means(
    measure: str, a: str, b: str, ones: Sequence[float], others: Sequence[float], p: float | None
) -> Compared:
    mean_a, mean_b = (fmean(those) if those else 0.0 for those in (ones, others))
    interval = Interval(*bootstrap(ones, others)) if p is not None else None
    better = _better(a, b, mean_a - mean_b, p)  # less is better
    return Compared(
        measure, len(ones), len(others), mean_a, mean_b, None, None, interval, p, better
    )


def _better(a: str, b: str, for_b: float, p: float | None) -> str:
    if p is None or p > ALPHA or for_b == 0:
        return ""
    return b if for_b > 0 else a


def _dollars(results: Sequence[Result]) -> list[float]:
    return [one.cost_usd for one in results if one.cost_usd is not None][-MOST_VALUES:]


def _seconds(results: Sequence[Result]) -> list[float]:
    return [one.seconds for one in results][-MOST_VALUES:]
