"""Which spare agents shall wait: as templates say, in the directories where they are started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.kind import has_screen
from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.agent_lives import Desired, Life, Phase
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.agents.starts import checked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import AgentOrder
    from iterm_mcp.services.agents.launches import AgentLauncher
    from iterm_mcp.services.agents.templates import Template, Templates

MOST = 4
"""Agents that wait at once, unless the settings say otherwise."""

DIRECTORIES = 2
"""For a template without a directory: so many wait for it, where it was started last."""

FORGET_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Wish:
    """Spares of one kind that shall wait.

    Attributes:
        order: With which they are started; it has no prompt.
        fingerprint: Of such a start, see `AgentLauncher.fingerprint`.
    """

    template: str
    order: AgentOrder
    count: int
    fingerprint: str


class SpareWishes:
    """Knows which spares shall wait.

    Args:
        most: How many there may be in all.
    """

    def __init__(self, templates: Templates, clock: Clock, most: int = MOST) -> None:
        self._templates = templates
        self._clock = clock
        self._most = most
        self._started: dict[tuple[str, str], datetime] = {}

    def note(self, order: AgentOrder) -> None:
        """Remember where an agent of a template was started."""
        if order.template:
            key = order.template, order.directory
            self._started.pop(key, None)
            self._started[key] = self._clock.now()

    async def all(self, launcher: AgentLauncher) -> tuple[Wish, ...]:
        """Return what shall wait now; nothing of what cannot be started."""
        if not self._most:
            return ()
        left, found = self._most, list[Wish]()
        templates, _ = await self._templates.load()
        for template in templates:
            for directory in self._directories(template):
                wish = await self._wish(template, directory, min(template.prewarm, left), launcher)
                if wish is not None and wish.count:
                    left -= wish.count
                    found.append(wish)
        return tuple(found)

    async def _wish(
        self, template: Template, directory: str, count: int, launcher: AgentLauncher
    ) -> Wish | None:
        try:
            order = await checked(replace(template.order, directory=directory, prompt=""))
            if not count or not has_screen(find_kind(order.kind)):
                return None
            life = Life(
                AgentName(""),
                order,
                Desired.RUNNING,
                Phase.CREATING,
                token="",
                trace="",
                ordered_at=self._clock.now(),
            )
            return Wish(template.name, order, count, await launcher.fingerprint(life))
        except ItermMcpError:
            return None

    def _directories(self, template: Template) -> Iterator[str]:
        """Yield where spares of a template wait."""
        if not template.prewarm:
            return
        if template.order.directory:
            yield template.order.directory
            return
        now = self._clock.now()
        recent = [
            directory
            for (name, directory), at in reversed(self._started.items())
            if name == template.name and (now - at).total_seconds() < FORGET_SECONDS
        ]
        yield from recent[:DIRECTORIES]
