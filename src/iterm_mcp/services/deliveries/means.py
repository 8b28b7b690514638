"""What all that deliver work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.models.ids import LockId
from iterm_mcp.services.holding import never_held

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.agents.driver import Conversation
    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.deliveries.book import DeliveryBook
    from iterm_mcp.services.deliveries.leases import Leases
    from iterm_mcp.services.holding import Held
    from iterm_mcp.services.sessions.pasting import Paster
    from iterm_mcp.services.sessions.writers import SessionWriters
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.store.agents import AgentStore
    from iterm_mcp.terminal.protocol import Terminal

SHELL = "shell"
"""The kind that has neither a composer nor turns: what is typed into it is run."""

CANCELLED = "cancelled before its turn"
SESSION_ENDED = "session ended"
SERVER_ENDED = "the server ended while delivering"


class NotNowError(Exception):
    """The message cannot be typed now; nothing of it stands anywhere."""


class Conversations(Protocol):
    """Knows the agents that run without a screen."""

    def find(self, agent: AgentName) -> Conversation | None:
        """Return the conversation of an agent that is spoken to by its protocol, if it runs."""


class NoConversations:
    """Knows none."""

    def find(self, agent: AgentName) -> Conversation | None:
        """Return none."""
        del agent
        return None


@dataclass(frozen=True, slots=True)
class Means:
    """The services that deliveries stand on."""

    terminal: Terminal
    agents: AgentStore
    book: DeliveryBook
    writers: SessionWriters
    leases: Leases
    paster: Paster
    clock: Clock
    states: States
    conversations: Conversations
    find_kind: Callable[[str], AgentKind]
    held: Held = never_held


def newest(view: StateView) -> int:
    """Return the number of the newest observation that a state rests on; 0 for none.

    Nothing that comes of what is typed afterwards has a smaller one.
    """
    beside = (one for one, _ in view.losing)
    return max((one.number for one in (*view.winning, *beside)), default=0)


def shown_lock(delivery: Delivery) -> LockId | None:
    """Return the lock that its sender held, and shows to the session."""
    lock_id = (delivery.details or {}).get("lock_id")
    return LockId(lock_id) if isinstance(lock_id, str) else None
