"""Whether a machine can take one more task."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.task_limits import ResourceLimits
from iterm_mcp.models.tasks import COMMAND, TaskSpec
from iterm_mcp.services.tasks import admission as admissions
from iterm_mcp.services.tasks.admission import Admission, Room, no_room
from iterm_mcp.services.tasks.quotas import Quotas
from iterm_mcp.services.tasks.readings import Readings, read_machine
from iterm_mcp.services.tasks.settings import AdmissionSettings, TaskSettingsFile
from iterm_mcp.tasks.limits import Reach, Refusal, demand_of
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from iterm_mcp.models.ids import AgentName, TeamName

GB = 10**9
SPEC = TaskSpec("review", "claude", "Review it.", "/work", team="backend", account="work")
COMMAND_SPEC = TaskSpec("test", COMMAND, "make test", "/work")


class Machine:
    """A machine whose readings are made up."""

    def __init__(self, folder: Path, text: str = "") -> None:
        path = folder / "tasks.toml"
        path.write_text(text)
        self.readings = Readings(memory_bytes=10 * GB, load=0.1)
        self.free: dict[str, int] = {}
        self.reads = 0
        self.why_held = ""
        self.clock = FakeClock()
        self.quotas = Quotas()
        self.file = TaskSettingsFile(str(path))
        self.file.load_now()
        self.admission = Admission(
            self.file, self.clock, held=self._held, quotas=self.quotas, read=self._read,
            free=self._free,
        )  # fmt: skip

    def why_not(self, spec: TaskSpec = SPEC) -> str:
        """Ask for a task that starts if it may; it is the same one as another of its name."""
        refusal = self.admission.admit(demand_of(f"t-{spec.name}", spec), self.clock.now())
        return refusal.sentence if refusal else ""

    def asked(self, spec: TaskSpec = SPEC) -> Refusal | None:
        return self.admission.why_not(demand_of(f"t-{spec.name}", spec), self.clock.now())

    def _held(self, agent: AgentName, kind: str, teams: Sequence[TeamName]) -> str:
        assert (agent, kind, tuple(teams)) in {("", "claude", ("backend",)), ("", "claude", ())}
        return self.why_held

    def _read(self) -> Readings:
        self.reads += 1
        return self.readings

    def _free(self, path: str) -> int:
        if path not in self.free:
            raise FileNotFoundError(path)
        return self.free[path]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_machine_with_room_takes_a_task(machine: Machine) -> None:
    assert machine.why_not() == ""


def test_what_memory_is_missing_is_told_in_numbers(machine: Machine) -> None:
    machine.readings = Readings(memory_bytes=1_100_000_000)

    assert machine.why_not(replace(SPEC, limits=ResourceLimits(memory_bytes=4 * GB))) == (
        "it needs 2.0 GB of memory and 1.0 GB stay free; 1.1 GB is available"
    )


def test_memory_of_tasks_that_are_starting_is_nobody_else_s(machine: Machine) -> None:
    machine.readings = Readings(memory_bytes=1_600_000_000)
    other = replace(SPEC, name="other")

    assert machine.why_not() == ""
    assert machine.why_not() == ""  # it is the same one
    assert "1.6 GB is available (512 MB of it for others that are starting)" in machine.why_not(
        other
    )
    machine.clock.advance(admissions.GROWING_SECONDS)
    assert machine.why_not(other) == ""


def test_asking_keeps_nothing_for_a_task(machine: Machine) -> None:
    machine.readings = Readings(memory_bytes=1_600_000_000)
    other = replace(SPEC, name="other")

    assert machine.asked() is None
    assert machine.asked(other) is None
    assert machine.why_not() == ""
    refusal = machine.asked(other)
    assert refusal is not None
    assert refusal.for_memory
    assert refusal.others_start


def test_two_tasks_that_say_the_same_need_memory_each(machine: Machine) -> None:
    machine.readings = Readings(memory_bytes=1_600_000_000)
    first, second = (demand_of(one, SPEC) for one in ("t-1", "t-2"))

    assert machine.admission.admit(first, machine.clock.now()) is None
    assert machine.admission.admit(second, machine.clock.now()) is not None


def test_asking_takes_from_nobody_that_one_may_start_on_a_busy_machine(machine: Machine) -> None:
    machine.readings = Readings(memory_bytes=10 * GB, load=9.0)
    assert machine.asked() == Refusal(
        "9.0 processes want each processor; 4 is the most; one may start all the same in 60 s",
        Reach.ALL,
    )
    machine.clock.advance(30)
    assert "in 60 s" in machine.why_not(), "it is busy since somebody wanted to start"
    machine.clock.advance(61)
    assert machine.asked(COMMAND_SPEC) is None
    assert machine.why_not() == ""


def test_what_a_machine_can_never_start_is_told_so(machine: Machine) -> None:
    machine.readings = Readings(memory_bytes=3 * GB, total_bytes=4 * GB)
    large, huge = (replace(SPEC, limits=ResourceLimits(memory_bytes=size * GB)) for size in (5, 8))

    refusal = machine.asked(huge)
    assert refusal == Refusal(
        "it needs 4.0 GB of memory and 1.0 GB stay free; this machine has 4.0 GB in all, so it can "
        "never start here: cancel it and ask for less (limits.memory), or have another machine "
        "take it"
    )
    refusal = machine.asked(large)
    assert refusal is not None
    assert refusal.for_memory


def test_what_is_said_of_one_task_alone_and_of_all_is_told_apart(machine: Machine) -> None:
    machine.why_held = "budget daily is at 100 %"
    refusals = [machine.asked()]
    machine.why_held = ""
    machine.readings = Readings(memory_pressure=50.0)
    refusals.append(machine.asked())

    assert [one.reach for one in refusals if one] == [Reach.ALIKE, Reach.ALL]


def test_the_machine_is_read_once_a_second(machine: Machine) -> None:
    for _ in range(5):
        machine.why_not()
    assert machine.reads == 1
    machine.clock.advance(1.0)
    machine.why_not()
    assert machine.reads == 2


@pytest.mark.parametrize(
    ("readings", "words"),
    [
        (Readings(memory_pressure=30.0), "waited for memory in 30 % of the last 10 s; 20 % is"),
        (Readings(cpu_pressure=95.0), "waited for a processor in 95 % of the last 10 s; 90 % is"),
        (Readings(load=4.5), "4.5 processes want each processor; 4 is the most"),
    ],
    ids=["memory", "processor", "load"],
)
def test_a_machine_that_is_too_busy_takes_nothing(
    tmp_path: Path, readings: Readings, words: str
) -> None:
    machine = Machine(tmp_path, "[admission]\nmost_cpu_pressure = 90")
    machine.readings = readings

    assert words in machine.why_not()


def test_others_that_keep_a_machine_busy_do_not_keep_everybody_waiting_for_ever(
    machine: Machine,
) -> None:
    machine.readings = Readings(memory_bytes=10 * GB, load=9.0)
    assert "one may start all the same in 60 s" in machine.why_not()
    machine.clock.advance(59)
    assert "in 1 s" in machine.why_not()
    machine.clock.advance(2)
    assert machine.why_not() == ""
    assert machine.why_not() == "", "it was let go on: to ask once more takes nothing from it"
    assert "in 60 s" in machine.why_not(COMMAND_SPEC)
    machine.readings = Readings(memory_bytes=10 * GB, load=1.0)
    machine.clock.advance(2)
    assert machine.why_not(COMMAND_SPEC) == ""


def test_what_is_unknown_keeps_nobody_waiting(machine: Machine) -> None:
    machine.readings = Readings()

    assert machine.why_not() == ""


def test_limits_that_are_set_to_0_are_none(tmp_path: Path) -> None:
    text = "[admission]\nmost_load = 0\nmost_memory_pressure = 0\nmost_cpu_pressure = 0"
    machine = Machine(tmp_path, text)
    machine.readings = Readings(load=99.0, memory_pressure=99.0, cpu_pressure=99.0)

    assert machine.why_not() == ""


def test_whom_a_budget_holds_is_not_begun_but_commands_are(machine: Machine) -> None:
    machine.why_held = "budget daily is at 100 %"

    assert machine.why_not() == "budget daily is at 100 %"
    assert machine.why_not(replace(SPEC, team="")) == "budget daily is at 100 %"
    assert machine.why_not(COMMAND_SPEC) == ""


def test_nobody_of_a_kind_is_begun_before_its_limit_ends(machine: Machine) -> None:
    now = machine.clock.now()
    until = (now + timedelta(minutes=5)).isoformat()
    machine.quotas.refused("claude", "work", {"what": "rate_limited", "until": until}, now)

    assert machine.why_not() == (
        "agents of kind 'claude' at the cost of 'work' are refused for their rate until "
        "2026-01-01 00:05:00 UTC, 300 s from now"
    )
    assert machine.why_not(replace(SPEC, account="")) == ""
    assert machine.why_not(COMMAND_SPEC) == ""
    machine.clock.advance(300)
    assert machine.why_not() == ""


async def test_room_on_the_disk_counts_once_it_was_looked_at(machine: Machine) -> None:
    machine.free = {"/work": 10**6}
    with anyio.fail_after(10):
        async with machine.admission.running():
            assert machine.why_not() == ""
            await until(lambda: bool(machine.why_not()))
            assert machine.why_not() == ("2.0 GB of the disk stay free where it works; 1.0 MB is")
            machine.free["/work"] = 5 * GB
            machine.clock.advance(admissions.DISK_SECONDS)
            await until(lambda: not machine.why_not())


async def test_a_directory_that_cannot_be_looked_at_keeps_nobody_waiting(
    machine: Machine,
) -> None:
    with anyio.fail_after(10):
        async with machine.admission.running():
            machine.why_not()
            await anyio.sleep(0.01)
            assert machine.why_not(replace(SPEC, directory="")) == ""
            assert machine.why_not() == ""


async def test_settings_that_are_changed_count_while_it_runs(machine: Machine) -> None:
    path = machine.file._path
    with anyio.fail_after(10):
        async with machine.admission.running():
            assert machine.why_not() == ""
            path.write_text("[admission]\nleast_memory = '50GB'")
            await until(lambda: bool(machine.why_not()))


async def until(wanted: Callable[[], bool]) -> None:
    while not wanted():  # noqa: ASYNC110 - what is waited for rings no bell
        await anyio.sleep(0.005)


amounts = st.none() | st.integers(0, 100 * GB)


@given(amounts, st.integers(0, 20 * GB), st.integers(0, 20 * GB), amounts)
def test_what_is_admitted_leaves_what_is_to_stay_free(
    memory: int | None, reserved: int, need: int, disk: int | None
) -> None:
    settings = AdmissionSettings()
    why = no_room(need, Room(Readings(memory_bytes=memory), reserved, disk), settings)
    fits = memory is None or memory - reserved - need >= settings.least_memory
    has_disk = disk is None or disk >= settings.least_disk

    if not why:
        assert fits
        assert has_disk
    elif fits and has_disk:
        pytest.fail(f"there is room, and yet: {why}")


@given(amounts, st.integers(0, 20 * GB), st.integers(0, 20 * GB), st.integers(0, 20 * GB))
def test_who_needs_less_is_never_refused_where_who_needs_more_is_not(
    memory: int | None, reserved: int, less: int, more: int
) -> None:
    room, settings = Room(Readings(memory_bytes=memory), reserved), AdmissionSettings()
    less, more = sorted((less, more))

    assert no_room(more, room, settings) or not no_room(less, room, settings)


def test_this_machine_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "cpu").write_text("some avg10=12.34 avg60=1.00 avg300=0.00 total=5\n")
    (tmp_path / "memory").write_text("nothing\n")
    readings = read_machine(str(tmp_path))

    assert readings.memory_bytes is not None
    assert readings.memory_bytes > 0
    assert (readings.total_bytes or 0) >= readings.memory_bytes
    assert readings.load is not None
    assert (readings.cpu_pressure, readings.memory_pressure) == (12.34, None)
    assert read_machine(str(tmp_path / "none")).cpu_pressure is None


def test_a_machine_that_tells_nothing_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("not here")

    monkeypatch.setattr("psutil.virtual_memory", fail)
    monkeypatch.setattr("os.getloadavg", fail)

    assert read_machine("/nowhere") == Readings()
