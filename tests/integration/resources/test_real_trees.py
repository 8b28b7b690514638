"""Trees of real processes that take too much: measured, held still, let go on, and ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import thread_time
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.waiting import eventually

from iterm_mcp.agents.keeper import start_of
from iterm_mcp.clock import SystemClock
from iterm_mcp.models.task_limits import NO_LIMITS, OverLimit, ResourceLimits
from iterm_mcp.services.agents.processes import ProcessId
from iterm_mcp.services.resources import table as tables
from iterm_mcp.services.resources.cgroups import Group, find_groups
from iterm_mcp.services.resources.evidence import EvidenceFolder
from iterm_mcp.services.resources.measuring import Measurer, Wanted, read_traffic
from iterm_mcp.services.resources.signals import is_same, send
from iterm_mcp.services.resources.table import is_row, read_proc, read_psutil
from iterm_mcp.services.resources.trees import Root
from iterm_mcp.services.resources.watched_trees import Tree
from iterm_mcp.services.resources.watching import ResourceWatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.models.resources import WatchedTree

HUNGRY = str(Path(__file__).with_name("hungry.py"))
MEGABYTE = 1 << 20
PATIENCE = 60.0

linux = pytest.mark.skipif(sys.platform != "linux", reason="the system must have /proc")


class Program:
    """A program that leads a session of its own, and is ended with all of it at the end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.root = ProcessId(process.pid, start_of(process.pid))

    def line(self) -> str:
        """Wait for a line that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def say(self, word: str) -> None:
        """Say a line to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def child(self) -> int:
        """Return the id of its only child."""
        (found,) = psutil.Process(self.root.pid).children()
        return found.pid


@contextmanager
def hungry(*words: object, **environ: str) -> Iterator[Program]:
    """Start a hungry program for the length of the block."""
    with started([sys.executable, "-S", HUNGRY, *map(str, words)], environ) as program:
        yield program


@contextmanager
def shell(script: str) -> Iterator[Program]:
    """Start a shell for the length of the block."""
    with started(["/bin/sh", "-c", script], {}) as program:
        yield program


