"""Trees that are watched, over processes that are made up."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from iterm_mcp.models.resources import Resource
from iterm_mcp.models.task_limits import NO_LIMITS, OverLimit, ResourceLimits
from iterm_mcp.services.resources import evidence as evidences
from iterm_mcp.services.resources.cgroups import CONTROLLERS, Groups
from iterm_mcp.services.resources.evidence import EvidenceFolder
from iterm_mcp.services.resources.marks import Marks
from iterm_mcp.services.resources.measuring import Measurer
from iterm_mcp.services.resources.memory import ExactMemory
from iterm_mcp.services.resources.signalling import TreeSignals
from iterm_mcp.services.resources.watched_trees import Tree
from iterm_mcp.services.resources.watching import ResourceWatch
from iterm_mcp.testing import FakeClock

from .rows import ME, row, table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path
    from signal import Signals

    from iterm_mcp.models.resources import Excess, WatchedTree
    from iterm_mcp.services.agents.processes import ProcessId
    from iterm_mcp.services.resources.table import Row, Table

TOP = row(10)
LIMITS = ResourceLimits(memory_bytes=5000, processes=3)
ENDING = {signal.SIGTERM, signal.SIGKILL}


class Machine:
    """Processes that obey signals, or do not.

    Attributes:
        deaf: Those that end for nothing but SIGKILL; `undying` end for nothing.
        forks: How often one that runs makes another before it is held.
    """

    def __init__(self, *rows: Row) -> None:
        self.clock = FakeClock()
        self.rows = {one.pid: one for one in rows}
        self.sent: list[tuple[int, Signals]] = []
        self.deaf: set[int] = set()
        self.undying: set[int] = set()
        self.forks = 0
        self.problem: OSError | None = None
        self.measurer = Measurer(
            self.clock, table=self._table, traffic=lambda _pid: None,
            marks=Marks(lambda _pid: {}), exact=ExactMemory(0.0), user=ME,
        )  # fmt: skip

    def watch(self, **more: object) -> ResourceWatch:
        watch = ResourceWatch(self.measurer, self.clock, **more)  # type: ignore[arg-type]
        watch.signals = TreeSignals(
            watch._members_now, watch._end_group, self.send, self._stand, grace_seconds=0.05
        )
        return watch

    def _table(self) -> Table:
        if self.problem is not None:
            raise self.problem
        running = [one for one in self.rows.values() if one.state != "T"]
        if self.forks and running:
            self.forks -= 1
            last = max(self.rows)
            self.rows[last + 1] = row(last + 1, running[-1].pid)
        return table(*self.rows.values())

    def send(self, processes: Collection[ProcessId], *numbers: Signals) -> int:
        for one in processes:
            for number in numbers:
                self._send(one, number)
        return len(processes)

    def _send(self, process: ProcessId, number: Signals) -> None:
        found = self.rows.get(process.pid)
        if found is None or found.process != process:
            return
        self.sent.append((process.pid, number))
        if number == signal.SIGSTOP:
            self.rows[process.pid] = replace(found, state="T")
        elif number == signal.SIGCONT:
            self.rows[process.pid] = replace(found, state="S")
        elif number in ENDING and process.pid not in self.undying | self._unmoved(number):
            del self.rows[process.pid]

    def _unmoved(self, number: Signals) -> set[int]:
        return set() if number == signal.SIGKILL else self.deaf

    def _stand(self, processes: Collection[ProcessId]) -> bool:
        return any(self.rows.get(one.pid) is not None for one in processes)

    def states(self) -> dict[int, str]:
        return {pid: one.state for pid, one in self.rows.items()}


def tree(limits: ResourceLimits = LIMITS, **more: object) -> Tree:
    return replace(Tree("ada", "claude", TOP.process, limits), **more)  # type: ignore[arg-type]


def large(pid: int = 11, memory: int = 100_000) -> Row:
    return row(pid, 10, memory=memory)


class Told:
    """Takes what watches tell."""

    def __init__(self, watch: ResourceWatch) -> None:
        self.excesses: list[Excess] = []
        watch.tell(self._take)

    def _take(self, seen: WatchedTree, excess: Excess) -> None:
        assert seen.key == "ada"
        self.excesses.append(excess)


async def test_a_tree_within_its_limits_is_only_measured() -> None:
    machine = Machine(TOP, row(11, 10))
    watch = machine.watch()
    watch.watch(tree())
    await watch.look()
    found = watch.find("ada")

    assert found is not None
    assert found.usage is not None
    assert (len(found.usage.processes), found.held_by, found.excess) == (2, "watch", None)
    assert watch.standing() == (found,)
    assert watch.over("ada") == ""
    assert machine.sent == []


async def test_a_tree_that_takes_too_much_is_asked_to_end_and_then_ended() -> None:
    machine = Machine(TOP, large(), row(20))
    machine.deaf = {11}
    watch = machine.watch()
    told = Told(watch)
    watch.watch(tree())
    await watch.look()

    assert set(machine.rows) == {20}
    assert (10, signal.SIGTERM) in machine.sent
    assert (11, signal.SIGKILL) in machine.sent
    assert not any(pid == 20 for pid, _ in machine.sent)
    assert [one.resource for one in told.excesses] == [Resource.MEMORY]
    assert watch.over("ada") == "it takes 101 kB of memory, 5.0 kB are allowed"


async def test_a_tree_that_makes_ever_more_processes_is_held_before_it_is_ended() -> None:
    machine = Machine(TOP, *(row(pid, 10) for pid in range(11, 16)))
    machine.deaf = set(range(10, 100))
    machine.forks = 9
    watch = machine.watch()
    watch.watch(tree())
    await watch.look()

    assert machine.rows == {}


async def test_what_cannot_be_ended_is_ended_anew_with_each_look() -> None:
    machine = Machine(TOP, large())
    machine.undying = {11}
    watch = machine.watch()
    told = Told(watch)
    watch.watch(tree())
    await watch.look()
    before = len(machine.sent)
    machine.undying = set()
    await watch.look()

    assert len(machine.sent) > before
    assert machine.rows == {}
    assert len(told.excesses) == 1
    await watch.look()
    assert watch.over("ada")


async def test_a_paused_tree_stands_still_until_it_is_let_go_on() -> None:
    machine = Machine(TOP, large())
    machine.forks = 2
    watch = machine.watch()
    watch.watch(tree(ResourceLimits(5000, over=OverLimit.PAUSE)))
    await watch.look()
    found = watch.find("ada")

    assert set(machine.states().values()) == {"T"}
    assert len(machine.rows) == 4
    assert found is not None
    assert found.is_paused
    assert watch.over("ada") == ""

    await watch.look()
    await watch.resume("ada")
    await watch.resume("ada")
    await watch.resume("nobody")

    assert set(machine.states().values()) == {"S"}
    await watch.look()
    assert set(machine.states().values()) == {"S"}  # it takes no more than when it was let go on


async def test_a_warning_leaves_the_tree_alone() -> None:
    machine = Machine(TOP, large())
    watch = machine.watch()
    told = Told(watch)
    watch.watch(tree(replace(LIMITS, over=OverLimit.WARN)))
    await watch.look()
    await watch.look()

    assert machine.sent == []
    assert len(told.excesses) == 1


async def test_limits_that_are_changed_count_from_the_next_look_on(tmp_path: Path) -> None:
    machine = Machine(TOP, large())
    watch = machine.watch()
    watch.watch(tree(NO_LIMITS))
    await watch.look()
    watch.watch(tree(replace(LIMITS, disk_bytes=100), directory=str(tmp_path)))
    watch.watch(tree(replace(LIMITS, disk_bytes=100), directory=str(tmp_path)))
    await watch.look()

    assert watch.over("ada")


async def test_another_life_under_the_same_name_is_another_tree() -> None:
    machine = Machine(TOP, large())
    watch = machine.watch()
    watch.watch(tree())
    await watch.look()
    again = row(10, life=1)
    machine.rows = {10: again}
    watch.watch(Tree("ada", "claude", again.process, LIMITS))
    await watch.look()
    found = watch.find("ada")

    assert watch.over("ada") == ""
    assert found is not None
    assert found.usage is not None
    assert len(found.usage.processes) == 1


async def test_a_tree_can_be_ended_by_hand() -> None:
    machine = Machine(TOP, row(11, 10), row(20))
    watch = machine.watch()
    watch.watch(tree(NO_LIMITS))
    await watch.stop("ada")
    await watch.stop("nobody")

    assert set(machine.rows) == {20}
    watch.unwatch("ada")
    watch.unwatch("ada")
    assert watch.keys() == frozenset()
    assert watch.find("ada") is None
    assert await watch._members_now("ada") == ()


async def test_growth_of_a_directory_is_told_and_counts(tmp_path: Path) -> None:
    machine = Machine(TOP)
    watch = machine.watch()
    watch.watch(tree(ResourceLimits(disk_bytes=100_000), directory=str(tmp_path)))
    await watch.look()
    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    await watch.look()
    await watch.look()

    assert watch.over("ada").startswith("its directory grew by 1.0 MB")


class TestGroups:
    async def test_a_tree_with_limits_is_put_into_a_group(self, tmp_path: Path) -> None:
        machine = Machine(TOP, row(11, 10))
        watch = machine.watch(groups=partial(Groups, tmp_path, CONTROLLERS))
        watch.watch(tree())
        await watch.look()
        found = watch.find("ada")

        assert found is not None
        assert found.held_by == "cgroup"
        assert (tmp_path / "ada/memory.max").read_text() == "5000"
        assert (tmp_path / "ada/cgroup.procs").read_text() in {"10", "11"}

    async def test_what_the_system_ends_for_memory_ends_the_tree(self, tmp_path: Path) -> None:
        machine = Machine(TOP, row(11, 10))
        machine.undying = {11}
        watch = machine.watch(groups=partial(Groups, tmp_path, CONTROLLERS))
        watch.watch(tree())
        await watch.look()
        (tmp_path / "ada/memory.events").write_text("oom_kill 1\n")
        await watch.look()

        assert "the system ended what wanted more" in watch.over("ada")
        assert (tmp_path / "ada/cgroup.kill").read_text() == "1"

    async def test_without_limits_there_is_no_group(self, tmp_path: Path) -> None:
        machine = Machine(TOP)
        watch = machine.watch(groups=partial(Groups, tmp_path, CONTROLLERS))
        watch.watch(tree(NO_LIMITS))
        await watch.look()
        watch.watch(tree(ResourceLimits(processes=9, over=OverLimit.WARN)))
        await watch.look()

        assert not (tmp_path / "ada").exists()

    @pytest.mark.parametrize("blocked", ["ada", "ada/cgroup.procs"], ids=["making", "filling"])
    async def test_what_the_system_cannot_hold_is_watched(
        self, tmp_path: Path, blocked: str
    ) -> None:
        groups = partial(Groups, tmp_path, CONTROLLERS)
        if blocked == "ada":
            (tmp_path / blocked).write_text("in the way")
        else:
            (tmp_path / blocked).mkdir(parents=True)
        machine = Machine(TOP, large())
        watch = machine.watch(groups=groups)
        watch.watch(tree())
        await watch.look()
        found = watch.find("ada")

        assert found is not None
        assert found.held_by == "watch"
        assert machine.rows == {}


class TestEvidence:
    async def test_what_a_tree_looked_like_is_kept(self, tmp_path: Path) -> None:
        folder = tmp_path / "evidence"
        machine = Machine(TOP, large())
        watch = machine.watch(evidence=EvidenceFolder(str(folder)))
        watch.watch(tree(output="/logs/ada"))
        await watch.look()
        (file,) = folder.iterdir()
        kept = json.loads(file.read_text())

        assert file.stat().st_mode & 0o777 == 0o600
        assert (kept["key"], kept["resource"], kept["done"]) == ("ada", "memory", "stop")
        assert kept["output"] == "/logs/ada"
        assert kept["limits"]["memory_bytes"] == 5000
        assert [one["pid"] for one in kept["usage"]["processes"]] == [11, 10]

    async def test_a_disk_that_takes_no_more_keeps_nothing_from_being_done(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        machine = Machine(TOP, large())
        watch = machine.watch(evidence=EvidenceFolder(str(tmp_path / "file")))
        watch.watch(tree())
        await watch.look()

        assert machine.rows == {}

    async def test_only_the_newest_are_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(evidences, "KEPT", 2)
        machine = Machine(TOP, large())
        machine.undying = {10, 11}
        folder = EvidenceFolder(str(tmp_path))
        watch = machine.watch()
        told: list[tuple[WatchedTree, Excess]] = []
        watch.tell(lambda seen, excess: told.append((seen, excess)))
        watch.watch(tree(replace(LIMITS, over=OverLimit.WARN)))
        await watch.look()
        seen, excess = told[0]
        assert seen.usage is not None
        paths = []
        for second in range(4):
            at = seen.usage.at.replace(second=second)
            paths.append(await folder.keep(replace(seen, usage=replace(seen.usage, at=at)), excess))
        last = await folder.keep(replace(seen, usage=None), excess)

        kept = sorted([str(one) async for one in anyio.Path(tmp_path).iterdir()])
        assert kept == [paths[3], last]


class TestRunning:
    async def test_it_looks_again_and_again_and_acts_beside(self) -> None:
        machine = Machine(TOP)
        watch = machine.watch(every_seconds=0.001)
        with anyio.fail_after(10):
            async with watch.running():
                watch.watch(tree())
                await until(lambda: watch.standing()[0].usage is not None)
                machine.rows[11] = large()
                await until(lambda: not machine.rows)

        assert watch.over("ada")

    async def test_a_table_that_cannot_be_read_now_is_read_later(self) -> None:
        machine = Machine(TOP)
        machine.problem = OSError("too many files")
        watch = machine.watch(every_seconds=0.001)
        with anyio.fail_after(10):
            async with watch.running():
                watch.watch(tree(NO_LIMITS))
                await anyio.sleep(0.02)
                machine.problem = None
                watch.watch(tree())
                await until(lambda: watch.standing()[0].usage is not None)

    async def test_groups_are_removed_when_it_closes(self, tmp_path: Path) -> None:
        groups = partial(Groups, tmp_path / "home", ())
        (tmp_path / "home").mkdir()
        machine = Machine(TOP)
        watch = machine.watch(groups=groups, every_seconds=0.001)
        with anyio.fail_after(10):
            async with watch.running():
                watch.watch(tree())
                await until((tmp_path / "home/ada").is_dir)
                (tmp_path / "home/ada/cgroup.procs").unlink(missing_ok=True)
                watch.unwatch("ada")

        assert not (tmp_path / "home/other").exists()


async def until(wanted: Callable[[], bool]) -> None:
    while not wanted():  # noqa: ASYNC110 - what is waited for rings no bell
        await anyio.sleep(0.001)
