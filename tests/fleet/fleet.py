"""Machines that live through a story together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fleet.chance import Chance
from tests.fleet.parts.agents import Agents, Approvals
from tests.fleet.parts.alerts import Alerts
from tests.fleet.parts.calls import Calls
from tests.fleet.parts.events import Events
from tests.fleet.parts.lives import Costs, Lives
from tests.fleet.parts.messages import Messages
from tests.fleet.parts.part import Life
from tests.fleet.parts.probe import Exports, Probe
from tests.fleet.parts.processes import Daemon, Host
from tests.fleet.parts.resources import Resources
from tests.fleet.parts.tasks import Tasks, Worktrees
from tests.fleet.parts.terminal import Terminal
from tests.fleet.parts.web import Web
from tests.fleet.passing import passing_time
from tests.fleet.stories import Moment

from iterm_mcp.telemetry import Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Story

PARTS = (
    Calls, Terminal, Agents, Approvals, Lives, Messages, Tasks, Worktrees, Costs, Alerts, Web,
    Events, Resources, Daemon, Host, Probe, Exports,
)  # fmt: skip
"""In the order in which they live through a while."""

NAMES = ("studio", "laptop", "builder", "attic", "lab", "rack")

MONDAY = 1_790_553_600.0
"""28 September 2026, 00:00 UTC: where stories begin unless told otherwise."""


class Machine:
    """One simulated daemon after the other on one machine.

    Attributes:
        name: Stands in the label ``instance``.
        metrics: Of the daemon that runs now.
    """

    metrics: Metrics

    def __init__(self, name: str, seed: object, began: float) -> None:
        self.name = name
        self._chance = Chance((seed, name))
        self.start(began)

    def start(self, at: float) -> None:
        """Start a daemon; all its counters begin at zero."""
        self.metrics = Metrics()
        life = Life(self.metrics, self._chance, at)
        self._parts = [part(life) for part in PARTS]

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Live through a while."""
        for part in self._parts:
            part.live(moment, time)


class Fleet:
    """All machines of a story.

    Args:
        machines: How many.
        seed: The same seed and the same steps give the same numbers.
        began: When the story begins, in seconds since the epoch.

    Attributes:
        at: Until when they have lived.
    """

    def __init__(
        self, story: Story, machines: int = 3, *, seed: object = 1, began: float = MONDAY
    ) -> None:
        self._story = story
        self.began = self.at = began
        self.machines: Sequence[Machine] = [
            Machine(f"{NAMES[number % len(NAMES)]}{number // len(NAMES) or ''}:7717", seed, began)
            for number in range(machines)
        ]

    def advance(self, seconds: float) -> None:
        """Let so much time pass on all machines."""
        before = self.at - self.began
        self.at += seconds
        with passing_time() as time:
            for number, machine in enumerate(self.machines):
                if self._restarts(number, before, seconds):
                    machine.start(self.at)
                machine.live(self._moment(number, seconds), time)

    def _moment(self, number: int, seconds: float) -> Moment:
        since = self.at - self.began
        ills = self._story.ills(since, number, len(self.machines))
        return Moment(self.at, seconds, self._story.activity(since, number), ills)

    def _restarts(self, number: int, before: float, seconds: float) -> bool:
        every = self._story.restarts_every
        if not every:
            return False
        shift = every * (number + 1) / (len(self.machines) + 1)  # never all at once
        return int((before + shift) // every) != int((before + seconds + shift) // every)
