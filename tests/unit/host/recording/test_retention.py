"""What is kept of recordings, what goes, and what a crash left."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.host.recording.folder import find_recordings, name_for, part_path, try_lock
from iterm_mcp.host.recording.retention import DAY_SECONDS, Limits, prune, repair

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_800_000_000.0
HEADER = b'{"version": 3, "term": {"cols": 80, "rows": 24}}\n'


def put(folder: Path, day: int, *, parts: int = 1, size: int = 100) -> str:
    """Leave a recording that ended so many days ago."""
    name = name_for(f"S{day}", datetime.fromtimestamp(NOW - day * DAY_SECONDS, UTC))
    for number in range(1, parts + 1):
        path = part_path(folder, name, number)
        path.write_bytes(b"x" * (size - 1) + b"\n")
        os.utime(path, (NOW, NOW - day * DAY_SECONDS))
    return name


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a part as its writer does."""
    with path.open("rb") as file:
        assert try_lock(file.fileno())
        yield


def names(folder: Path) -> list[str]:
    return [one.name for one in find_recordings(folder)]


def test_a_name_tells_date_and_session_and_sorts_by_age() -> None:
    began = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)
    assert name_for("AB-C", began) == "20260304-050607-089-AB-C"


def test_recordings_are_found_with_their_parts_in_order(tmp_path: Path) -> None:
    older = put(tmp_path, 2, parts=11)
    newer = put(tmp_path, 1)
    (tmp_path / "notes.cast").write_text("not ours")

    first, second = find_recordings(tmp_path)

    assert (first.name, second.name) == (older, newer)
    assert (first.session_id, first.size, first.written_at) == ("S2", 1100, NOW - 2 * DAY_SECONDS)
    assert first.parts == tuple(part_path(tmp_path, older, number) for number in range(1, 12))
    assert find_recordings(tmp_path / "none") == []


def test_what_is_too_old_goes_with_all_its_parts(tmp_path: Path) -> None:
    put(tmp_path, 31, parts=3)
    kept = put(tmp_path, 29)

    removed = prune(tmp_path, Limits(), NOW)

    assert [one.session_id for one in removed] == ["S31"]
    assert names(tmp_path) == [kept]


def test_the_oldest_go_until_the_rest_is_small_enough(tmp_path: Path) -> None:
    put(tmp_path, 4)
    put(tmp_path, 3)
    kept = [put(tmp_path, 2), put(tmp_path, 1)]

    prune(tmp_path, Limits(total_bytes=200), NOW)

    assert names(tmp_path) == kept


def test_what_is_being_written_stays_and_counts(tmp_path: Path) -> None:
    live = put(tmp_path, 40, parts=2)
    put(tmp_path, 1)
    with locked(part_path(tmp_path, live, 2)):
        assert find_recordings(tmp_path)[0].is_live()
        prune(tmp_path, Limits(total_bytes=200), NOW)
        assert names(tmp_path) == [live]

    prune(tmp_path, Limits(), NOW)
    assert names(tmp_path) == []


def test_what_cannot_be_removed_stays(tmp_path: Path) -> None:
    name = put(tmp_path, 40, parts=2)
    path = part_path(tmp_path, name, 1)
    path.unlink()
    path.mkdir()
    os.utime(path, (NOW, NOW - 40 * DAY_SECONDS))

    assert prune(tmp_path, Limits(), NOW) == []
    assert names(tmp_path) == [name]


def test_a_recording_that_went_away_is_not_being_written(tmp_path: Path) -> None:
    put(tmp_path, 1)
    (one,) = find_recordings(tmp_path)
    one.parts[0].unlink()

    assert not one.is_live()


@pytest.mark.parametrize("length", [1, 10, (1 << 16) - len(HEADER), 200_000])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, length: int) -> None:
    path = part_path(tmp_path, put(tmp_path, 1), 1)
    path.write_bytes(HEADER + b"x" * length)

    assert repair(tmp_path) == 1
    assert path.read_bytes() == HEADER
    assert repair(tmp_path) == 0


@pytest.mark.parametrize("data", [b"", b'{"version": 3, "te'])
def test_a_file_without_a_whole_line_is_removed(tmp_path: Path, data: bytes) -> None:
    kept = put(tmp_path, 2)
    part_path(tmp_path, put(tmp_path, 1), 1).write_bytes(data)

    assert repair(tmp_path) == 1
    assert names(tmp_path) == [kept]


def test_what_is_being_written_is_not_mended(tmp_path: Path) -> None:
    path = part_path(tmp_path, put(tmp_path, 1), 1)
    path.write_bytes(HEADER + b"[1")
    with locked(path):
        assert repair(tmp_path) == 0
    assert path.read_bytes() == HEADER + b"[1"


def test_what_cannot_be_opened_holds_up_nothing(tmp_path: Path) -> None:
    part_path(tmp_path, name_for("A", datetime.fromtimestamp(NOW, UTC)), 1).mkdir()
    torn = part_path(tmp_path, put(tmp_path, 1), 1)
    torn.write_bytes(HEADER + b"[")

    assert repair(tmp_path) == 1


def test_the_environment_changes_what_is_kept() -> None:
    environ = {
        "ITERM_MCP_RECORDING_SESSION_BYTES": "4000",
        "ITERM_MCP_RECORDING_TOTAL_BYTES": "9000",
        "ITERM_MCP_RECORDING_DAYS": "7",
    }
    limits = Limits.of(environ)
    assert limits == Limits(session_bytes=4000, total_bytes=9000, days=7)
    assert limits.part_bytes == 1000
    assert Limits.of({"ITERM_MCP_RECORDING_DAYS": ""}) == Limits()


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "much"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ITERM_MCP_RECORDING_DAYS is"):
        Limits.of({"ITERM_MCP_RECORDING_DAYS": text})
