"""What processes that come and go have taken, added up. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.services.agents.processes import ProcessId


@dataclass(frozen=True, slots=True)
class Taken:
    """What one process has taken since it began.

    Attributes:
        own: Itself; `reaped` is what its children took that have ended and were asked for.
    """

    own: float
    reaped: float = 0.0

    @property
    def total(self) -> float:
        """Both."""
        return self.own + self.reaped


@dataclass(slots=True)
class Account:
    """What a tree has taken in all. It never shrinks, whoever of it ends.

    What a process takes between the last look at it and its end is counted where its parent asks
    for it; of what nobody asks for, that part is lost, so this is a lower bound.

    Attributes:
        total: Since the first look, at which what members had taken before counts for nothing.
    """

    total: float = 0.0
    _known: Mapping[ProcessId, Taken] | None = field(default=None, repr=False)

    def look(self, now: Mapping[ProcessId, Taken]) -> float:
        """Take what each member has taken by now; return what was added."""
        before, self._known = self._known, dict(now)
        if before is None:
            return 0.0
        grown = reaped = 0.0
        for process, taken in now.items():
            known = before.get(process, Taken(0.0))
            grown += max(0.0, taken.own - known.own)
            reaped += max(0.0, taken.reaped - known.reaped)
        gone = sum(one.total for process, one in before.items() if process not in now)
        # What was known of the dead comes again as what their parents reaped.
        added = grown + max(0.0, reaped - gone)
        self.total += added
        return added
