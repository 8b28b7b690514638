"""The tool for messages to many agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from iterm_mcp.models.deliveries import Policy
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.models.messages import Cascade
from iterm_mcp.services.deliveries.service import Urgency
from iterm_mcp.tools import answers
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.callers import calling_agent
from iterm_mcp.tools.locks import LockArgument, known_lock
from iterm_mcp.tools.tool import TYPES, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.services.deliveries.messages import MessageService


class MessageTools:
    """The tools over `MessageService`."""

    def __init__(self, messages: MessageService) -> None:
        self._messages = messages

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(
                self.cascade_message,
                "Cascade message",
                TYPES,
                "tell agents team broadcast send message everyone",
                always_load=True,
            )
        ]

    async def cascade_message(
        self,
        broadcast: Annotated[
            str | None, Field(description="For every agent that nothing below reaches.")
        ] = None,
        teams: Annotated[
            dict[str, str],
            Field(description="Text by team, for its members and those of the teams below it."),
        ] = {},
        agents: Annotated[dict[str, str], Field(description="Text by agent.")] = {},
        dry_run: Annotated[
            bool, Field(description="Only say who would get what; type nothing.")
        ] = False,
        idempotency_key: Annotated[
            str | None,
            Field(description="Repeating a call with the same key types nothing twice."),
        ] = None,
        ttl_seconds: Annotated[
            float, Field(description="How long the key lives.", gt=0, le=604800)
        ] = 3600,
        policy: Annotated[
            Literal["message", "nudge", "steer", "interrupt"],
            Field(description="nudge: only idle agents; steer: into the turn; interrupt: end it."),
        ] = "message",
        priority: Annotated[int, Field(description="Higher goes first.")] = 0,
        expires_seconds: Annotated[float | None, Field(description="How long it may wait.")] = None,
        lock_id: LockArgument = None,
    ) -> Json:
        """Type a message into many agents' sessions at once and submit it.

        Each agent gets at most one text, the most specific: its own, else its nearest team's,
        else the broadcast. The answer holds one receipt per agent: written (typed and
        submitted), accepted (it waits until the agent can take it), refused (nothing was typed),
        or unknown (look before you repeat). wait_receipts tells when its turn has ended.

        To retry safely give an idempotency_key. For a single session that is no agent use
        send_text.
        """
        cascade = Cascade(
            broadcast,
            {TeamName(name): text for name, text in teams.items()},
            {AgentName(name): text for name, text in agents.items()},
        )
        result = await self._messages.cascade(
            cascade,
            dry_run=dry_run,
            idempotency_key=idempotency_key,
            ttl_seconds=ttl_seconds,
            lock_id=known_lock(lock_id),
            urgency=Urgency(Policy(policy), priority, expires_seconds),
            sender=calling_agent(),
        )
        return answers.cascade(result)
