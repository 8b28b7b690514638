"""The lock that says who runs, while others look at it."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
from pathlib import Path

import anyio
import psutil
import pytest
from tests.waiting import eventually

from iterm_mcp.processes import AlreadyRunningError, InstanceLock, lock_holder


def times_open(path: str) -> int:
    return [one.path for one in psutil.Process().open_files()].count(path)


async def test_a_look_at_the_lock_does_not_turn_its_taker_away(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    lock = InstanceLock(path)
    looking = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_SH)  # as `lock_holder` does for a moment

    async def take() -> None:
        await anyio.to_thread.run_sync(lock.acquire)

    async with anyio.create_task_group() as group:
        group.start_soon(take)
        await eventually(lambda: times_open(path), lambda count: count == 2)
        os.close(looking)

    assert lock_holder(path) == os.getpid()
    lock.release()


def test_a_lock_that_is_held_turns_others_away_and_names_the_holder(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with InstanceLock(path).acquire():
        with pytest.raises(AlreadyRunningError) as caught:
            InstanceLock(path).acquire()
        assert caught.value.pid == os.getpid()
        assert times_open(path) == 1
    assert lock_holder(path) is None
    assert times_open(path) == 0


def test_a_lock_that_was_held_once_needs_no_room_on_the_disk(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with InstanceLock(path).acquire():
        size = Path(path).stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        for _ in range(2):
            with InstanceLock(path).acquire():
                assert lock_holder(path) == os.getpid()
            assert lock_holder(path) is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert Path(path).stat().st_size == size


def test_a_lock_that_cannot_say_who_holds_it_is_not_held(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            InstanceLock(path).acquire()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert times_open(path) == 0
    with InstanceLock(path).acquire():
        assert lock_holder(path) == os.getpid()
