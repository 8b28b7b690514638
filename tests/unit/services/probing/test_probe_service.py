from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from structlog.testing import capture_logs
from tests.waiting import eventually

from iterm_mcp.config import Settings
from iterm_mcp.errors import RefusedError
from iterm_mcp.models.probes import Journey, Step, StepResult
from iterm_mcp.services.probing import service
from iterm_mcp.services.probing.service import Probe
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


class ScriptedWay:
    """Goes as it is told to; counts how often it was cleaned up behind."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.reason = ""
        self.left: tuple[str, ...] = ()
        self.went = 0
        self.cleaned = 0
        self.gate: anyio.Event | None = None

    async def go(self) -> Journey:
        self.went += 1
        if self.gate is not None:
            await self.gate.wait()
        return Journey(self.clock.now(), 1.5, (StepResult(Step.TASK, 1.0, self.reason),), self.left)

    async def clean(self) -> list[str]:
        self.cleaned += 1
        return list(self.left)


@pytest.fixture
def way() -> ScriptedWay:
    return ScriptedWay(FakeClock())


@pytest.fixture
def probe(way: ScriptedWay, tmp_path: Path) -> Probe:
    return Probe(way, way.clock, tmp_path / "underway")


async def test_what_is_left_is_remembered_until_it_is_gone(
    probe: Probe, way: ScriptedWay, tmp_path: Path
) -> None:
    way.left = ("the session: it would not go",)
    assert not (await probe.run()).is_ok
    assert (tmp_path / "underway").exists()
    assert way.cleaned == 0
    way.left = ()
    assert (await probe.run()).is_ok
    assert way.cleaned == 1  # first
    assert not (tmp_path / "underway").exists()


async def test_there_is_one_run_at_a_time(probe: Probe, way: ScriptedWay) -> None:
    way.gate = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(probe.run)
        await eventually(lambda: way.went == 1)
        with pytest.raises(RefusedError, match="under way"):
            await probe.run()
        way.gate.set()
    await probe.run()
    assert way.went == 2


async def test_one_that_was_asked_for_is_told_of_for_ten_minutes(
    probe: Probe, way: ScriptedWay
) -> None:
    metrics = Metrics()
    metrics.probe.begin(probe.counts)
    read = metrics.registry.get_sample_value
    way.reason = "it failed"
    await probe.run()
    assert read("iterm_mcp_probe_success", {"step": "task"}) == 0
    assert read("iterm_mcp_probe_step_duration_seconds", {"step": "all"}) == 1.5
    assert read("iterm_mcp_probe_runs_total", {"outcome": "failed"}) == 1
    way.clock.advance(601)
    assert read("iterm_mcp_probe_success", {"step": "task"}) is None
    assert read("iterm_mcp_probe_runs_total", {"outcome": "failed"}) == 1


async def test_it_runs_by_itself_and_a_failure_is_logged(
    way: ScriptedWay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LEAST_SECONDS", 0.0)
    probe = Probe(way, way.clock, tmp_path / "underway", 0.001)
    way.reason = "the task is dead"
    with capture_logs() as logs:
        async with probe.running():
            await eventually(lambda: way.went >= 3)
            way.gate = anyio.Event()
            await eventually(lambda: probe.counts().runs["failed"] == way.went - 1)
            way.clock.advance(10_000)
            assert probe.counts().last is not None  # the next one is to come
    assert {one["event"] for one in logs} == {"probe_failed"}
    assert logs[0]["task"] == "the task is dead"


async def test_one_that_is_under_way_is_not_overtaken_by_the_next(
    way: ScriptedWay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LEAST_SECONDS", 0.0)
    probe = Probe(way, way.clock, tmp_path / "underway", 0.001)
    way.gate = anyio.Event()
    with capture_logs() as logs:
        async with anyio.create_task_group() as group, probe.running():
            group.start_soon(probe.run)
            await eventually(lambda: len(logs) >= 2)
            way.gate.set()
    assert logs[0]["event"] == "probe_not_run"


async def test_what_a_kill_has_left_is_removed_at_the_start(
    probe: Probe, way: ScriptedWay, tmp_path: Path
) -> None:
    (tmp_path / "underway").touch()
    async with probe.running():
        await eventually(lambda: not (tmp_path / "underway").exists())
    assert (way.cleaned, way.went) == (1, 0)


async def test_it_never_runs_more_often_than_once_a_minute(
    way: ScriptedWay, tmp_path: Path
) -> None:
    assert Probe(way, way.clock, tmp_path / "underway", 5).every_seconds == 60


@pytest.mark.parametrize("seconds", [1, 59.9, 3601, -1])
def test_a_setting_that_is_too_often_or_too_seldom_ends_the_daemon_at_its_start(
    seconds: float,
) -> None:
    with pytest.raises(ValueError, match="probe_seconds"):
        Settings(probe_seconds=seconds)
    assert Settings(probe_seconds=0).probe_seconds == 0
    assert Settings(probe_seconds=60).probe_seconds == 60
