"""A kind of agent that is easily read: its screen's last line is what it does."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from iterm_mcp.agents.kind import Transport
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from iterm_mcp.agents.files import Files
    from iterm_mcp.agents.kind import AgentKind, Occupant
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen

WORDS = {"idle", "busy", "waiting"}


class Robot:
    """As much of an `AgentKind` as those who watch ask for.

    Attributes:
        tell: Of each process that is followed, what takes its sightings.
        followed: Processes that were followed, in order.
        titles: What it was shown as the session's title.
    """

    name = "robot"
    transports = frozenset({Transport.TERMINAL})

    def __init__(self) -> None:
        self.tell: dict[int, Callable[[Sighting], None]] = {}
        self.followed: list[int] = []
        self.styled = 0
        self.titles: list[str] = []

    @property
    def kind(self) -> AgentKind:
        """It, as what it plays."""
        return cast("AgentKind", self)

    def recognise(self, command: tuple[str, ...]) -> bool:
        return command == ("robot",)

    def see(
        self, screen: Screen, title: str, styles: Sequence[OutputLine] = ()
    ) -> tuple[Sighting, ...]:
        self.titles.append(title)
        rows = [row for row in screen.lines if row.strip()]
        last = rows[-1].split()[-1] if rows else ""
        self.styled += bool(styles)
        if last == "hint":
            holds = "ghost" if styles else "draft"
            return (Sighting(Fact.COMPOSER, {"holds": holds}, ObservationSource.SCREEN),)
        if last not in WORDS:
            return ()
        return (Sighting(Fact.ACTIVITY, {"is": last}, ObservationSource.SCREEN, last),)

    @asynccontextmanager
    async def follow(
        self, occupant: Occupant, files: Files, see: Callable[[Sighting], None]
    ) -> AsyncIterator[None]:
        del files
        self.followed.append(occupant.pid)
        self.tell[occupant.pid] = see
        try:
            yield
        finally:
            del self.tell[occupant.pid]
