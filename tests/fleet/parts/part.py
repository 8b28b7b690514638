"""What every part of a machine has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fleet.chance import Chance
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

    from iterm_mcp.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class Life:
    """What a part may use.

    Attributes:
        metrics: Of this daemon, from its start to its end.
        chance: The machine's; a new daemon goes on with it.
        began: When the daemon was started, in seconds since the epoch.
    """

    metrics: Metrics
    chance: Chance
    began: float


class Part(ABC):
    """One subject of a daemon's metrics. Made when the daemon starts."""

    def __init__(self, life: Life) -> None:
        self.metrics = life.metrics
        self.chance = life.chance
        self.began = life.began

    @abstractmethod
    def live(self, moment: Moment, time: PassingTime) -> None:
        """Do what is done in a while.

        Args:
            time: Passes in what measures its own duration, and nowhere else.
        """
