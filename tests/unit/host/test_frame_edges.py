"""Frames are told apart as the library tells them apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from iterm_mcp.host.frame_edges import FrameEdges, frame_of, whole_message

SIZES = st.sampled_from([0, 1, 125, 126, 127, 300, 65535, 65536])


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[bytes, bool]]:
    """Draw frames as a client sends them, each with whether a message goes on after it."""
    made: list[tuple[bytes, bool]] = []
    open_ = False
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from([Opcode.PING, Opcode.PONG, None]))
        if kind is None:
            opcode = Opcode.CONT if open_ else Opcode.BINARY
            last = draw(st.booleans())
            open_ = not last
            frame = Frame(opcode, bytes(draw(SIZES)), fin=last)
        else:
            frame = Frame(kind, b"are you there")
        made.append((frame.serialize(mask=True), open_))
    return made


@given(streams(), st.lists(st.integers(0, 1 << 17), max_size=8))
def test_however_frames_are_cut_their_edges_are_found(
    frames: list[tuple[bytes, bool]], cuts: list[int]
) -> None:
    data = b"".join(frame for frame, _ in frames)
    ends, at = {0: False}, 0
    for frame, goes_on in frames:
        at += len(frame)
        ends[at] = goes_on
    edges, start = FrameEdges(), 0
    assert edges.between
    for cut in sorted({*(one % (len(data) + 1) for one in cuts), len(data)}):
        edges.follow(data[start:cut])
        start = cut
        assert edges.between == (ends.get(cut) is False)


@given(st.binary(max_size=40))
def test_anything_may_pass_byte_by_byte_or_at_once(data: bytes) -> None:
    at_once, one_by_one = FrameEdges(), FrameEdges()
    at_once.follow(data)
    for at in range(len(data)):
        one_by_one.follow(data[at : at + 1])
    assert at_once.between == one_by_one.between


@given(st.sampled_from([0, 1, 125, 126, 127, 300, 65535]), st.binary(min_size=4, max_size=4))
def test_a_whole_message_is_what_the_library_reads(size: int, start: bytes) -> None:
    message = (start + bytes(size))[:size]
    data = Frame(Opcode.BINARY, message).serialize(mask=True)
    assert whole_message(data) == message
    assert whole_message(data[:-1]) is None
    assert whole_message(data + b"\x82") is None


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.TEXT, b"text").serialize(mask=True),
        Frame(Opcode.BINARY, b"begun", fin=False).serialize(mask=True),
        Frame(Opcode.CONT, b"ended").serialize(mask=True),
        Frame(Opcode.PING, b"ping").serialize(mask=True),
        Frame(Opcode.CLOSE, b"").serialize(mask=True),
        b"\xc2" + Frame(Opcode.BINARY, b"compressed").serialize(mask=True)[1:],
        Frame(Opcode.BINARY, b"without a mask").serialize(mask=False),
        Frame(Opcode.BINARY, bytes(1 << 16)).serialize(mask=True),
        b"\x82",
        b"",
    ],
    ids=[
        "text", "begun", "continued", "ping", "close", "compressed", "no mask", "large", "half",
        "nothing",
    ],
)  # fmt: skip
def test_all_else_is_left_to_the_library(frame: bytes) -> None:
    assert whole_message(frame) is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_a_message_is_framed_as_the_library_frames_it(size: int) -> None:
    protocol = ServerProtocol()
    protocol.state = State.OPEN
    protocol.send_binary(bytes(size))
    assert frame_of(bytes(size)) == b"".join(protocol.data_to_send())
