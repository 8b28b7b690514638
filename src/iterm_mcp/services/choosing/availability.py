"""Whether an arm can be had now: its kind installed, its template sound, its quota not used up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.errors import ItermMcpError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.choosing import Arm
    from iterm_mcp.services.agents.templates import Template

BELIEVED_SECONDS = 60.0
"""How long it is believed that a program is there, or is not: looking starts it."""


class Probed(Protocol):
    """A kind of agent."""

    @property
    def name(self) -> str:
        """The word under which it is registered."""

    async def probe(self, environ: Mapping[str, str]) -> object | None:
        """Look for the program; None when it is not installed."""


class KnownTemplates(Protocol):
    """Finds templates of agents."""

    async def find(self, name: str) -> Template:
        """Return a template.

        Raises:
            NotFoundError, InvalidRequestError: There is none, or it cannot be used.
        """


class KnownQuotas(Protocol):
    """Knows until when nobody of a kind should be begun."""

    def until(self, kind: str, account: str, now: datetime) -> datetime | None:
        """Return until when; None when it may be now."""


class Availability:
    """Says why an arm cannot be had.

    Args:
        find_kind: Returns a kind of agent by its name.
    """

    def __init__(
        self,
        templates: KnownTemplates,
        find_kind: Callable[[str], Probed],
        quotas: KnownQuotas,
        clock: Clock,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._templates = templates
        self._find_kind = find_kind
        self._quotas = quotas
        self._clock = clock
        self._environ = environ
        self._looked: dict[str, tuple[float, bool]] = {}

    async def why_not(self, arm: Arm) -> str:
        """Return why an arm cannot be had now; empty when it can."""
        try:
            kind = self._find_kind(arm.kind)
        except NotFoundError as error:
            return str(error)
        if arm.template:
            try:
                template = await self._templates.find(arm.template)
            except ItermMcpError as error:
                return str(error)
            if template.order.kind != arm.kind:
                return f"its template {arm.template} is of the kind {template.order.kind}"
        if not await self._installed(kind):
            return f"{arm.kind} is not installed"
        until = self._quotas.until(arm.kind, "", self._clock.now())
        return f"{arm.kind} takes no orders before {until:%F %T} UTC" if until else ""

    async def _installed(self, kind: Probed) -> bool:
        now = self._clock.monotonic()
        looked, there = self._looked.get(kind.name, (0.0, False))
        if kind.name not in self._looked or now - looked > BELIEVED_SECONDS:
            there = await kind.probe(self._environ) is not None
            self._looked[kind.name] = now, there
        return there
