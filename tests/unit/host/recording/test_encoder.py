"""From what happens to lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.host.recording.asciicast import Event, read_event
from iterm_mcp.host.recording.encoder import MAX_PIECE_BYTES, TOGETHER_MS, Encoder, Happening

if TYPE_CHECKING:
    from collections.abc import Iterable

FAR = TOGETHER_MS + 1


def events(lines: Iterable[bytes], at: int = 0) -> list[Event]:
    """Read lines back."""
    found = []
    for line in b"".join(lines).splitlines(keepends=True):
        event = read_event(line, at)
        assert event is not None
        at = event.at
        found.append(event)
    return found


def test_pieces_close_together_are_one_event_and_others_are_not() -> None:
    encoder = Encoder()
    pieces = [(0, b"a"), (TOGETHER_MS, b"b"), (FAR, b"c"), (5 * FAR, b"d")]

    lines = encoder.encode(Happening(at, "o", data) for at, data in pieces)

    assert events(lines) == [Event(0, "o", "ab"), Event(FAR, "o", "c"), Event(5 * FAR, "o", "d")]


def test_what_is_no_output_stands_between_what_was_shown_before_and_after() -> None:
    happened = [
        Happening(0, "o", b"a"),
        Happening(0, "r", "90x30"),
        Happening(1, "o", b"b"),
        Happening(1, "i", b"x"),
        Happening(1, "o", b"c"),
        Happening(2, "o", "drawn"),
        Happening(3, "x", "0"),
    ]

    assert events(Encoder().encode(happened)) == [
        Event(one.at, one.code, one.data if isinstance(one.data, str) else one.data.decode())
        for one in happened
    ]


def test_an_event_does_not_grow_without_end() -> None:
    piece = b"x" * (MAX_PIECE_BYTES // 2)

    found = events(Encoder().encode([Happening(0, "o", piece)] * 5))

    assert [len(event.data) for event in found] == [len(piece) * n for n in (2, 2, 1)]


@pytest.mark.parametrize("code", ["o", "i"])
def test_a_character_cut_in_two_by_a_read_comes_whole(code: str) -> None:
    encoder = Encoder()
    snow = "☃".encode()

    first = list(encoder.encode([Happening(0, code, b"a" + snow[:1])]))
    second = list(encoder.encode([Happening(FAR, code, snow[1:] + b"b")]))

    assert events(first + second) == [Event(0, code, "a"), Event(FAR, code, "☃b")]


def test_output_and_input_are_not_mixed_up() -> None:
    snow = "☃".encode()
    happened = [(b"", "o"), (snow[:2], "o"), (snow[:1], "i"), (snow[2:], "o"), (snow[1:], "i")]

    found = events(Encoder().encode(Happening(0, code, data) for data, code in happened))

    assert found == [Event(0, "o", "☃"), Event(0, "i", "☃")]


def test_half_a_character_at_the_end_is_shown_as_unreadable() -> None:
    encoder = Encoder()
    list(encoder.encode([Happening(40, "o", b"\xe2")]))

    assert events([encoder.finish()]) == [Event(0, "o", "\ufffd")]
    assert encoder.finish() == b""


def test_half_a_character_is_forgotten_with_what_came_after_it() -> None:
    encoder = Encoder()
    list(encoder.encode([Happening(9, "m", ""), Happening(9, "o", b"\xe2")]))
    encoder.forget(since=0)

    assert events(encoder.encode([Happening(0, "o", b"\x98\x83a")])) == [
        Event(0, "o", "\ufffd\ufffda")
    ]
    assert encoder.finish() == b""


def test_times_go_on_from_where_a_part_begins() -> None:
    lines = Encoder(at=1000).encode([Happening(1500, "m", "")])

    assert list(lines) == [b'[0.500, "m", ""]\n']


@given(st.binary(max_size=300), st.lists(st.integers(1, 40)), st.lists(st.integers(0, 30)))
def test_any_bytes_cut_anywhere_read_as_they_would_whole(
    data: bytes, cuts: list[int], waits: list[int]
) -> None:
    encoder = Encoder()
    lines: list[bytes] = []
    at = start = 0
    for length, wait in zip([*cuts, 300], [*waits, 0], strict=False):
        at += wait
        lines += encoder.encode([Happening(at, "o", data[start : start + length])])
        start += length
    lines += encoder.encode([Happening(at, "o", data[start:])])
    lines.append(encoder.finish())

    found = events(lines)

    assert "".join(event.data for event in found) == data.decode(errors="replace")
    assert [event.at for event in found] == sorted(event.at for event in found)
