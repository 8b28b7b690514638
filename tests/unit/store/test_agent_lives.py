"""What is kept of agents' lives."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from iterm_mcp.models.agent_lives import AgentOrder, Desired, Forensics, Life, Limits, Phase, Spare
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.task_limits import NO_LIMITS, OverLimit, ResourceLimits
from iterm_mcp.store.agent_lives import KEPT, read_order, write_order
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from iterm_mcp.store import Store

ADA, BOB = AgentName("ada"), AgentName("bob")


def life(agent: AgentName = ADA, phase: Phase = Phase.RUNNING) -> Life:
    return Life(
        agent,
        AgentOrder(
            "claude",
            "/here",
            "do it",
            teams=(TeamName("a"),),
            environment={"A": "1"},
            keep=("GH_TOKEN",),
            options=("-v",),
            limits=Limits(idle=5, restart_silent=True),
            resources=ResourceLimits(10**9, 1.5, processes=9, over=OverLimit.PAUSE),
        ),
        Desired.PAUSED,
        phase,
        "token",
        "trace",
        START,
        epoch=2,
        session_id=SessionId("S"),
        conversation="c",
        begun_at=START + timedelta(seconds=1),
        restart_at=START + timedelta(seconds=2.5),
        pending="say",
        reason="why",
    )


def end(
    agent: AgentName = ADA, epoch: int = 1, seconds: float = 0.0, *, crash: bool = True
) -> Forensics:
    at = START + timedelta(seconds=seconds)
    return Forensics(
        agent, epoch, at, "it ended", crash, None, 9, ("row",), ("line", "other"), ("7 make",)
    )


async def test_a_life_is_kept_with_all_that_belongs_to_it(store: Store) -> None:
    await store.lives.save(life())

    assert await store.lives.find(ADA) == life()
    assert await store.lives.load() == (life(),)


async def test_a_later_life_takes_the_place_of_the_former(store: Store) -> None:
    await store.lives.save(life())
    fresh = Life(ADA, AgentOrder("shell", "/"), Desired.RUNNING, Phase.CREATING, "", "", START)
    await store.lives.save(fresh)
    await store.lives.save(life(BOB))

    assert await store.lives.load() == (fresh, life(BOB))


async def test_a_spare_is_read_back_as_one_and_handed_over_at_once(store: Store) -> None:
    spare = replace(life(), spare=Spare("mark", "screen"), born="")
    await store.lives.save(spare)
    assert await store.lives.load() == (spare,)

    handed = replace(spare, agent=BOB, spare=None, born="ada")
    await store.lives.hand_over(ADA, handed)

    assert await store.lives.load() == (handed,)
    assert handed.is_marked("ada")
    assert handed.is_marked("bob")
    assert not life().is_marked("")


async def test_a_life_that_nobody_wants_any_more_is_forgotten(store: Store) -> None:
    await store.lives.save(life())
    await store.lives.remove(ADA)
    await store.lives.remove(ADA)

    assert await store.lives.find(ADA) is None
    assert await store.lives.load() == ()


async def test_what_was_found_at_an_end_is_kept_newest_first(store: Store) -> None:
    for epoch in (1, 2):
        await store.lives.end(life(), end(epoch=epoch))
    await store.lives.end(life(BOB), end(BOB))

    assert await store.lives.forensics(ADA) == (end(epoch=2), end(epoch=1))
    assert await store.lives.forensics(ADA, 1) == (end(epoch=2),)


async def test_only_the_newest_ends_of_an_agent_are_kept(store: Store) -> None:
    await store.lives.end(life(BOB), end(BOB))
    for epoch in range(KEPT + 3):
        await store.lives.end(life(), end(epoch=epoch))

    kept = await store.lives.forensics(ADA, 100)

    assert [one.epoch for one in kept] == list(reversed(range(3, KEPT + 3)))
    assert len(await store.lives.forensics(BOB)) == 1


async def test_crashes_are_counted_since_a_time_until_they_are_forgiven(store: Store) -> None:
    for seconds in (0, 10, 20):
        await store.lives.end(life(), end(seconds=seconds))
    await store.lives.end(life(), end(seconds=30, crash=False))

    since = START + timedelta(seconds=10)
    counted = await store.lives.crashes(ADA, since)
    await store.lives.forgive(ADA)

    assert counted == (since, START + timedelta(seconds=20))
    assert await store.lives.crashes(ADA, START) == ()
    assert len(await store.lives.forensics(ADA)) == 4


async def test_a_life_and_what_was_found_at_its_end_are_kept_together_or_not_at_all(
    store: Store,
) -> None:
    await store.lives.save(life())
    broken = replace(end(), processes=(cast("str", object()),))  # no JSON, so that keeping fails

    with pytest.raises(TypeError):
        await store.lives.end(life(phase=Phase.ENDED), broken)
    neither = await store.lives.find(ADA), await store.lives.forensics(ADA)
    await store.lives.end(life(phase=Phase.ENDED), end())
    both = await store.lives.find(ADA), await store.lives.forensics(ADA)

    assert neither == (life(), ())
    assert both == (life(phase=Phase.ENDED), (end(),))


async def test_an_end_may_forgive_former_crashes(store: Store) -> None:
    await store.lives.end(life(), end())
    await store.lives.end(life(), end(epoch=2, crash=False), forgiven=True)

    assert await store.lives.crashes(ADA, START) == ()
    assert len(await store.lives.forensics(ADA)) == 2


@pytest.mark.parametrize("phase", Phase)
async def test_every_phase_can_be_kept(store: Store, phase: Phase) -> None:
    await store.lives.save(life(phase=phase))

    assert (await store.lives.load())[0].phase is phase


def test_an_order_that_was_kept_before_there_were_such_limits_has_none() -> None:
    kept = write_order(life().order)
    del kept["resources"]

    assert read_order(kept).resources == NO_LIMITS
