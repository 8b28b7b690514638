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

    def was_told(self, message_id: str) -> bool:
        """Tell whether a message was handed over in this life of the agent, by whomever."""

    async def interrupt(self) -> None:
        """End the turn."""

    async def answer(self, dialog_id: str, choice: str, message: str = "") -> None:
        """Answer a request for permission or a question.

        Args:
            message: What the agent is told with a refusal, where its protocol has room for it.

        Raises:
            ConflictError: It has been answered, or is no more.
        """

    async def stop(self, grace_seconds: float) -> None:
        """Let it end by itself, then by TERM, then by KILL."""

    def tail(self, lines: int) -> tuple[str, ...]:
        """Return the last things it said, as text for people."""


class Voice(Protocol):
    """What a conversation speaks through: the agent's own pipes, or what holds them for us."""

    @property
    def pid(self) -> int:
        """The process."""

    @property
    def complaints(self) -> str:
        """What it last wrote to stderr."""

    def send(self, message: Mapping[str, Json]) -> None:
        """Write a message.

        Raises:
            AgentGoneError: It has ended, or reads no more.
            AgentError: It has left too much unread.
        """

    async def handed_over(self) -> None:
        """Wait until all that was sent will reach the agent even if this process dies.

        Raises:
            AgentGoneError: The agent has ended first.
            AgentError: It cannot be known.
        """

    async def wait_ended(self) -> None:
        """Wait until the process has ended."""

    def finish(self) -> None:
        """End its input, so that it ends once it has done what it was told."""

    async def stop(self, grace_seconds: float) -> None:
        """End its input, wait for its end, and force it where that is ours to do."""


class Talk(Conversation, Protocol):
    """A conversation that follows from what was said alone, whoever said it.

    So one that is given the journal of a life again knows what the former one knew.

    Attributes:
        process: Set before anything is asked of it.
    """

    process: Voice

    def sent(self, message: Mapping[str, Json]) -> None:
        """Take a message that was written to the agent, by us or by a former process."""

    def take(self, message: Mapping[str, Json]) -> None:
        """Take a message of the agent's."""

    def gone(self, code: int) -> None:
        """Know that the process has ended; a negative code is the signal that ended it."""


class Driver(Protocol):
    """Starts agents that speak a protocol."""

    def command(self, request: StartRequest, installed: Installed) -> tuple[str, ...]:
        """Return the program's arguments.

        Raises:
            InvalidRequestError: This version cannot do what is asked.
        """

    def opening(self, request: StartRequest) -> tuple[Mapping[str, Json], ...]:
        """Return what the program is told right at its start, before anything is heard of it."""

    def recognise(self, command: tuple[str, ...]) -> bool:
        """Tell whether a process with these arguments speaks the protocol."""

    def talk(
        self, see: Callable[[Sighting], None], directory: str, environ: Mapping[str, str]
    ) -> Talk:
        """Return a conversation of which nothing is known yet.

        Args:
            see: Takes what it tells, in order. Must not raise.
            directory: Where the agent works; with `environ` it leads to the agent's files.
        """

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
