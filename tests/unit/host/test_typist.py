"""Text on its way into a session: whole or not at all, or piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from iterm_mcp.host.pty import MAX_QUEUED_BYTES
from iterm_mcp.host.typist import PIECE_BYTES, Typist

if TYPE_CHECKING:
    from iterm_mcp.host.session import Session


class Reader:
    """A session whose program reads so much, and then no more."""

    session_id = "ID"
    exited = False

    def __init__(self, room: int) -> None:
        self.room = room
        self.got = bytearray()

    def write(self, data: bytes) -> bool:
        if len(self.got) + len(data) > self.room:
            return False
        self.got += data
        return True


def typist_of(reader: Reader, data: bytes) -> Typist:
    return Typist(cast("Session", reader), data)


def test_a_text_that_fits_the_queue_goes_in_whole_or_not_at_all() -> None:
    reader = Reader(5)
    typist = typist_of(reader, b"123456")
    assert not typist.go_on()
    assert "session ID does not read its input: 0 of 6 bytes were taken" in typist.failure
    reader.room = 6
    assert typist.go_on()
    assert typist.done
    assert bytes(reader.got) == b"123456"


def test_a_longer_text_goes_in_as_it_is_read_and_none_of_it_twice() -> None:
    data = b"".join(number.to_bytes(4, "big") for number in range(MAX_QUEUED_BYTES // 4 + 100))
    reader = Reader(3 * PIECE_BYTES + 1)
    typist = typist_of(reader, data)
    assert typist.go_on()
    assert typist.taken == 3 * PIECE_BYTES
    assert not typist.go_on()
    assert f"{typist.taken} of {len(data)} bytes" in typist.failure
    reader.room = len(data)
    assert typist.go_on()
    assert typist.done
    assert bytes(reader.got) == data


@pytest.mark.parametrize("data", [b"", b"x"])
def test_for_a_session_that_has_ended_nothing_is_waited_for(data: bytes) -> None:
    reader = Reader(0)
    reader.exited = True
    typist = typist_of(reader, data)
    assert typist.done
    assert typist.go_on()
    assert not reader.got
