"""All that approvals are made of, put together."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.services.approvals.book import ApprovalBook, ApprovalObserver
from iterm_mcp.services.approvals.desk import ApprovalDesk
from iterm_mcp.services.approvals.following import ApprovalFollower
from iterm_mcp.services.approvals.hook_intake import HookIntake, HookObserver
from iterm_mcp.services.approvals.keys import KeyAnswerer
from iterm_mcp.services.approvals.policy_file import PolicyFile
from iterm_mcp.services.approvals.rivals import Rivals
from iterm_mcp.services.approvals.service import ApprovalService
from iterm_mcp.services.deliveries.leases import Leases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.approvals.book import Audit
    from iterm_mcp.services.deliveries.means import Conversations
    from iterm_mcp.services.sessions.writers import SessionWriters
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.store import Store
    from iterm_mcp.terminal.protocol import Terminal


class ApprovalMetrics(ApprovalObserver, HookObserver, Protocol):
    """Is told of approvals and of hooks."""


@dataclass(frozen=True, slots=True)
class Approvals:
    """The service, and the two doors to it: one for who answers, one for agents' hooks."""

    book: ApprovalBook
    service: ApprovalService
    desk: ApprovalDesk
    hooks: HookIntake

    @asynccontextmanager
    async def running(self, changed: Callable[[], None] | None = None) -> AsyncIterator[None]:
        """Follow all agents for the length of the block; see `ApprovalService.running`."""
        async with self.service.running(changed):
            yield


def make_approvals(
    terminal: Terminal,
    store: Store,
    clock: Clock,
    writers: SessionWriters,
    states: States,
    observer: ApprovalMetrics,
    *,
    audit: Audit | None = None,
    rules_file: str = "approvals.toml",
    lease_folder: str | None = None,
    conversations: Conversations | None = None,
) -> Approvals:
    """Make the service with all that it stands on.

    Args:
        audit: Where answers are written down.
        rules_file: What may be answered without a person, as the user writes it.
        lease_folder: See `Leases`.
        conversations: Knows the agents that run without a screen.
    """
    book = ApprovalBook(store.approvals, clock, audit, observer)
    service = ApprovalService(
        book,
        ApprovalFollower(book, states, store.agents, clock),
        states,
        store.agents,
        KeyAnswerer(terminal, writers, Leases(lease_folder)),
        PolicyFile(rules_file),
        Rivals(terminal, book, store.agents),
        conversations,
    )
    return Approvals(
        book,
        service,
        ApprovalDesk(service, store.agents, clock),
        HookIntake(states, store.agents, observer),
    )
