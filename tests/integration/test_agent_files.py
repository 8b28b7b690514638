"""Files of agents, followed while they are written."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.waiting import eventually

from iterm_mcp.agents.files import (
    CONTENT_BYTES,
    LINE_BYTES,
    PIECE_BYTES,
    GrowingFile,
    ReplacedFile,
    open_files,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.jsonl"


def test_lines_are_told_once_and_a_torn_one_when_it_is_whole(path: Path) -> None:
    file = GrowingFile(path)
    append(path, b"one\ntw")
    first = file.read()
    append(path, b"o\n\nthree")

    assert (first, file.read(), file.read()) == ([b"one"], [b"two", b""], [])


def test_a_missing_file_has_no_lines_until_it_is_there(path: Path) -> None:
    file = GrowingFile(path)
    before = file.read()
    append(path, b"one\n")

    assert (before, file.read()) == ([], [b"one"])


def test_a_file_that_was_replaced_or_cut_is_read_from_its_beginning(path: Path) -> None:
    file = GrowingFile(path, tail_bytes=100)
    append(path, b"one\ntwo\n")
    file.read()

    path.write_bytes(b"three\n")  # shorter
    cut = file.read()
    other = path.with_suffix(".new")
    other.write_bytes(b"four\nfive\nsix\n")
    other.replace(path)

    assert (cut, file.read()) == ([b"three"], [b"four", b"five", b"six"])


def test_only_whole_lines_of_a_long_file_s_end_are_told(path: Path) -> None:
    append(path, b"a long first line\nsecond\nthird\n")

    assert GrowingFile(path, tail_bytes=16).read() == [b"second", b"third"]


def test_a_long_line_is_read_and_one_without_measure_left_out(path: Path) -> None:
    long = b"x" * (PIECE_BYTES + 10)
    file = GrowingFile(path)
    append(path, long + b"\n")
    first = file.read()
    append(path, b"y" * (PIECE_BYTES + LINE_BYTES + 5))
    endless = file.read()
    append(path, b"end of it\nnext\n")

    assert (first == [long], endless, file.read()) == (True, [], [b"next"])


def test_more_than_a_piece_is_told_piece_by_piece(path: Path) -> None:
    lines = [b"%07d" % number for number in range(PIECE_BYTES // 4)]
    append(path, b"\n".join(lines) + b"\n")
    file = GrowingFile(path)

    told: list[bytes] = []
    reads = 0
    while added := file.read():
        told += added
        reads += 1

    assert told == lines
    assert reads > 1


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    whole = ReplacedFile(tmp_path)

    assert GrowingFile(tmp_path).read() == []
    assert (whole.changed(), whole.read()) == (True, None)


def test_a_file_that_is_too_large_is_taken_for_missing(path: Path) -> None:
    path.write_bytes(b"x" * (CONTENT_BYTES + 1))

    assert ReplacedFile(path).read() is None


@asynccontextmanager
async def contents(path: Path) -> AsyncIterator[list[bytes | None]]:
    told: list[bytes | None] = []
    async with open_files(0.01) as files:
        files.follow_content(path, told.append)
        yield told


async def test_a_small_file_is_told_whenever_it_is_another(path: Path) -> None:
    async with contents(path) as told:
        await eventually(lambda: told == [None])
        append(path, b"{}")
        await eventually(lambda: told[-1] == b"{}")
        await anyio.Path(path).unlink()
        await eventually(lambda: told[-1] is None)

    assert told == [None, b"{}", None]


async def test_many_files_are_followed_and_those_that_are_closed_no_more(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}" for number in range(50)]
    told: dict[str, list[bytes]] = {}
    async with open_files(0.01) as files:
        following = []
        for path in paths:
            lines = told[path.name] = []
            following.append(files.follow_lines(path, lines.extend))
        for path in paths:
            append(path, b"1\n")
        await eventually(lambda: all(told.values()))
        following[0].close()
        for path in paths:
            append(path, b"2\n")
        await eventually(lambda: all(len(lines) == 2 for lines in list(told.values())[1:]))

    assert told["0"] == [b"1"]


async def test_what_was_followed_and_closed_costs_nothing(path: Path) -> None:
    told: list[bytes] = []
    async with open_files(0.01) as files:
        files.follow_lines(path, told.extend).close()
        await eventually(lambda: files.count == 0)
        files.follow_lines(path, told.extend)
        append(path, b"again\n")
        await eventually(lambda: told == [b"again"])


def test_a_file_that_may_not_be_read_is_missing(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everywhere")
    path.write_bytes(b"secret\n")
    path.chmod(0)

    assert GrowingFile(path).read() == []


async def test_who_wants_to_know_now_waits_for_no_poll(path: Path) -> None:
    told: list[list[bytes]] = []
    async with open_files(poll_seconds=60) as files:
        await files.caught_up()  # nothing is followed, so nothing is waited for
        following = files.follow_lines(path, told.append)
        await files.caught_up()
        append(path, b"one\n")

        with anyio.fail_after(10):
            await files.caught_up()
        following.close()

    assert told == [[b"one"]]
