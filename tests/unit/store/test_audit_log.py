"""The audit log: nothing waits for it, nothing is lost at the end, and a full disk is said."""

from __future__ import annotations

import errno
import json
import operator
import os
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread
from tests.waiting import eventually

from iterm_mcp.store import audit_log
from iterm_mcp.store.audit_chain import BrokenChainError
from iterm_mcp.store.audit_file import AuditFile, audit_lines, verify
from iterm_mcp.store.audit_log import AuditLog, open_audit_log
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 5


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "logs" / "audit.jsonl")


@pytest.fixture
def key(tmp_path: Path) -> str:
    return str(tmp_path / "audit.key")


def records(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in audit_lines(path)]


def append(file: AuditFile, *tools: str) -> None:
    file.append([({"tool": tool}, {"text": "x"}) for tool in tools])


def test_the_files_are_their_owners_alone_and_made_when_they_are_needed(
    path: str, key: str, tmp_path: Path
) -> None:
    file = AuditFile(path, key)
    assert not (tmp_path / "logs").exists()
    append(file, "one")
    file.close()
    assert [stat.S_IMODE(Path(one).stat().st_mode) for one in (path, key)] == [0o600, 0o600]
    file.close()


def test_a_chain_goes_on_over_restarts_and_from_file_to_file(path: str, key: str) -> None:
    for start in range(0, 30, 3):
        file = AuditFile(path, key, max_bytes=800, max_files=100)
        for number in range(start, start + 3):
            append(file, f"tool_{number}")
        file.close()
    assert Path(f"{path}.12").exists()
    assert verify(path)[0] == 30
    assert [one["tool"] for one in records(path)] == [f"tool_{number}" for number in range(30)]


def test_the_oldest_files_go(path: str, key: str, tmp_path: Path) -> None:
    file = AuditFile(path, key, max_bytes=300, max_files=3)
    for number in range(10):
        append(file, f"tool_{number}")
    file.close()
    assert sorted(one.name for one in (tmp_path / "logs").iterdir()) == [
        "audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"
    ]  # fmt: skip
    assert [one["number"] for one in records(path)] == [8, 9, 10]
    assert verify(path)[0] == 3


def test_a_restart_right_after_a_file_was_put_aside_goes_on_with_its_end(
    path: str, key: str
) -> None:
    file = AuditFile(path, key)
    append(file, "one", "two")
    file.close()
    Path(path).rename(f"{path}.1")
    file = AuditFile(path, key)
    append(file, "three")
    file.close()
    assert verify(path)[1].number == 3


def test_what_a_crash_left_of_a_line_is_cut_off(path: str, key: str) -> None:
    file = AuditFile(path, key)
    append(file, "one")
    file.close()
    with Path(path).open("ab") as torn:
        torn.write(b'{"number":2,"to')
    assert len(records(path)) == 1
    file = AuditFile(path, key)
    append(file, "two")
    file.close()
    assert [one["tool"] for one in records(path)] == ["one", "two"]
    assert verify(path)[0] == 2


def test_a_file_that_was_taken_away_is_begun_again_and_the_gap_shows(path: str, key: str) -> None:
    file = AuditFile(path, key, max_bytes=300)
    append(file, "one")
    append(file, "two")
    Path(path).unlink()
    append(file, "three")
    append(file, "four")
    file.close()
    assert [one["tool"] for one in records(path)] == ["one", "three", "four"]


def test_a_head_that_was_noted_must_still_be_there(path: str, key: str) -> None:
    file = AuditFile(path, key)
    append(file, "one")
    noted = verify(path)[1].hash
    append(file, "two")
    newest = verify(path, noted)[1].hash
    file.close()
    lines = list(audit_lines(path))
    Path(path).write_bytes(lines[0])
    assert verify(path)[0] == 1
    with pytest.raises(BrokenChainError, match="no record has the hash"):
        verify(path, newest)


def test_a_chain_that_was_broken_stays_broken_after_a_restart(path: str, key: str) -> None:
    file = AuditFile(path, key)
    append(file, "one", "two")
    file.close()
    Path(path).write_bytes(Path(path).read_bytes().replace(b"two", b"six"))
    file = AuditFile(path, key)
    append(file, "three")
    file.close()
    with pytest.raises(BrokenChainError) as broken:
        verify(path)
    assert broken.value.number == 1


def test_an_empty_key_is_made_anew(path: str, key: str) -> None:
    Path(key).touch()
    file = AuditFile(path, key)
    append(file, "one")
    file.close()
    assert Path(key).stat().st_size == 64


def test_a_batch_is_written_whole_or_not_at_all(
    path: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = AuditFile(path, key)
    append(file, "one")
    write = os.write

    def fill_up(fd: int, data: memoryview) -> int:
        if len(data) < 200:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[: len(data) - 100])

    monkeypatch.setattr(os, "write", fill_up)
    with pytest.raises(OSError, match="No space"):
        append(file, "two", "three")
    monkeypatch.undo()
    append(file, "four")
    file.close()
    assert [one["tool"] for one in records(path)] == ["one", "four"]
    assert verify(path)[0] == 2


async def test_all_that_was_recorded_is_there_when_it_closes(path: str, key: str) -> None:
    async with open_audit_log(path, key, FakeClock()) as audit:
        for number in range(500):
            audit.record({"tool": f"tool_{number}"}, {"text": "swordfish"})
    found = await to_thread.run_sync(records, path)
    assert [one["tool"] for one in found] == [f"tool_{number}" for number in range(500)]
    assert found[0]["at"].endswith("+00:00")
    assert "swordfish" not in "".join(map(str, found))
    assert (await to_thread.run_sync(verify, path))[0] == 500


async def test_what_comes_is_written_soon(path: str, key: str) -> None:
    async def written() -> list[str]:
        return [one["tool"] for one in await to_thread.run_sync(records, path)]

    async with open_audit_log(path, key, FakeClock()) as audit:
        for number in range(3):
            audit.record({"tool": f"tool_{number}"}, {})
            tools = [f"tool_{one}" for one in range(number + 1)]
            await eventually(written, partial(operator.eq, tools))


class FullDisk:
    """A sink that takes nothing while it is full."""

    def __init__(self) -> None:
        self.full = True
        self.tries = 0
        self.taken: list[Mapping[str, object]] = []

    def append(self, entries: list[Any]) -> None:
        self.tries += 1
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.taken += [record for record, _ in entries]


async def test_a_full_disk_is_said_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "MAX_WAITING", 3)
    disk = FullDisk()
    audit = AuditLog(disk, FakeClock(), retry_seconds=0.001)
    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:
            group.start_soon(audit.run)
            for number in range(5):
                audit.record({"tool": number}, {})
            await eventually(lambda: disk.tries >= 3)
            assert audit.problem is not None
            assert "No space" in audit.problem
            await eventually(lambda: audit.lost() == 5)  # none is on its way to the disk
            disk.full = False
            await eventually(lambda: audit.problem is None)
            group.cancel_scope.cancel()
    assert [one.get("tool", one.get("missed")) for one in disk.taken] == [0, 1, 2, 2]
    assert audit.lost() == 0


async def test_a_log_that_cannot_be_made_is_a_problem_and_stops_nobody(
    tmp_path: Path, key: str
) -> None:
    (tmp_path / "logs").write_text("in the way")
    async with open_audit_log(str(tmp_path / "logs" / "audit.jsonl"), key, FakeClock()) as audit:
        audit.record({"tool": "look"}, {})
        await eventually(lambda: audit.problem is not None)
        assert audit.lost() == 1