@contextmanager
def started(command: list[str], environ: dict[str, str]) -> Iterator[Program]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **environ},
    )
    try:
        yield Program(process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def make_watch(folder: Path | None = None) -> ResourceWatch:
    evidence = None if folder is None else EvidenceFolder(str(folder))
    clock = SystemClock()
    return ResourceWatch(Measurer(clock), clock, evidence=evidence)


def tree(program: Program, limits: ResourceLimits = NO_LIMITS) -> Tree:
    return Tree("hungry", "command", program.root, limits)


async def look(watch: ResourceWatch) -> WatchedTree:
    await watch.look()
    found = watch.find("hungry")
    assert found is not None
    return found


async def wait_until_over(watch: ResourceWatch) -> WatchedTree:
    return await eventually(
        lambda: look(watch), lambda seen: seen.excess is not None, within_seconds=PATIENCE
    )


async def test_a_tree_that_takes_too_much_memory_is_ended_and_what_it_was_is_kept(
    tmp_path: Path,
) -> None:
    watch = make_watch(tmp_path)
    with hungry("memory", 150) as program, hungry("wait") as other:
        assert program.line() == "taken"
        watch.watch(tree(program, ResourceLimits(memory_bytes=100 * MEGABYTE)))
        seen = await wait_until_over(watch)
        program.process.wait(PATIENCE)

        assert seen.excess is not None
        assert seen.excess.used > 150 * MEGABYTE
        assert other.process.poll() is None
    evidence = json.loads(kept_in(tmp_path).read_text())
    assert "hungry.py memory 150" in evidence["usage"]["processes"][0]["command"]


def kept_in(folder: Path) -> Path:
    (kept,) = folder.glob("*.json")
    return kept


@linux
async def test_pages_that_processes_share_count_once_where_it_matters() -> None:
    watch = make_watch()
    with hungry("share", 80, 4) as program:
        limits = ResourceLimits(memory_bytes=200 * MEGABYTE)
        watch.watch(tree(program, limits))
        seen = await eventually(
            lambda: look(watch),
            lambda seen: (
                seen.usage is not None
                and len(seen.usage.processes) == 5
                and sum(one.memory_bytes for one in seen.usage.processes) > 400 * MEGABYTE
            ),
            within_seconds=PATIENCE,
        )

        assert seen.usage is not None
        assert seen.usage.is_exact
        assert 80 * MEGABYTE < seen.usage.memory_bytes < 160 * MEGABYTE
        assert seen.excess is None


async def test_a_tree_that_makes_ever_more_processes_is_ended_whatever_it_ignores() -> None:
    watch = make_watch()
    watch.signals._grace_seconds = 0.2
    with hungry("fork") as program:
        watch.watch(tree(program, ResourceLimits(processes=5)))
        await wait_until_over(watch)
        program.process.wait(PATIENCE)
        seen = await look(watch)

        assert seen.usage is not None
        assert seen.usage.processes == ()
        assert watch.over("hungry")


async def test_a_tree_that_takes_processors_stands_still_and_goes_on_again() -> None:
    watch = make_watch()
    with hungry("spin", 3600) as program:
        limits = ResourceLimits(memory_bytes=MEGABYTE, over=OverLimit.PAUSE)
        watch.watch(tree(program, limits))
        await wait_until_over(watch)
        spinning = psutil.Process(program.root.pid)
        await eventually(spinning.status, lambda status: status == psutil.STATUS_STOPPED)
        before = spinning.cpu_times().user
        await look(watch)
        assert spinning.cpu_times().user - before < 0.1

        await watch.resume("hungry")
        await eventually(
            lambda: spinning.cpu_times().user, lambda now: now > before, within_seconds=PATIENCE
        )


async def test_processors_time_is_counted_also_of_children_that_came_and_went() -> None:
    watch = make_watch()
    with shell(f"read go; {sys.executable} -S {HUNGRY} spin 0.3; read go") as program:
        watch.watch(tree(program))
        await look(watch)
        program.say("go")
        assert program.line() == "spun"
        spinner = program.child()
        os.kill(spinner, signal.SIGTERM)
        await eventually(lambda: not psutil.pid_exists(spinner), within_seconds=PATIENCE)
        seen = await look(watch)

        assert seen.usage is not None
        assert 0.25 <= seen.usage.cpu_seconds <= 1.0
        assert seen.usage.cpu_cores is not None


@pytest.mark.parametrize("way", ["session", "parent"])
async def test_what_is_left_to_another_parent_stays_in_the_tree_and_ends_with_it(way: str) -> None:
    watch = make_watch()
    mark = {"ITERM_MCP_AGENT": "left", "ITERM_MCP_ORIGIN": f"/nowhere/{os.getpid()}"}
    with hungry("leave", way, **mark) as program:
        left = int(program.line())
        watch.watch(Tree("hungry", "command", program.root, marks=(frozenset(mark.items()),)))
        seen = await look(watch)
        assert seen.usage is not None
        assert {one.pid for one in seen.usage.processes} == {program.root.pid, left}

        await watch.stop("hungry")
        await eventually(lambda: not is_alive(left), within_seconds=PATIENCE)
        program.process.wait(PATIENCE)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


async def test_a_root_that_is_another_s_now_is_neither_measured_nor_ended() -> None:
    watch = make_watch()
    with hungry("wait") as program:
        program.line()
        former = ProcessId(program.root.pid, "00000000:1")
        watch.watch(Tree("hungry", "command", former, ResourceLimits(memory_bytes=1)))
        seen = await look(watch)
        await watch.stop("hungry")

        assert seen.usage is not None
        assert seen.usage.processes == ()
        assert not send(former, signal.SIGKILL)
        assert program.process.poll() is None


def test_no_signal_goes_to_what_is_not_to_be_touched() -> None:
    me = os.getpid()

    assert not send(ProcessId(1, start_of(1)), signal.SIGCONT)
    assert not send(ProcessId(me, start_of(me)), signal.SIGCONT)
    assert not send(ProcessId(2**22 + 1, "none"), signal.SIGCONT)
    with hungry("wait") as program:
        program.line()
        assert send(program.root, signal.SIGCONT)
        assert is_same(program.root)
        program.process.kill()
        program.process.wait()
        assert not send(program.root, signal.SIGCONT)
        assert not is_same(program.root)


async def test_where_there_are_no_handles_signals_go_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    monkeypatch.setattr(tables, "read_table", read_psutil)
    clock = SystemClock()
    watch = ResourceWatch(Measurer(clock, table=read_psutil), clock)
    with hungry("wait") as program:
        program.line()
        watch.watch(tree(program))
        seen = await look(watch)
        assert seen.usage is not None
        assert [one.pid for one in seen.usage.processes] == [program.root.pid]
        await watch.stop("hungry")

        assert program.process.wait(PATIENCE) == -signal.SIGTERM


@linux
def test_both_ways_to_read_all_processes_tell_the_same() -> None:
    with hungry("memory", 30) as program:
        program.line()
        pid = program.root.pid
        ours, psutils = read_proc()[pid], read_psutil()[pid]

    assert is_row(ours, program.root)
    assert (ours.parent, ours.session, ours.owner) == (
        psutils.parent, psutils.session, psutils.owner
    )  # fmt: skip
    assert abs(ours.memory_bytes - psutils.memory_bytes) < MEGABYTE
    assert abs(ours.cpu_seconds - psutils.cpu_seconds) < 0.5


def test_traffic_of_a_process_is_told_or_unknown() -> None:
    mine = read_traffic(os.getpid())

    assert mine is None or min(mine) >= 0
    assert read_traffic(2**22 + 1) is None


def test_a_hundred_trees_cost_a_small_part_of_a_processor() -> None:
    measurer = Measurer(SystemClock())
    with ExitStack() as stack:
        programs = [
            stack.enter_context(shell("sleep 60 & sleep 60 & sleep 60 & read go"))
            for _ in range(100)
        ]
        wanted = {str(one.root.pid): Wanted(Root(one.root)) for one in programs}
        measurer.look(wanted)
        began = thread_time()
        for _ in range(2):
            measurer.look(wanted)
        usages = measurer.look(wanted)
        spent = (thread_time() - began) / 3
        count = len(psutil.pids())

    assert len(usages) == 100
    sys.stdout.write(f"100 trees among {count} processes: {spent * 1000:.1f} ms a look\n")
    assert spent < 0.1 + 0.0005 * count  # of the two seconds between two looks


def real_groups() -> Path | None:
    """Return where this user may make groups on this machine, if anywhere."""
    for place in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (place / "cgroup.procs").is_file() and os.access(place, os.W_OK):
            return place
    return None


@pytest.mark.skipif(real_groups() is None, reason="this user may make no control groups here")
async def test_a_real_group_holds_a_tree_and_ends_it_at_once() -> None:
    place = real_groups()
    assert place is not None
    group = Group(place / f"iterm-mcp-test-{os.getpid()}")
    group.path.mkdir()
    try:
        with hungry("share", 1, 2) as program:
            assert group.put([program.root.pid, 2**22 + 1]) == 1
            assert program.root.pid in group.pids()
            assert group.read().memory_ended == 0
            assert not group.remove()
            group.kill()
            program.process.wait(PATIENCE)
            await eventually(lambda: not group.pids(), within_seconds=PATIENCE)
    finally:
        assert await eventually(group.remove, within_seconds=PATIENCE)


def test_whether_this_machine_holds_limits_is_told() -> None:
    found = find_groups(f"test-{os.getpid()}")
    if found.groups is not None:
        found.groups.close()

    assert found.reason
