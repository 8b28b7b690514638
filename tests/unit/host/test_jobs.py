"""What the system tells of processes, and what is said when they are gone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from iterm_mcp.host import jobs

NOBODY = 2**31 - 1
"""No process has this number."""


class Gone(psutil.Process):
    """A process that has ended since it was found."""

    def name(self) -> str:
        raise psutil.NoSuchProcess(self.pid)

    def cmdline(self) -> list[str]:
        raise psutil.NoSuchProcess(self.pid)

    def cwd(self) -> str:
        raise psutil.AccessDenied(self.pid)

    def children(self, recursive: bool = False) -> list[psutil.Process]:  # noqa: ARG002, FBT001, FBT002 - as in psutil
        raise psutil.NoSuchProcess(self.pid)

    def parent(self) -> psutil.Process | None:
        raise psutil.NoSuchProcess(self.pid)


class Parent(psutil.Process):
    """A process with a child that has ended since."""

    def children(self, recursive: bool = False) -> list[psutil.Process]:  # noqa: ARG002, FBT001, FBT002 - as in psutil
        return [Gone()]


def test_the_first_that_is_there_is_found() -> None:
    found = jobs.find(None, NOBODY, os.getpid(), os.getppid())
    assert found is not None
    assert found.pid == os.getpid()
    assert jobs.find(None, NOBODY) is None


def test_a_process_tells_of_itself() -> None:
    mine = psutil.Process()
    assert jobs.name(mine) == mine.name()
    assert jobs.arguments(mine) == mine.cmdline()
    assert Path(jobs.directory(mine)) == Path.cwd()


@pytest.mark.parametrize("has_proc", [True, False])
def test_the_first_that_is_there_tells_its_name_and_directory(
    monkeypatch: pytest.MonkeyPatch, *, has_proc: bool
) -> None:
    monkeypatch.setattr(jobs, "_HAS_PROC", has_proc and sys.platform == "linux")
    mine = psutil.Process()
    assert jobs.name_of(None, NOBODY, mine.pid, 1) == mine.name()
    assert jobs.directory_of(None, NOBODY, mine.pid, 1) == mine.cwd()
    assert (jobs.name_of(None, NOBODY), jobs.directory_of(None, NOBODY)) == ("", "")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux cuts names")
def test_a_long_name_is_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_CUT_BYTES", 1)
    mine = psutil.Process()
    assert jobs.name_of(mine.pid) == mine.name()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says so")
def test_a_directory_that_is_gone_is_told_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "readlink", lambda _: f"{tmp_path}/was (deleted)")
    assert jobs.directory_of(os.getpid()) == f"{tmp_path}/was"
    (tmp_path / "was (deleted)").mkdir()
    assert jobs.directory_of(os.getpid()) == f"{tmp_path}/was (deleted)"


def test_of_nobody_and_of_what_is_gone_nothing_is_told() -> None:
    for one in (None, Gone()):
        assert (jobs.name(one), jobs.arguments(one), jobs.directory(one)) == ("", [], "")
        assert jobs.deepest(one) == ""
    assert jobs.deepest(Parent()) == ""


def test_ancestors_come_from_the_top_and_end_where_nobody_knows_more() -> None:
    mine, parent = psutil.Process(), psutil.Process(os.getppid())
    assert jobs.ancestors(mine, parent.pid) == [parent.name(), mine.name()]
    assert jobs.ancestors(mine, mine.pid) == [mine.name()]
    assert jobs.ancestors(mine, NOBODY)[-2:] == [parent.name(), mine.name()]
    assert jobs.ancestors(Gone(), NOBODY) == [""]
    assert jobs.ancestors(None, NOBODY) == []


def test_a_name_of_any_bytes_can_be_sent() -> None:
    assert jobs.as_text("a\udcffb") == "a?b"
