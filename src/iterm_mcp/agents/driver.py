"""Agents that are spoken to by their own protocol, over the pipes of a process without a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from iterm_mcp.agents.kind import Installed, StartRequest
    from iterm_mcp.models.observations import Json, Sighting


class Conversation(Protocol):
    """A running agent.

    Every method may raise `AgentGoneError` when the process has ended, and ends within its
    documented time.
    """

    @property
    def pid(self) -> int:
        """The process."""

    async def tell(self, message_id: str, text: str) -> None:
        """Hand over a message; what becomes of it is seen as `Fact.TURN` with its ``message``."""

    async def interrupt(self) -> None:
        """End the turn."""

    async def answer(self, dialog_id: str, choice: str) -> None:
        """Answer a request for permission or a question.

        Raises:
            ConflictError: It has been answered, or is no more.
        """

    async def stop(self, grace_seconds: float) -> None:
        """Let it end by itself, then by TERM, then by KILL."""

    def tail(self, lines: int) -> tuple[str, ...]:
        """Return the last things it said, as text for people."""


class Driver(Protocol):
    """Starts agents that speak a protocol."""

    def open(
        self,
        request: StartRequest,
        installed: Installed,
        see: Callable[[Sighting], None],
        environ: Mapping[str, str],
    ) -> AbstractAsyncContextManager[Conversation]:
        """Start an agent for the length of the block.

        Args:
            see: Takes what it tells, in order. Must not raise.
            environ: All that the process sees.

        Raises:
            AgentError: It cannot be started, or did not greet in 30 seconds.
        """

    def decode(self, line: Mapping[str, Json]) -> tuple[Sighting, ...]:
        """Return what one message of the protocol tells. Pure; used for replay."""
