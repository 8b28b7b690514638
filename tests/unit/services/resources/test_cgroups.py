"""Groups that the system holds, over a folder that looks like the system's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.models.task_limits import OverLimit, ResourceLimits
from iterm_mcp.services.resources.cgroups import (
    CONTROLLERS,
    Found,
    Group,
    Groups,
    find_groups,
)

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = ResourceLimits(memory_bytes=2 * 10**9, cpu_cores=1.5, processes=50)
HELD = " ".join(CONTROLLERS)


class System:
    """A mount of control groups, and in which of them this process is."""

    def __init__(self, folder: Path, inside: str = "/user/app") -> None:
        self.mount = folder / "cgroup"
        self.own = folder / "own"
        self.own.write_text(f"1:name=systemd:/other\n0::{inside}\n")
        self.mount.mkdir()

    def group(self, path: str = "", *, there: str = HELD, passed_on: str = HELD) -> Path:
        place = self.mount / path
        place.mkdir(parents=True, exist_ok=True)
        (place / "cgroup.controllers").write_text(there)
        (place / "cgroup.subtree_control").write_text(passed_on)
        return place

    def find(self, *, make: bool = True) -> Found:
        return find_groups("home", mount=self.mount, own=self.own, make=make)


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_groups_are_made_in_the_nearest_place_whose_groups_are_held(system: System) -> None:
    system.group()
    system.group("user")
    system.group("user/app", passed_on="")
    system.group("user/iterm-mcp")
    found = system.find()

    assert found.groups is not None
    assert found.groups.base == system.mount / "user/iterm-mcp/home"
    assert found.groups.controllers == CONTROLLERS
    assert found.reason.startswith("the system holds memory, cpu, pids in ")


def test_only_what_is_held_in_both_folders_counts(system: System) -> None:
    system.group("", there="memory pids", passed_on="memory pids")
    system.group("iterm-mcp", there="memory", passed_on="memory")
    found = system.find()

    assert found.groups is not None
    assert found.groups.controllers == ("memory",)


def test_where_groups_could_be_made_is_told_without_making_any(system: System) -> None:
    system.group()
    app = system.group("user/app", passed_on="memory")
    (app / "cgroup.type").write_text("domain")
    (app / "cgroup.procs").write_text("77\n")
    found = system.find(make=False)

    assert found.groups is not None
    assert found.groups.controllers == ("memory",)
    (app / "cgroup.procs").write_text("")
    free = system.find(make=False)
    assert free.groups is not None
    assert free.groups.controllers == CONTROLLERS
    assert not (app / "iterm-mcp").exists()


@pytest.mark.parametrize(
    ("there", "own", "reason"),
    [
        (None, "0::/", "this system has no control groups of version 2 at their usual place"),
        ("", "0::/", "hold none of memory, cpu, pids"),
        (HELD, "5:memory:/x", "nobody knows in which control group this process is"),
    ],
    ids=["version-1", "no-controllers", "nowhere"],
)
def test_why_there_are_none_is_said(
    system: System, there: str | None, own: str, reason: str
) -> None:
    if there is not None:
        system.group("", there=there, passed_on="")
    system.own.write_text(own)
    found = system.find()

    assert found.groups is None
    assert reason in found.reason


def test_where_a_folder_cannot_be_made_the_place_above_is_tried(system: System) -> None:
    system.group()
    system.group("iterm-mcp")
    system.group("user/app")
    (system.mount / "user/app/iterm-mcp").write_text("in the way")
    found = system.find()

    assert found.groups is not None
    assert found.groups.base == system.mount / "iterm-mcp/home"


def test_a_place_that_cannot_be_used_at_all_is_told(system: System) -> None:
    system.group("user/app")
    (system.mount / "user/app/iterm-mcp").write_text("in the way")
    (system.mount / "cgroup.controllers").write_text("")
    (system.mount / "cgroup.subtree_control").mkdir()

    assert "cannot be made" in system.find().reason


def make(folder: Path, limits: ResourceLimits = LIMITS) -> dict[str, str]:
    group = Groups(folder, CONTROLLERS).make("ada", limits)
    return {one.name: one.read_text() for one in group.path.iterdir()}


def test_a_group_has_the_limits_of_its_tree(tmp_path: Path) -> None:
    assert make(tmp_path) == {
        "memory.max": "2000000000",
        "pids.max": "50",
        "cpu.max": "150000 100000",
    }


@pytest.mark.parametrize(
    ("over", "held"),
    [
        (OverLimit.WARN, {"memory.max": "max", "pids.max": "max", "cpu.max": "max 100000"}),
        (OverLimit.PAUSE, {"memory.max": "max", "pids.max": "50", "cpu.max": "150000 100000"}),
    ],
    ids=["warn", "pause"],
)
def test_nobody_is_ended_by_the_system_who_is_to_be_warned_or_paused(
    tmp_path: Path, over: OverLimit, held: dict[str, str]
) -> None:
    limits = ResourceLimits(LIMITS.memory_bytes, 1.5, None, 50, over)

    assert make(tmp_path, limits) == held


def test_only_controllers_that_are_there_are_written_to(tmp_path: Path) -> None:
    group = Groups(tmp_path, ()).make("ada", LIMITS)

    assert list(group.path.iterdir()) == []


def test_names_are_made_fit_and_stay_unlike_each_other(tmp_path: Path) -> None:
    groups = Groups(tmp_path, ())
    paths = [groups.make(key, LIMITS).path for key in ("a/../b", "a____b", "t-1~2", "memory.max")]

    assert len(set(paths)) == 4
    assert all(path.parent == tmp_path and "." not in path.name for path in paths)
    assert paths[2].name == "t-1~2"
    assert groups.find("t-1~2") is not None
    assert groups.find("t-1~3") is None


def test_a_group_says_what_the_system_did_in_it(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text("4096\n")
    (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    (tmp_path / "pids.events").write_text("max 7\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 5\nthrottled_usec 1500000\n")
    (tmp_path / "cgroup.procs").write_text("10\n11\n")
    group = Group(tmp_path)
    reading = group.read()

    assert (reading.memory_bytes, reading.memory_ended) == (4096, 2)
    assert (reading.refused_forks, reading.slowed_seconds) == (7, 1.5)
    assert group.pids() == {10, 11}


def test_of_a_group_that_is_gone_nothing_is_said(tmp_path: Path) -> None:
    group = Group(tmp_path / "gone")
    reading = group.read()

    assert reading.memory_bytes is None
    assert reading.memory_ended == 0
    assert group.pids() == frozenset()
    group.kill()
    assert group.remove()


def test_processes_are_put_in_one_by_one(tmp_path: Path) -> None:
    group = Group(tmp_path)

    assert group.put([10, 11]) == 2
    assert (tmp_path / "cgroup.procs").read_text() == "11"
    group.kill()
    assert (tmp_path / "cgroup.kill").read_text() == "1"


def test_groups_in_which_nobody_is_are_removed_but_for_those_of_trees(tmp_path: Path) -> None:
    base = tmp_path / "home"
    base.mkdir()
    groups = Groups(base, ())
    for key in ("ada", "bob", "eve"):
        groups.make(key, LIMITS)
    (base / "eve" / "somebody").write_text("")

    assert groups.sweep(["ada"]) == 1
    assert {one.name for one in base.iterdir()} == {"ada", "eve"}
    groups.close()
    assert {one.name for one in base.iterdir()} == {"eve"}
    (base / "eve" / "somebody").unlink()
    groups.close()
    assert not base.exists()
    assert groups.sweep([]) == 0
