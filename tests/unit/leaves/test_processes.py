"""Locks between two openings of one file: what needs a second process stands elsewhere."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from iterm_mcp.processes import (
    AlreadyRunningError,
    InstanceLock,
    last_words,
    lock_holder,
    log_size,
    start_once,
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "lock")


def test_nobody_holds_a_lock_that_was_never_made(path: str) -> None:
    assert lock_holder(path) is None
    assert not Path(path).exists()


def test_the_holder_is_known_until_it_lets_go(path: str) -> None:
    with InstanceLock(path).acquire() as lock:
        assert lock_holder(path) == os.getpid()
        lock.release()
        assert lock_holder(path) is None
    assert Path(path).read_bytes().strip() == b""
    assert Path(path).stat().st_mode & 0o777 == 0o600


def test_the_second_is_told_who_is_first(path: str) -> None:
    with InstanceLock(path).acquire(), pytest.raises(AlreadyRunningError) as caught:
        InstanceLock(path).acquire()
    assert caught.value.pid == os.getpid()
    assert path in str(caught.value)


def test_trying_takes_a_free_lock_and_leaves_a_held_one(path: str) -> None:
    first, second = InstanceLock(path), InstanceLock(path)
    assert first.try_acquire()
    assert not second.try_acquire()
    second.release()  # it holds nothing, so nothing is given back
    assert lock_holder(path) == os.getpid()
    first.release()
    assert second.try_acquire()
    second.release()


def test_a_waiter_takes_a_free_lock_at_once(path: str) -> None:
    with InstanceLock(path).acquire(wait=True):
        assert lock_holder(path) == os.getpid()


@pytest.mark.parametrize(
    ("written", "pid"), [(b"", 0), (b"not a number\n", 0), (b"41\n", 41), (b" 7 ", 7)]
)
def test_a_holder_that_has_not_written_its_id_yet_is_process_zero(
    path: str, written: bytes, pid: int
) -> None:
    Path(path).write_bytes(written)
    with Path(path).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert lock_holder(path) == pid


def test_a_longer_id_that_an_earlier_holder_left_is_not_mixed_up_with_ours(path: str) -> None:
    Path(path).write_bytes(b"99999999999\n")
    with InstanceLock(path).acquire():
        assert Path(path).read_text().split() == [str(os.getpid())]


def test_a_lock_in_no_folder_cannot_be_taken_nor_looked_at(tmp_path: Path) -> None:
    path = str(tmp_path / "missing" / "lock")
    with pytest.raises(FileNotFoundError):
        InstanceLock(path).try_acquire()
    assert lock_holder(path) is None


def test_what_answers_already_is_not_started(path: str) -> None:
    found = start_once(
        lambda: "it",
        lock=path,
        spawn_lock=f"{path}.spawn",
        arguments=["daemon", "run"],
        log=f"{path}.log",
        within_seconds=1,
    )
    assert found == "it"
    assert not Path(f"{path}.log").exists()
    assert lock_holder(f"{path}.spawn") is None


def test_what_has_no_time_is_not_asked_for(path: str) -> None:
    found = start_once(
        lambda: "it",
        lock=path,
        spawn_lock=f"{path}.spawn",
        arguments=["daemon", "run"],
        log=f"{path}.log",
        within_seconds=0,
    )
    assert found is None


@pytest.mark.parametrize(
    ("added", "words"),
    [
        ("", ""),
        ('{"event": "host_up"}\n', ""),
        ('{"event": "x"}\nit cannot be\n\n', "it cannot be"),
        ("Traceback (most recent call last):\n  in f\nKeyError: 1\n", ""),
    ],
)
def test_the_last_words_of_a_program_are_what_it_said_plainly(
    tmp_path: Path, added: str, words: str
) -> None:
    log = str(tmp_path / "log")
    assert (log_size(log), last_words(log, 0)) == (0, "")
    Path(log).write_text("said by an earlier one\n")
    before = log_size(log)
    with Path(log).open("a") as file:
        file.write(added)
    assert last_words(log, before) == words
