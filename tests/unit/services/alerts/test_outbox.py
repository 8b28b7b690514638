from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import TYPE_CHECKING

import anyio
from tests.unit.services.alerts.raised import HOOK, NOON, Wire, alert

from iterm_mcp.models.alerts import Severity
from iterm_mcp.models.notices import Notice, QuietHours
from iterm_mcp.services.alerts import outbox as module
from iterm_mcp.services.alerts.outbox import NotSentError, Outbox
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    import pytest


class Stage:
    def __init__(self, digest_seconds: float = 0) -> None:
        self.clock, self.wire = FakeClock(NOON), Wire()
        settings = replace(HOOK, digest_seconds=digest_seconds)
        self.outbox = Outbox(settings, self.wire, self.clock)

    def fail(self, count: int, *, again: bool = True, after: float = 0) -> None:
        errors = [NotSentError("away", again=again, after_seconds=after) for _ in range(count)]
        self.wire.errors = errors

    async def after(self, seconds: float) -> int:
        self.clock.advance(seconds)
        await self.outbox.flush()
        return len(self.wire.sent)


async def test_what_comes_together_is_told_together() -> None:
    stage = Stage(digest_seconds=60)
    stage.outbox.put(alert(1), None)
    assert await stage.after(59) == 0
    stage.outbox.put(alert(2), None)
    stage.outbox.put(alert(3, Severity.CRITICAL), None)
    assert await stage.after(0) == 1
    assert [one.alert_id for one in stage.wire.sent[0].alerts] == [3]
    assert await stage.after(60) == 2
    assert [one.alert_id for one in stage.wire.sent[1].alerts] == [1, 2]
    assert (stage.outbox.sent, stage.outbox.waiting) == (2, 0)


async def test_quiet_hours_hold_all_but_the_critical() -> None:
    stage = Stage()
    quiet = QuietHours(time(11), time(13), NOON.tzinfo)
    stage.outbox.put(alert(1), quiet)
    stage.outbox.put(alert(2, Severity.CRITICAL), quiet)
    assert await stage.after(0) == 1
    assert await stage.after(3599) == 1
    assert await stage.after(1) == 2


async def test_it_is_tried_again_later_and_later_with_the_same_id() -> None:
    stage = Stage()
    stage.outbox.put(alert(), None)
    stage.fail(2)
    assert await stage.after(0) == 0
    assert stage.outbox.problem == "away"
    assert stage.outbox.waiting == 1
    assert await stage.after(1.9) == 0
    assert len(stage.wire.errors) == 1
    assert await stage.after(0.1) == 0
    assert await stage.after(3.9) == 0
    assert await stage.after(0.1) == 1
    assert stage.outbox.problem == ""


async def test_who_says_when_to_come_again_is_heard() -> None:
    stage = Stage()
    stage.outbox.put(alert(), None)
    stage.fail(1, after=90)
    await stage.after(0)
    assert await stage.after(89) == 0
    assert await stage.after(1) == 1


async def test_what_is_refused_is_a_dead_letter_at_once() -> None:
    stage = Stage()
    stage.outbox.put(alert(), None)
    stage.fail(1, again=False)
    assert await stage.after(0) == 0
    assert (stage.outbox.failed, stage.outbox.waiting) == (1, 0)
    ((notice, reason),) = stage.outbox.dead
    assert (notice.alerts[0].alert_id, reason) == (1, "away")


async def test_where_nothing_arrives_nothing_is_tried_for_a_while_and_then_given_up() -> None:
    stage = Stage()
    stage.outbox.put(alert(), None)
    stage.fail(99)
    for _ in range(4):
        await stage.after(60)
    tried = 99 - len(stage.wire.errors)
    assert tried == 4
    await stage.after(299)
    assert 99 - len(stage.wire.errors) == 4
    await stage.after(1)
    await stage.after(300)
    assert 99 - len(stage.wire.errors) == 6
    assert (stage.outbox.failed, stage.outbox.waiting) == (1, 0)
    stage.wire.errors = []
    stage.outbox.put(alert(2), None)
    assert await stage.after(299) == 0
    assert await stage.after(1) == 1


async def test_without_room_the_oldest_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    stage = Stage()
    for number in (1, 2, 3):
        stage.outbox.put(alert(number), None)
    await stage.after(0)
    assert [one.alert_id for one in stage.wire.sent[0].alerts] == [2, 3]
    assert stage.outbox.dropped == 1


async def test_another_outbox_goes_on_with_what_waits() -> None:
    stage, other = Stage(), Stage()
    stage.outbox.put(alert(1), None)
    stage.fail(1)
    await stage.after(0)
    stage.outbox.put(alert(2), None)
    other.outbox.take_over(stage.outbox)
    assert await other.after(2) == 1
    assert await other.after(0) == 2


async def test_one_notice_is_on_its_way_at_a_time() -> None:
    stage = Stage()
    started, go = anyio.Event(), anyio.Event()

    class Slow:
        async def send(self, notice: Notice) -> None:
            assert notice.alerts
            started.set()
            await go.wait()

    outbox = Outbox(HOOK, Slow(), stage.clock)
    outbox.put(alert(), None)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(outbox.flush)
            await started.wait()
            assert outbox.is_busy
            await outbox.flush()
            go.set()
    assert (outbox.sent, outbox.is_busy) == (1, False)
