"""What is written to disk, in parts, and what happens when it cannot be."""

from __future__ import annotations

import resource
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.unit.host.screens import opened

from iterm_mcp.host.recording.asciicast import ENDED, CastError, Event, Header
from iterm_mcp.host.recording.cast_file import CastFile, Redraw
from iterm_mcp.host.recording.encoder import Happening
from iterm_mcp.host.recording.folder import find_recordings
from iterm_mcp.host.recording.reader import ending, read_cast, read_size
from iterm_mcp.host.recording.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "20260304-050607-089-S1"
HEADER = Header(20, 4, "xterm", 1_000_000)


def cast_file(folder: Path, *, part_bytes: int = 1 << 20, keep: int = 4) -> CastFile:
    return CastFile(folder, NAME, HEADER, part_bytes, keep)


def screen_of(text: bytes, columns: int = 20, rows: int = 4) -> Screen:
    with opened(columns, rows) as engine:
        engine.feed(text)
        return Screen.of(engine)


def read(folder: Path) -> tuple[Header, list[Event]]:
    (found,) = find_recordings(folder)
    cast = read_cast(found.parts)
    return cast.header, list(cast.events)


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let no file become longer, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_happens_stands_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    file = cast_file(tmp_path)
    happened = [Happening(5, "o", b"a"), Happening(9, "r", "30x5"), Happening(12, "x", "0")]
    file.write(happened)
    assert find_recordings(tmp_path)[0].is_live()
    file.close()

    assert read(tmp_path) == (
        HEADER,
        [Event(5, "o", "a"), Event(9, "r", "30x5"), Event(12, "x", "0")],
    )
    assert file.path == tmp_path / f"{NAME}.cast"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert not find_recordings(tmp_path)[0].is_live()
    assert ending(file.path) == "0"


def test_a_recording_that_is_ended_before_its_program_says_so(tmp_path: Path) -> None:
    file = cast_file(tmp_path)
    file.write([Happening(5, "o", b"a")])
    assert ending(file.path) is None
    file.close()
    assert ending(file.path) == ""
    assert read(tmp_path) == (HEADER, [Event(5, "o", "a")])


def test_a_recording_of_nothing_is_one_too(tmp_path: Path) -> None:
    file = cast_file(tmp_path)
    file.write([])
    file.write([])
    file.close()
    assert read(tmp_path) == (HEADER, [])
    assert file.path.read_bytes() == HEADER.line() + ENDED


def test_half_a_character_at_the_end_is_written_as_unreadable(tmp_path: Path) -> None:
    file = cast_file(tmp_path)
    file.write([Happening(5, "o", b"\xe2")])
    file.close()
    assert read(tmp_path)[1] == [Event(0, "o", "\ufffd")]


def test_a_long_recording_goes_on_in_another_part_that_plays_alone(tmp_path: Path) -> None:
    file = cast_file(tmp_path, part_bytes=300)
    file.write([Happening(1000, "o", b"x" * 300)])
    assert file.wants == "part"
    file.write([Happening(61_000, "o", b"y"), Redraw(62_000, screen_of(b"hello"), new_part=True)])
    file.write([Happening(62_000, "o", b"z")])
    file.close()

    (found,) = find_recordings(tmp_path)
    second = read_cast(found.parts[1:])
    drawn, after = second.events
    assert second.header == Header(20, 4, "xterm", 1_000_061)
    assert (drawn.at, after) == (1000, Event(1000, "o", "z"))
    with opened() as engine:
        engine.feed(drawn.data.encode())
        assert (engine.screen()[0], engine.cursor) == ("hello", (5, 0))


def test_parts_are_read_as_one_without_the_screens_that_they_begin_with(tmp_path: Path) -> None:
    file = cast_file(tmp_path)
    file.write([Happening(10, "o", b"a\xe2\x98")])
    file.write([Redraw(20, screen_of(b"a"), new_part=True), Happening(30, "o", b"\x83")])
    file.write([Redraw(40, screen_of(b"", 30, 5), new_part=True), Happening(40, "o", b"b")])
    file.close()

    assert read(tmp_path)[1] == [
        Event(10, "o", "a"),
        Event(30, "o", "☃"),
        Event(30, "r", "30x5"),
        Event(40, "o", "b"),
    ]


def test_only_the_latest_parts_are_kept(tmp_path: Path) -> None:
    file = cast_file(tmp_path, keep=2)
    for number in range(5):
        file.write([Happening(number, "o", b"%d" % number)])
        file.write([Redraw(number, screen_of(b"now %d" % number), new_part=True)])
    file.close()

    (found,) = find_recordings(tmp_path)
    assert [path.name for path in found.parts] == [f"{NAME}.5.cast", f"{NAME}.6.cast"]
    _, events = read(tmp_path)
    assert "now 3" in events[0].data
    assert [event.data for event in events[1:]] == ["4"]


