from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.alerts import AlertId, AlertKind, Finding, Severity
from iterm_mcp.store import alerts

if TYPE_CHECKING:
    import pytest

    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock

STUCK = Finding(AlertKind.STUCK, "ada", Severity.WARNING, "nothing was heard", "ada", "dev")
WORSE = Finding(AlertKind.STUCK, "ada", Severity.CRITICAL, "nothing at all", "ada", "dev")
COOLDOWN = timedelta(minutes=5)


async def test_an_alert_is_raised_once_and_settled_once(store: Store, clock: FakeClock) -> None:
    raised, news = await store.alerts.put(STUCK, clock.now(), COOLDOWN)
    assert news
    assert (raised.finding, raised.count, raised.settled_at) == (STUCK, 1, None)
    clock.advance(1)
    again, news = await store.alerts.put(STUCK, clock.now(), COOLDOWN)
    assert (again.alert_id, again.count, news) == (raised.alert_id, 1, False)
    assert again.last_at == clock.now()
    settled = await store.alerts.settle(STUCK.kind, "ada", clock.now())
    assert settled is not None
    assert settled.settled_at == clock.now()
    assert await store.alerts.settle(STUCK.kind, "ada", clock.now()) is None
    assert await store.alerts.listed() == ()
    assert await store.alerts.listed(5) == (settled,)


async def test_what_comes_back_soon_is_the_same_alert_and_no_news(
    store: Store, clock: FakeClock
) -> None:
    first, _ = await store.alerts.put(STUCK, clock.now(), COOLDOWN)
    await store.alerts.settle(STUCK.kind, "ada", clock.now())
    clock.advance(COOLDOWN.total_seconds())
    again, news = await store.alerts.put(STUCK, clock.now(), COOLDOWN)
    assert (again.alert_id, again.count, again.settled_at, news) == (first.alert_id, 2, None, False)
    await store.alerts.settle(STUCK.kind, "ada", clock.now())
    clock.advance(COOLDOWN.total_seconds() + 1)
    other, news = await store.alerts.put(STUCK, clock.now(), COOLDOWN)
    assert news
    assert other.alert_id != first.alert_id
    assert await store.alerts.listed() == (other,)


async def test_what_gets_worse_is_news_that_nobody_has_seen(store: Store, clock: FakeClock) -> None:
    raised, _ = await store.alerts.put(STUCK, clock.now(), COOLDOWN)
    seen = await store.alerts.acknowledge(raised.alert_id, "me", clock.now())
    assert seen is not None
    assert (seen.acknowledged_by, seen.acknowledged_at) == ("me", clock.now())
    assert await store.alerts.acknowledge(raised.alert_id, "other", clock.now()) == seen
    assert await store.alerts.acknowledge(AlertId(99), "me", clock.now()) is None
    worse, news = await store.alerts.put(WORSE, clock.now(), COOLDOWN)
    assert news
    assert (worse.finding, worse.acknowledged_by, worse.acknowledged_at) == (WORSE, "", None)


async def test_of_settled_alerts_the_last_are_kept(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "MOST_SETTLED", 2)
    for name in "abcd":
        clock.advance(1)
        found = Finding(AlertKind.WAITING, name, Severity.INFO, "it waits")
        await store.alerts.put(found, clock.now(), COOLDOWN)
        await store.alerts.settle(found.kind, name, clock.now())
    await store.alerts.put(STUCK, clock.now(), COOLDOWN)
    assert [one.finding.subject for one in await store.alerts.listed(9)] == ["ada", "d", "c"]
