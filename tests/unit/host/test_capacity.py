"""How many sessions there can be: counted from the limits, and the tightest is named."""

from __future__ import annotations

import os
import resource
import sys
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.host import capacity
from iterm_mcp.host.capacity import Limit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Limited = Callable[[int, int], None]


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Limited:
    """Let one of this process's limits seem to be another."""
    real = resource.getrlimit

    def limit(kind: int, value: int) -> None:
        monkeypatch.setattr(
            resource, "getrlimit", lambda asked: (value, value) if asked == kind else real(asked)
        )

    return limit


def test_each_session_takes_two_files_beside_the_hosts_own(limited: Limited) -> None:
    limited(resource.RLIMIT_NOFILE, 1024)
    found = capacity.file_limit()
    assert found
    assert (found.what, found.value, found.sessions) == ("open files", 1024, 480)
    assert "ulimit -n" in found.remedy


def test_fewer_files_than_the_host_itself_needs_leave_no_session(limited: Limited) -> None:
    limited(resource.RLIMIT_NOFILE, 10)
    found = capacity.file_limit()
    assert found
    assert found.sessions == 0


def test_what_is_unlimited_limits_nothing(limited: Limited) -> None:
    limited(resource.RLIMIT_NOFILE, resource.RLIM_INFINITY)
    assert capacity.file_limit() is None
    limited(resource.RLIMIT_NPROC, resource.RLIM_INFINITY)
    assert capacity.process_limit() is None


def test_processes_that_run_already_count(
    limited: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    limited(resource.RLIMIT_NPROC, 5000)
    found = capacity.process_limit()
    assert found
    assert (found.what, found.value) == ("processes", 5000)
    assert found.sessions < 5000
    assert "ulimit -u" in found.remedy


def test_nothing_limits_roots_processes(limited: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    limited(resource.RLIMIT_NPROC, 5)
    assert capacity.process_limit() is None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked otherwise")
def test_terminals_in_use_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "_PTYS", tmp_path)
    assert capacity.pty_limit() is None
    (tmp_path / "max").write_text("64\n")
    (tmp_path / "nr").write_text("60\n")
    found = capacity.pty_limit()
    assert found
    assert (found.what, found.value, found.sessions) == ("pseudo-terminals", 64, 4)
    assert found.remedy == f"raise it with `sudo sysctl kernel.pty.max={60 + capacity.ENOUGH}`"


def test_the_tightest_limit_is_the_one_that_is_said() -> None:
    files, ptys = Limit("open files", 1024, 480, "x"), Limit("pseudo-terminals", 64, 4, "y")
    assert capacity.tightest([files, ptys]) is ptys
    assert str(ptys) == "4 sessions at most: the limit of pseudo-terminals is 64"
    assert capacity.tightest([]) is None


@pytest.mark.skipif(sys.platform == "darwin", reason="there it starts a process")
def test_this_machines_limits_are_found() -> None:
    assert all(one.sessions >= 0 and one.value > 0 for one in capacity.limits())
