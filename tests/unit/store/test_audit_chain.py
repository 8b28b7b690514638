"""Records bound to one another: what was changed behind our back shows."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.store.audit_chain import (
    NOTHING_BEFORE,
    BrokenChainError,
    Link,
    check,
    digest_of,
    end_of,
    seal,
)


def chain(*records: dict[str, str]) -> list[bytes]:
    last = Link()
    lines: list[bytes] = []
    for record in records:
        line, last = seal(record, last)
        lines.append(line)
    return lines


LINES = chain(*({"tool": f"tool_{number}"} for number in range(5)))


def test_a_record_is_json_and_names_the_one_before_it() -> None:
    first, second = (json.loads(line) for line in LINES[:2])
    assert (first["number"], first["prev"], first["tool"]) == (1, NOTHING_BEFORE, "tool_0")
    assert second["prev"] == first["hash"]


def test_a_sound_chain_may_be_read_from_anywhere() -> None:
    assert check(LINES)[0] == 5
    assert check(LINES[2:]) == (3, end_of(LINES[-1]))
    assert check([]) == (0, Link())


@given(st.data())
def test_any_byte_that_is_changed_breaks_it(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(LINES) - 1))
    place = data.draw(st.integers(0, len(LINES[number]) - 2))
    bit = 1 << data.draw(st.integers(0, 7))
    line = bytearray(LINES[number])
    line[place] ^= bit
    with pytest.raises(BrokenChainError):
        check([*LINES[:number], bytes(line), *LINES[number + 1 :]])


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_record_that_is_gone_or_doubled_breaks_it(number: int) -> None:
    with pytest.raises(BrokenChainError, match="does not follow") as gone:
        check([*LINES[:number], *LINES[number + 1 :]])
    assert gone.value.number == number
    with pytest.raises(BrokenChainError, match="does not follow"):
        check([*LINES[:number], LINES[number], *LINES[number:]])


def test_a_record_with_the_right_hash_and_the_wrong_number_breaks_it() -> None:
    skipped, _ = seal({}, Link(9, end_of(LINES[-1]).hash))
    with pytest.raises(BrokenChainError, match="number 10 after 5"):
        check([*LINES, skipped])
    other, _ = seal({}, Link(0, "f" * 64))
    with pytest.raises(BrokenChainError, match="something stood before"):
        check([other])


def test_what_is_no_record_is_said_to_be_none() -> None:
    with pytest.raises(BrokenChainError):
        check([b"hello\n"])
    body = b'{"a":1}'

    forged = body[:-1] + b',"hash":"' + hashlib.sha256(body).hexdigest().encode() + b'"}\n'
    with pytest.raises(BrokenChainError, match="is no record"):
        check([forged])


def test_of_arguments_only_a_length_and_a_keyed_digest_are_kept() -> None:
    secret = {"text": "swordfish", "session_id": "s"}
    kept = digest_of(secret, b"key")
    assert kept == digest_of(dict(reversed(secret.items())), b"key")
    assert kept["digest"] != digest_of(secret, b"another key")["digest"]
    assert kept["bytes"] == len(json.dumps(secret))
    assert "swordfish" not in str(kept)
