"""How often a way of working was tried, and how that went. Pure."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import TYPE_CHECKING

from iterm_mcp.models.choosing import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.choosing import Result


def tally_of(results: Sequence[Result]) -> Tally:
    """Return what attempts add up to; those that are not judged do not count."""
    judged = [one for one in results if one.judged]
    costs = [one.cost_usd for one in judged if one.cost_usd is not None]
    seconds = [one.seconds for one in judged]
    return Tally(
        len(judged),
        sum(one.succeeded for one in judged),
        len({one.task_id for one in judged}),
        len(costs),
        *_spread(costs),
        *_spread(seconds),
    )


def _spread(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation; of one value there is no deviation."""
    if not values:
        return None, None
    return fmean(values), stdev(values) if len(values) > 1 else None
