"""A hook that fired, and the events that hooks of Claude Code and of Codex tell alike. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.telling import word
from iterm_mcp.models.events import Event, EventKind, Links, event_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from iterm_mcp.models.observations import Json


@dataclass(frozen=True, slots=True)
class FiredHook:
    """One hook that fired.

    Attributes:
        source: Of its events, such as ``claude.hook``.
        delivery: What tells this firing from others; the same when it is delivered again.
        links: With the agent's kind, whose keys its events have.
    """

    source: str
    name: str
    payload: Mapping[str, Json]
    at: datetime
    delivery: str
    links: Links

    def event(
        self, kind: EventKind, *key: str, subject: str = "", text: str = "", **payload: Json
    ) -> Event:
        """Return an event of it; its key is of the conversation, and of `key`."""
        return Event(
            key=event_key(self.links.kind, self.links.conversation, *key),
            at=self.at,
            kind=kind,
            source=self.source,
            subject=subject,
            text=text,
            links=self.links,
            payload=payload,
        )

    @property
    def call_links(self) -> Links:
        """Its links, with the call of a tool that it is about."""
        return replace(self.links, call=word(self.payload, "tool_use_id"))

    def ended(self) -> list[Event]:
        """Return the end of a conversation."""
        reason = word(self.payload, "reason")
        return [
            self.event(
                EventKind.CONVERSATION_ENDED, "end", self.delivery, subject=reason, reason=reason
            )
        ]

    def subagent_started(self) -> list[Event]:
        """Return the beginning of a subagent."""
        kind, name = word(self.payload, "agent_type"), self.links.subagent
        return [
            self.event(
                EventKind.SUBAGENT_STARTED, "subagent", name, "started", subject=kind, type=kind,
                subagent=name,
            )
        ]  # fmt: skip

    def unknown(self, common: AbstractSet[str]) -> list[Event]:
        """Return a hook that has no kind of event of its own, as it is.

        Args:
            common: What every hook has, and is left out.
        """
        own = {key: value for key, value in self.payload.items() if key not in common}
        texts = [value for value in own.values() if isinstance(value, str)]
        return [
            self.event(
                EventKind.HOOK_FIRED, "hook", self.name, self.delivery, subject=self.name,
                text="\n".join(texts), event=self.name, told=own,
            )
        ]  # fmt: skip
