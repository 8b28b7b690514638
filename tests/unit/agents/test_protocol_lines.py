"""Bytes cut into lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.line_buffer import LineBuffer


def fed(buffer: LineBuffer, *pieces: bytes) -> list[bytes]:
    return [line for piece in pieces for line in buffer.feed(piece)]


@given(st.lists(st.binary(max_size=20)), st.binary(max_size=5))
def test_any_cutting_gives_the_same_lines(pieces: list[bytes], rest: bytes) -> None:
    whole = b"".join(pieces) + b"\n" + rest.replace(b"\n", b"")

    assert (
        fed(LineBuffer(1000), *pieces, b"\n", rest.replace(b"\n", b"")) == (whole.split(b"\n")[:-1])
    )


def test_a_line_that_is_too_long_is_left_out_and_the_next_is_not() -> None:
    buffer = LineBuffer(4)

    assert fed(buffer, b"abc", b"def", b"ghi", b"jk\nok\n") == [b"ok"]
    assert fed(buffer, b"toolong\nfine\n") == [b"fine"]
    assert fed(buffer, b"four\n") == [b"four"]


def test_how_many_lines_were_left_out_is_known_and_what_is_left_can_be_had() -> None:
    buffer = LineBuffer(4)

    assert fed(buffer, b"abcdefgh", b"ijkl", b"m\ntoolong\nhalf") == []
    assert buffer.left_out == 2
    assert (buffer.rest(), buffer.rest()) == (b"half", b"")
    assert fed(buffer, b"new\n") == [b"new"]
