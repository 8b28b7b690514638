"""Who waits for a person, as metrics tell it, by the book of approvals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from tests.unit.services.approval_stage import REMOVE, TOUCH

from iterm_mcp.app.counting import waiting_of
from iterm_mcp.models.approvals import Channel
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.approvals.book import ApprovalBook
from iterm_mcp.telemetry.message_metrics import DeliveryMetrics

if TYPE_CHECKING:
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock

ADA = AgentName("ada")


def oldest(book: ApprovalBook, clock: FakeClock) -> float | None:
    registry = CollectorRegistry()
    asked = [one.asked_at for one in book.standing()]
    DeliveryMetrics(registry).waiting.begin(lambda: waiting_of((), asked, None, clock.now()))
    return registry.get_sample_value("iterm_mcp_approvals_oldest_seconds")


async def test_the_oldest_dialog_is_told_by_its_age_also_by_the_next_daemon(
    store: Store, clock: FakeClock
) -> None:
    book = ApprovalBook(store.approvals, clock)
    assert oldest(book, clock) == 0
    first = await book.add(ADA, 1, TOUCH)
    clock.advance(100)
    second = await book.add(ADA, 1, REMOVE)
    clock.advance(20)
    assert oldest(book, clock) == 120
    later = ApprovalBook(store.approvals, clock)
    await later.load()
    assert oldest(later, clock) == 120
    await later.settle(first.approval_id, "allow", "ann", Channel.KEYS)
    assert oldest(later, clock) == 20
    await later.settle(second.approval_id, "deny", "ann", Channel.KEYS)
    assert oldest(later, clock) == 0
