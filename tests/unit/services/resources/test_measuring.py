"""Trees that are looked at again and again, over processes that are made up."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.agents.keeper import start_of
from iterm_mcp.services.agents.processes import ProcessId
from iterm_mcp.services.resources.marks import Marks
from iterm_mcp.services.resources.measuring import Measurer, Wanted, lineage
from iterm_mcp.services.resources.memory import ExactMemory
from iterm_mcp.services.resources.table import BORN, is_row, read_proc
from iterm_mcp.services.resources.trees import Root
from iterm_mcp.testing import FakeClock

from .rows import ME, row, table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iterm_mcp.services.resources.table import Row, Table

MARK = frozenset({("ITERM_MCP_AGENT", "ada")})


class Machine:
    """Processes, what they carry, and what they read and write."""

    def __init__(self, *rows: Row) -> None:
        self.clock = FakeClock()
        self.rows = list(rows)
        self.environments: dict[int, dict[str, str]] = {}
        self.traffic: dict[int, tuple[int, int]] = {}
        self.read: list[int] = []
        self.measurer = Measurer(
            self.clock,
            table=self._table,
            traffic=self.traffic.get,
            marks=Marks(self._environment),
            exact=ExactMemory(1.0, "/nowhere"),
            user=ME,
        )

    def _table(self) -> Table:
        return table(*self.rows)

    def _environment(self, pid: int) -> Mapping[str, str]:
        self.read.append(pid)
        return self.environments.get(pid, {})


def wanted(top: Row) -> dict[str, Wanted]:
    return {"ada": Wanted(Root(top.process), (MARK,))}


def test_a_tree_s_processor_time_is_told_as_a_rate_from_the_second_look_on() -> None:
    machine = Machine(row(10, cpu=100.0))
    first = machine.measurer.look(wanted(row(10)))["ada"]
    machine.clock.advance(2.0)
    machine.rows = [row(10, cpu=101.0), row(11, 10, cpu=2.0)]
    second = machine.measurer.look(wanted(row(10)))["ada"]

    assert (first.cpu_seconds, first.cpu_cores) == (0.0, None)
    assert (second.cpu_seconds, second.cpu_cores) == (3.0, 1.5)
    assert [one.pid for one in second.processes] == [10, 11]
    assert machine.measurer.members("ada") == (row(10).process, row(11).process)
    assert machine.measurer.members("other") == ()


def test_memory_is_a_sum_where_nothing_better_can_be_told() -> None:
    machine = Machine(row(10, memory=5), row(11, 10, memory=7))
    found = machine.measurer.look({"ada": Wanted(Root(row(10).process), exact_above=1)})["ada"]

    assert (found.memory_bytes, found.is_exact) == (12, False)


def test_traffic_is_added_up_and_a_reaped_child_s_is_not_counted_twice() -> None:
    machine = Machine(row(10), row(11, 10))
    machine.traffic |= {10: (100, 0), 11: (50, 10)}
    machine.measurer.look(wanted(row(10)))
    machine.traffic |= {10: (100, 0), 11: (60, 30)}
    machine.measurer.look(wanted(row(10)))
    machine.rows = [row(10)]
    machine.traffic[10] = (160, 30)
    last = machine.measurer.look(wanted(row(10)))["ada"]

    assert (last.read_bytes, last.written_bytes) == (10, 20)


def test_traffic_that_the_system_does_not_tell_is_unknown() -> None:
    found = Machine(row(10)).measurer.look(wanted(row(10)))["ada"]

    assert (found.read_bytes, found.written_bytes) == (None, None)


def test_a_marked_process_is_taken_and_its_environment_is_read_once() -> None:
    machine = Machine(row(10), row(20), row(21))
    machine.environments = {20: {"ITERM_MCP_AGENT": "ada"}, 21: {"ITERM_MCP_AGENT": "bob"}}
    for _ in range(2):
        machine.measurer.look(wanted(row(10)))
    found = machine.measurer.look(wanted(row(10)))["ada"]

    assert [one.pid for one in found.processes] == [10, 20]
    assert sorted(machine.read) == [20, 21]


def test_a_marked_process_older_than_the_tree_is_of_a_life_before() -> None:
    machine = Machine(row(10), row(5))
    machine.environments = {5: {"ITERM_MCP_AGENT": "ada"}}

    found = machine.measurer.look(wanted(row(10)))["ada"]

    assert [one.pid for one in found.processes] == [10]


def test_a_marked_process_without_a_tree_that_was_ever_there_is_let_be() -> None:
    machine = Machine(row(20))
    machine.environments = {20: {"ITERM_MCP_AGENT": "ada"}}

    assert machine.measurer.look(wanted(row(10)))["ada"].processes == ()


def test_a_marked_process_is_found_after_the_root_has_ended() -> None:
    machine = Machine(row(10))
    machine.environments = {20: {"ITERM_MCP_AGENT": "ada"}}
    machine.measurer.look(wanted(row(10)))
    machine.rows = [row(20)]

    assert [one.pid for one in machine.measurer.look(wanted(row(10)))["ada"].processes] == [20]


def test_the_environments_of_those_that_have_ended_are_forgotten() -> None:
    marks = Marks(lambda _: {"SECRET": "x", "ITERM_MCP_AGENT": "ada"})
    for pid in range(10, 20):
        assert marks.of(row(pid)) == MARK
    marks.forget(table(row(10)))

    assert list(marks._known) == [row(10).process]


def test_this_process_and_those_above_it_are_in_no_tree() -> None:
    me = os.getpid()
    parent = row(me + 1, born=0.0)
    machine = Machine(parent, row(me, me + 1, born=1.0), row(me + 2, me, born=2.0))
    found = machine.measurer.look({"ada": Wanted(Root(parent.process))})["ada"]

    assert found.processes == ()
    assert set(lineage(table(*machine.rows), me)) == {me, me + 1}
    assert set(lineage({}, 5)) == {5}


def write_process(folder: Path, pid: int, stat: str) -> None:
    (folder / str(pid)).mkdir(parents=True)
    (folder / str(pid) / "stat").write_text(stat)


def test_proc_is_read_whatever_a_process_calls_itself(tmp_path: Path) -> None:
    boot = tmp_path / "sys/kernel/random"
    boot.mkdir(parents=True)
    (boot / "boot_id").write_text("12345678-aaaa")
    ticks = os.sysconf("SC_CLK_TCK")
    rest = f"S 3 7 7 0 -1 0 0 0 0 0 {ticks} {ticks} {3 * ticks} 0 20 0 1 0 4711 999 2 0"
    write_process(tmp_path, 7, f"7 (a ) b (c) {rest}")
    write_process(tmp_path, 8, "8 (short) S 1")
    write_process(tmp_path, 9, "nonsense")
    (tmp_path / "self").mkdir()
    found = read_proc(str(tmp_path))

    assert list(found) == [7]
    one = found[7]
    assert one.process == ProcessId(7, "12345678:4711")
    assert (one.parent, one.session, one.name, one.state) == (3, 7, "a ) b (c", "S")
    assert (one.cpu_seconds, one.reaped_seconds) == (2.0, 3.0)
    assert one.memory_bytes == 2 * os.sysconf("SC_PAGE_SIZE")
    assert read_proc(str(tmp_path / "none")) == {}


@pytest.mark.parametrize(
    ("process", "same"),
    [
        (row(10).process, True),
        (row(11).process, False),
        (row(10, life=1).process, False),
        (ProcessId(10, ""), False),
    ],
    ids=["itself", "another", "later", "unknown"],
)
def test_a_row_is_a_process_s_by_its_id_and_its_start(process: ProcessId, *, same: bool) -> None:
    assert is_row(row(10), process) is same


def test_a_row_as_psutil_tells_it_is_compared_with_what_a_keeper_wrote_down() -> None:
    me = os.getpid()
    told = replace(row(me), process=ProcessId(me, f"{BORN}12.000"))

    assert is_row(told, ProcessId(me, start_of(me)))
    assert not is_row(told, ProcessId(me, "boot:1"))
    assert is_row(told, told.process)


def test_exact_memory_is_told_only_within_its_budget(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/smaps_rollup").write_text("head\nRss: 90 kB\nPss:                  40 kB\n")
    (tmp_path / "8").mkdir()
    (tmp_path / "8/smaps_rollup").write_text("nothing\n")
    exact = ExactMemory(1.0, str(tmp_path))

    assert exact.of((7,)) is None  # no round has begun
    exact.begin_round()
    assert exact.of((7, 7)) == 80 * 1024
    assert exact.of((8,)) is None
    assert exact.of(()) == 0
    assert exact.of((9,)) is None  # nothing tells of itself here
    (tmp_path / "self").mkdir()
    (tmp_path / "self/smaps_rollup").write_text("")
    assert exact.of((7, 9)) == 40 * 1024
