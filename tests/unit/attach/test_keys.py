"""Keys for the shell and commands after the prefix, in whatever pieces they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.attach.keys import PASTE_END, PASTE_START, Command, KeyReader, Typed, parse_prefix

PREFIX = b"\x1d"


def _read(*pieces: bytes) -> list[Typed | Command]:
    """Return what is meant; neighbouring typed pieces are one."""
    reader = KeyReader(PREFIX)
    found: list[Typed | Command] = []
    for piece in pieces:
        for one in reader.feed(piece):
            last = found[-1] if found else None
            if isinstance(one, Typed) and isinstance(last, Typed):
                found[-1] = Typed(last.data + one.data)
            else:
                found.append(one)
    return found


@given(st.binary().filter(lambda data: PREFIX not in data))
def test_without_the_prefix_every_byte_goes_through(data: bytes) -> None:
    assert _read(data) == ([Typed(data)] if data else [])


@given(st.lists(st.sampled_from([PREFIX, b"\x1b", b"[", b"A", b"d", b"o", b"x", PASTE_END])))
def test_pieces_mean_the_same_as_the_whole(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert _read(whole) == _read(*(bytes([byte]) for byte in whole))


def test_a_command_stands_between_what_is_typed() -> None:
    found = _read(b"ls" + PREFIX + b"d" + b"x")
    assert found == [Typed(b"ls"), Command("detach"), Typed(b"x")]


def test_the_prefix_twice_sends_it_once() -> None:
    assert _read(b"a" + PREFIX * 2 + b"b") == [Typed(b"a" + PREFIX + b"b")]


@pytest.mark.parametrize("keys", [b"\x1b[C", b"\x1bOC"])
def test_an_arrow_moves_in_either_mode_of_the_keyboard(keys: bytes) -> None:
    assert _read(PREFIX + keys[:2], keys[2:]) == [Command("right")]


def test_an_unknown_key_is_not_typed() -> None:
    assert _read(PREFIX + b"Zz") == [Command("unknown"), Typed(b"z")]


def test_the_prefix_in_a_paste_is_text() -> None:
    paste = PASTE_START + b"a" + PREFIX + b"d" + PASTE_END
    assert _read(paste[:3], paste[3:]) == [Typed(paste)]
    assert _read(paste + PREFIX + b"d")[-1] == Command("detach")


def test_a_paste_is_told_from_keys() -> None:
    reader = KeyReader(PREFIX)

    def pasted(data: bytes) -> list[bool]:
        return [one.pasted for one in reader.feed(data) if isinstance(one, Typed)]

    assert pasted(b"keys" + PASTE_START + b"ls") == [False, True]
    assert pasted(b"more" + PASTE_END + b"keys") == [True, False]
    assert pasted(PASTE_START + PASTE_END + PASTE_START) == [True, True]
    assert pasted(PASTE_END) == [True]
    assert pasted(b"a" + PREFIX + b"n" + b"b") == [False, False]


@pytest.mark.parametrize(
    ("text", "byte"), [("ctrl-]", b"\x1d"), ("C-b", b"\x02"), ("^A", b"\x01"), ("ctrl-@", b"\0")]
)
def test_a_prefix_is_a_control_key(text: str, byte: bytes) -> None:
    assert parse_prefix(text) == byte


@pytest.mark.parametrize("text", ["", "b", "ctrl-", "ctrl-bb", "ctrl-1", "ctrl-[", "ctrl-m"])
def test_another_key_is_refused_as_a_prefix(text: str) -> None:
    with pytest.raises(ValueError, match="no control key"):
        parse_prefix(text)
