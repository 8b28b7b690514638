"""Whether an arm does otherwise than it used to. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.alerts import AlertKind, Finding, Severity
from iterm_mcp.models.choosing import Drift
from iterm_mcp.services.choosing.proportions import fisher
from iterm_mcp.services.choosing.tallies import tally_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.choosing import Result, Tally


def find_drift(
    results: Sequence[Result], *, recent: int, least_past: int, alpha: float
) -> Drift | None:
    """Return how the newest attempts differ from all before; None when that may be chance.

    Args:
        results: Of one arm in one kind of work, the oldest first.
        recent: How many of them are the newest.
        least_past: So many must be before.
        alpha: How often at most a difference may be told where there is none. It holds for one
            look: whoever looks after every attempt looks at the same ones again and again.
    """
    judged = [one for one in results if one.judged]
    if len(judged) < recent + least_past:
        return None
    past, now = tally_of(judged[:-recent]), tally_of(judged[-recent:])
    p = fisher(past.successes, past.attempts, now.successes, now.attempts)
    if p > alpha:
        return None
    way = judged[-1].way
    return Drift(way.task, way.arm, past, now, p, _share(now) < _share(past))


def finding_of(drift: Drift) -> Finding:
    """Return a change as something that is worth an alert."""
    better = "less" if drift.worse else "more"
    work = f" at {drift.task!r}" if drift.task else ""
    text = (
        f"{drift.arm} succeeds {better} often{work} than it used to: "
        f"{drift.recent.successes} of the last {drift.recent.attempts} attempts, "
        f"{drift.past.successes} of {drift.past.attempts} before (p = {drift.p:.2g})"
    )
    severity = Severity.WARNING if drift.worse else Severity.INFO
    return Finding(AlertKind.DRIFT, f"{drift.task}/{drift.arm}", severity, text)


def _share(tally: Tally) -> float:
    return tally.successes / tally.attempts
