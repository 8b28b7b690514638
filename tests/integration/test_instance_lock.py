"""The lock that says who runs, while others look at it."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest
from tests.waiting import eventually

from iterm_mcp.processes import AlreadyRunningError, InstanceLock, lock_holder

if TYPE_CHECKING:
    from pathlib import Path


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
