"""The store as a whole: opened once, passed down, closed last."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.store.agent_lives import AgentLifeStore
from iterm_mcp.store.agents import AgentStore
from iterm_mcp.store.alerts import AlertStore
from iterm_mcp.store.annotations import AnnotationStore
from iterm_mcp.store.approvals import ApprovalStore
from iterm_mcp.store.backlogs import BacklogStore
from iterm_mcp.store.budgets import BudgetStore
from iterm_mcp.store.cascades import CascadeStore
from iterm_mcp.store.database import BUSY_TIMEOUT_SECONDS, open_database
from iterm_mcp.store.deliveries import DeliveryStore
from iterm_mcp.store.http_answers import HttpAnswerStore
from iterm_mcp.store.http_tokens import HttpTokenStore
from iterm_mcp.store.layouts import LayoutStore
from iterm_mcp.store.locks import LockStore
from iterm_mcp.store.notes import NoteStore
from iterm_mcp.store.observations import ObservationStore
from iterm_mcp.store.outcomes import OutcomeStore
from iterm_mcp.store.playbooks import PlaybookStore
from iterm_mcp.store.read_positions import ReadPositions
from iterm_mcp.store.results import ResultStore
from iterm_mcp.store.roles import RoleStore
from iterm_mcp.store.saved_filters import SavedFilterStore
from iterm_mcp.store.shares import ShareStore
from iterm_mcp.store.triggers import TriggerStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.clock import Clock


@dataclass(frozen=True, slots=True)
class Store:
    """Everything remembered, by subject. All methods may raise `StoreError`."""

    agents: AgentStore
    cascades: CascadeStore
    locks: LockStore
    layouts: LayoutStore
    triggers: TriggerStore
    observations: ObservationStore
    deliveries: DeliveryStore
    approvals: ApprovalStore
    notes: NoteStore
    results: ResultStore
    roles: RoleStore
    playbooks: PlaybookStore
    lives: AgentLifeStore
    positions: ReadPositions
    http_tokens: HttpTokenStore
    http_answers: HttpAnswerStore
    saved_filters: SavedFilterStore
    budgets: BudgetStore
    alerts: AlertStore
    annotations: AnnotationStore
    shares: ShareStore
    outcomes: OutcomeStore
    backlogs: BacklogStore


@asynccontextmanager
async def open_store(
    path: str, clock: Clock, *, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS
) -> AsyncIterator[Store]:
    """Open the database file, made if need be and brought up to date, for the block.

    Args:
        path: The file; its folder must exist.
        clock: Decides what has expired.
        busy_timeout_seconds: How long to wait for another process that writes to the file.

    Raises:
        StoreError: The file cannot be opened, is damaged, or was written by a newer version.
            It is left as it is.
    """
    async with open_database(path, busy_timeout_seconds=busy_timeout_seconds) as database:
        yield Store(
            AgentStore(database),
            CascadeStore(database, clock),
            LockStore(database),
            LayoutStore(database),
            TriggerStore(database),
            ObservationStore(database),
            DeliveryStore(database),
            ApprovalStore(database),
            NoteStore(database),
            ResultStore(database),
            RoleStore(database),
            PlaybookStore(database),
            AgentLifeStore(database),
            ReadPositions(database),
            HttpTokenStore(database),
            HttpAnswerStore(database),
            SavedFilterStore(database),
            BudgetStore(database),
            AlertStore(database),
            AnnotationStore(database),
            ShareStore(database),
            OutcomeStore(database),
            BacklogStore(database),
        )
