"""Messages for agents that something holds: they wait, as long as they may, and say why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.services.test_delivery_running import _quick, serving
from tests.unit.services.tiny_agent import settle_in
from tests.waiting import eventually

from iterm_mcp.models.deliveries import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.ids import AgentName, TeamName
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

__all__ = ["_quick"]  # a fixture

WHY = "budget daily is spent"


class Holder:
    why = WHY

    def __call__(self, agent: AgentName, kind: str, teams: Sequence[TeamName]) -> str:
        assert (agent, kind, tuple(teams)) == ("ada", "tiny", ())
        return self.why


async def test_a_held_message_waits_and_goes_when_it_may(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    tiny, session_id = await settle_in(terminal, store)
    holder = Holder()
    async with serving(terminal, store, clock, tiny, session_id, held=holder) as bench:
        first = await bench.send("one")
        clock.advance(1)
        second = await bench.send("two")
        for one in (first, second):
            await bench.waits(one, WHY)
        assert tiny.typed == ""
    async with serving(terminal, store, clock, tiny, session_id, held=holder) as bench:
        for one in (first, second):  # the next daemon holds them, too
            await bench.waits(one, WHY)
        assert tiny.typed == ""
        holder.why = ""
        await bench.comes_to(first, Stage.SUBMITTED)
        await eventually(lambda: tiny.received[:1] == ["one"])


async def test_a_held_message_expires_when_its_time_is_over_and_says_what_held_it(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    tiny, session_id = await settle_in(terminal, store)
    async with serving(terminal, store, clock, tiny, session_id, held=Holder()) as bench:
        sent = await bench.send(lifetime_seconds=60)
        await bench.waits(sent, WHY)
        clock.advance(61)
        expired = await bench.comes_to(sent, Stage.EXPIRED)
        assert expired.moves[-1].reason == f"its time was over: {WHY}"
        assert tiny.typed == ""
