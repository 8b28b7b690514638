"""The probe over HTTP: run once at a time by those who may type, told of to those who may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from tests.unit.web.api.opened import error_of, open_side
from tests.waiting import eventually

from iterm_mcp.models.probes import Journey, Step, StepResult
from iterm_mcp.services.probing.service import Probe
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


class Way:
    """Goes when it is let."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.went = 0
        self.gate = anyio.Event()

    async def go(self) -> Journey:
        self.went += 1
        await self.gate.wait()
        return Journey(self._clock.now(), 1.0, (StepResult(Step.TASK, 1.0),))

    async def clean(self) -> list[str]:
        return []


async def test_a_run_is_answered_when_it_has_ended_and_told_of_later(tmp_path: Path) -> None:
    clock = FakeClock()
    way = Way(clock)
    probe = Probe(way, clock, tmp_path / "underway", 300)
    async with open_side(tmp_path, clock=clock, probe=probe) as side:
        assert (await side.get("/v1/probe")).json() == {"every_seconds": 300.0, "last": None}
        reader = await side.token("read")
        refused = await side.ask("POST", "/v1/probe", {}, token=reader)
        assert error_of(refused) == (403, "scope_refused")

        async def second() -> None:
            await eventually(lambda: way.went == 1)
            assert error_of(await side.post("/v1/probe")) == (403, "probe_running")
            way.gate.set()

        async with anyio.create_task_group() as group:
            group.start_soon(second)
            ran = await side.post("/v1/probe")
        assert (ran.status, ran.json()["ok"]) == (200, True)
        shown = await side.get("/v1/probe", token=reader)
        assert shown.json()["last"] == ran.json()
