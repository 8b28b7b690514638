from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.testing.fake_agent.keys import KeyDecoder, Pasted, Press, Text

if TYPE_CHECKING:
    from collections.abc import Sequence


def decode(data: bytes) -> list[object]:
    decoder = KeyDecoder()
    return [*decoder.feed(data), *decoder.flush()]


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"hi\r", [Text("hi"), Press("enter")]),
        (b"a\nb", [Text("a"), Press("newline"), Text("b")]),
        (b"\x15\x7f\x03", [Press("ctrl-u"), Press("backspace"), Press("ctrl-c")]),
        (b"\x1b[A\x1b[1;5C\x1bOH", [Press("up"), Press("ctrl-right"), Press("home")]),
        (b"\x1b[3~\x1b[Z\x1b\r", [Press("delete"), Press("shift-tab"), Press("meta-enter")]),
        (
            b"\x1b[13;2u\x1b[27u\x1b[117;5u",
            [Press("shift-enter"), Press("escape"), Press("ctrl-u")],
        ),
        (b"\x1b[<0;3;4M\x1b[I\x1b[?62;22c\x1b]11;rgb:0/0/0\x07x", [Text("x")]),
        (b"\x1b[200~one\r\ntwo\rthree\x1b[201~", [Pasted("one\ntwo\nthree")]),
        (b"\x1b", [Press("escape")]),
        (b"\x1b\x1b", [Press("escape"), Press("escape")]),
        ("é日本".encode(), [Text("é日本")]),
    ],
)
def test_bytes_become_keys(data: bytes, keys: list[object]) -> None:
    assert decode(data) == keys


def test_an_escape_waits_for_what_may_follow_it() -> None:
    decoder = KeyDecoder()

    assert decoder.feed(b"\x1b") == []
    assert decoder.pending
    assert decoder.feed(b"[B") == [Press("down")]
    assert not decoder.pending


def test_a_paste_is_one_key_however_it_is_cut_and_whatever_stands_in_it() -> None:
    decoder = KeyDecoder()

    assert decoder.feed(b"\x1b[200~rm -rf x\r\x1b[A") == []
    assert decoder.flush() == []
    assert decoder.feed(b"\x1b[201~\r") == [Pasted("rm -rf x\n\x1b[A"), Press("enter")]


@given(
    st.lists(st.sampled_from([b"ab", b"\r", b"\x1b[A", b"\x1b[200~p\nq\x1b[201~", "é".encode()]))
)
def test_any_cutting_gives_the_same_typed_text(parts: list[bytes]) -> None:
    data = b"".join(parts)
    whole, bytewise = decode(data), []
    decoder = KeyDecoder()
    for position in range(len(data)):
        bytewise += decoder.feed(data[position : position + 1])

    def flat(keys: Sequence[object]) -> list[object]:
        return [one for key in keys for one in (key.text if isinstance(key, Text) else [key])]

    assert flat(bytewise) == flat(whole)
