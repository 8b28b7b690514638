"""The user's settings as the task engine takes them. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.tasks.limits import Cap, DispatchLimits, StartRate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.services.tasks.settings import Share, TaskSettings

MINUTE = 60.0


def dispatch_limits(settings: TaskSettings) -> DispatchLimits:
    """Return how many tasks may run at once, and how fast they may start."""
    rate = _rate(settings.starts_per_minute)
    return DispatchLimits(
        at_once=settings.most_at_once,
        caps=tuple(_caps(settings)),
        rates=(rate,) if rate else (),
        ageing_seconds=settings.ageing_seconds,
    )


def _caps(settings: TaskSettings) -> Iterator[Cap]:
    each = settings.each
    for what, named, other in (
        ("team", settings.teams, each.team),
        ("repository", settings.repositories, each.repository),
        ("account", settings.accounts, each.account),
        ("kind", settings.kinds, each.kind),
    ):
        for name, share in named.items():
            whose = str(Path(name).expanduser()) if what == "repository" else name
            # One without limits is named, too, so that those of each do not count for it.
            yield _cap(what, whose, share)
        if other.most_at_once or other.starts_per_minute:
            yield _cap(what, "", other)


def _cap(what: str, name: str, share: Share) -> Cap:
    return Cap(what, name, share.most_at_once or None, _rate(share.starts_per_minute))


def _rate(per_minute: float) -> StartRate | None:
    """Return a rate in whole starts; less than one a minute is one in more minutes."""
    if per_minute <= 0:
        return None
    if per_minute < 1:
        return StartRate(1, MINUTE / per_minute)
    return StartRate(int(per_minute), MINUTE)
