"""What kinds share whose programs write nothing of themselves."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from iterm_mcp.agents.files import Files
    from iterm_mcp.agents.kind import Occupant
    from iterm_mcp.models.observations import Json, Sighting


class Silent:
    """A kind without files, hooks or a protocol."""

    @asynccontextmanager
    async def follow(
        self,
        occupant: Occupant,  # noqa: ARG002
        files: Files,  # noqa: ARG002
        see: Callable[[Sighting], None],  # noqa: ARG002
    ) -> AsyncIterator[None]:
        """Follow nothing: there are no files."""
        yield

    def hooked(self, payload: Mapping[str, Json]) -> tuple[Sighting, ...]:  # noqa: ARG002
        """Return nothing: there are no hooks."""
        return ()

    def driver(self) -> None:
        """Return None: there is no protocol."""
        return