def test_what_a_full_disk_does_not_take_is_said_when_it_does_again(tmp_path: Path) -> None:
    file = cast_file(tmp_path)
    file.write([Happening(1000, "o", b"before")])
    length = file.path.stat().st_size
    with files_end_at(length + 10):
        file.write([Happening(2000, "o", b"lost"), Happening(2000, "m", "too")])
        file.write([Happening(3000, "o", b"lost\xe2")])
        assert file.path.stat().st_size == length
        assert (file.lost, file.problem, file.wants) == (9, "File too large", "screen")
    redraw = Redraw(4000, screen_of(b"after"))
    file.write([Happening(4000, "o", b"\x98"), redraw])
    file.close()

    assert (file.lost, file.problem) == (0, "")
    assert read(tmp_path)[1] == [
        Event(1000, "o", "before"),
        Event(4000, "m", "9 bytes of output are missing: File too large"),
        Event(4000, "o", "\ufffd"),
        Event(4000, "r", "20x4"),
        Event(4000, "o", redraw.screen.draw()),
    ]


def test_a_folder_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    file = cast_file(folder)
    file.write([Happening(1000, "o", b"lost")])
    file.close()
    assert file.problem == "No such file or directory"
    folder.mkdir()
    file.write([Happening(2000, "o", b"kept")])
    file.close()

    assert read(folder)[1] == [
        Event(2000, "m", "4 bytes of output are missing: No such file or directory"),
        Event(2000, "o", "kept"),
    ]


def test_a_disk_too_full_for_a_header_is_left_without_a_file(tmp_path: Path) -> None:
    file = cast_file(tmp_path)
    with files_end_at(3):
        file.write([Happening(1000, "o", b"lost")])
    assert (file.lost, find_recordings(tmp_path)) == (4, [])


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    file = cast_file(tmp_path)
    file.write([Happening(5, "o", b"a"), Happening(6, "x", "0")])
    file.close()
    whole = read(tmp_path)
    with file.path.open("ab") as out:
        out.write(b'[0.1, "o", "b"]')

    assert read(tmp_path) == whole
    assert ending(file.path) is None


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (b'[1, "x", "7"]\n', "7"),
        (b'[1, "x", "7"]\n# end\n', "7"),
        (b'[1, "x", "7"]\n# ended\n', "7"),
        (b'[1, "o", "7"]\n', None),
        (b'[1, "o", "7"]\n# ended\n', ""),
        (b'[1, "o", "7"]\n# ended\n[1, "o"', None),
    ],
)
def test_the_last_event_says_how_it_ended(tmp_path: Path, last: bytes, status: str) -> None:
    path = tmp_path / "one.cast"
    path.write_bytes(HEADER.line() + b'[1, "m", ""]\n' * 1000 + last)
    assert ending(path) == status
    path.write_bytes(b"")
    assert ending(path) is None


def test_what_is_no_recording_is_named(tmp_path: Path) -> None:
    path = tmp_path / "one.cast"
    path.write_bytes(b"no\n")
    with pytest.raises(CastError, match=r"one\.cast"):
        read_cast([path])


@pytest.mark.parametrize("data", ["", "80", "0x24", "80x", "axb", "80x24x1"])
def test_a_resize_that_names_no_size_is_none(data: str) -> None:
    assert read_size(data) is None


@pytest.mark.parametrize(
    "shown",
    [
        b"",
        b"plain",
        "\x1b[1;31mred\x1b[0m 漢字 \x1b[4mline\x1b[0m\r\n\r\n  x".encode(),
        b"\x1b[?1049h\x1b[44mmenu\x1b[K\x1b[4;20H!",
        b"12345678901234567890\r\n12345678901234567890",
        b"1\r\n2\r\n3\r\n4\r\n5\r\n6\x1b[2;3H\x1b[?25l",
    ],
)
def test_a_screen_drawn_again_looks_the_same(shown: bytes) -> None:
    with opened() as before, opened() as after:
        before.feed(shown)
        after.feed(b"rubbish\x1b[2;3r\x1b[?6h\x1b[?25l")
        after.feed(Screen.of(before).draw().encode())

        assert Screen.of(after).draw() == Screen.of(before).draw()
        seen, expected = (
            [text.replace("\0", " ").rstrip() for text in engine.screen()]
            for engine in (after, before)
        )
        assert seen == expected
