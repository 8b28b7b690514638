"""What was packed comes out line by line; what is broken or made to hurt is told, and bounded."""

from __future__ import annotations

import os
import tracemalloc
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.services.events.packing import packed

from iterm_mcp.services.events import packed_lines as module
from iterm_mcp.services.events.packed_lines import PackedFileError, unpacked_lines

if TYPE_CHECKING:
    from pathlib import Path


def lines_of(path: Path) -> list[bytes]:
    return [line for piece in unpacked_lines(path) for line in piece]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.lists(st.lists(st.binary(max_size=40), max_size=6), max_size=4),
    piece=st.integers(1, 64),
)
def test_what_was_packed_comes_out(
    frames: list[list[bytes]], piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "PIECE_BYTES", piece)
        plain = [b"\n".join(one.replace(b"\n", b"") for one in frame) for frame in frames]
        path = tmp_path / "packed.zst"
        path.write_bytes(b"".join(packed(one) for one in plain))
        whole = b"".join(plain).split(b"\n")
        assert lines_of(path) == (whole if whole[-1] else whole[:-1])


def test_a_torn_file_tells_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "torn.zst"
    lines = [os.urandom(3000).hex().encode() for _ in range(2000)]
    path.write_bytes(packed(b"\n".join(lines))[:-1000])
    found: list[bytes] = []
    pieces = chain.from_iterable(unpacked_lines(path))
    with pytest.raises(PackedFileError, match="amid"):
        found.extend(pieces)
    assert 0 < len(found) < len(lines)
    assert found == lines[: len(found)]


def test_what_was_never_packed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "plain.zst"
    path.write_bytes(b'{"type": "session_meta"}\n')
    with pytest.raises(PackedFileError, match="cannot be unpacked"):
        lines_of(path)


def test_a_bomb_is_left_before_it_bursts(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zst"
    path.write_bytes(packed(b"0" * (256 << 20)))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(PackedFileError, match="more than 64 MiB"):
            deque(unpacked_lines(path, most_bytes=64 << 20), maxlen=0)
        assert tracemalloc.get_traced_memory()[1] < 60 << 20
    finally:
        tracemalloc.stop()


def test_a_file_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.zst"
    path.write_bytes(packed(b"x\n" * 1000, module.WINDOW_LOG + 1))
    with pytest.raises(PackedFileError, match="cannot be unpacked"):
        lines_of(path)


def test_a_line_that_is_too_long_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINE_BYTES", 10)
    path = tmp_path / "long.zst"
    path.write_bytes(packed(b"one\n" + b"x" * 50 + b"\ntwo"))
    assert lines_of(path) == [b"one", b"two"]
