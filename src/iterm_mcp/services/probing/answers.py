"""A run of the probe, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iterm_mcp.models.probes import Journey


def journey_answer(journey: Journey) -> dict[str, Any]:
    """Return what became of each step; reasons stand where there are any."""
    return {
        "ok": journey.is_ok,
        "at": journey.at.isoformat(),
        "seconds": round(journey.seconds, 4),
        "steps": [
            {
                "step": one.step.value,
                "ok": one.is_ok,
                "seconds": round(one.seconds, 4),
                **({"reason": one.reason} if one.reason else {}),
            }
            for one in journey.steps
        ],
        **({"left": list(journey.left)} if journey.left else {}),
    }
