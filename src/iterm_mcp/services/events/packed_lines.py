"""Lines of files that were packed by zstd, unpacked piece by piece and never without a bound.

Whoever wrote them may be hostile or broken: a small file can hold terabytes, or ask for gigabytes
of memory before its first byte. So memory, lines and the whole are bounded.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from iterm_mcp.agents.line_buffer import LineBuffer
from iterm_mcp.errors import ItermMcpError

if sys.version_info >= (3, 14):  # pragma: no cover - the same module under its later name
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

SUFFIX = ".zst"
MOST_BYTES = 1 << 30
"""Of a file, unpacked."""
LINE_BYTES = 16 << 20
"""A line that is longer is left out."""
WINDOW_LOG = 27
"""128 MiB: what unpacking may need at most. All levels but zstd's ``--ultra --long`` need less."""
PIECE_BYTES = 1 << 20


class PackedFileError(ItermMcpError):
    """A packed file is torn, is none, or is larger than may be; what came before it counts."""

    default_code = "packed_file_unreadable"


def unpacked_lines(
    path: Path, *, most_bytes: int = MOST_BYTES
) -> Generator[list[bytes], None, None]:
    """Yield the lines of a packed file, some at a time, without their newlines.

    Close it when you leave it early.

    Raises:
        PackedFileError: See there; all lines before were yielded.
        OSError: It cannot be read.
    """
    lines = LineBuffer(LINE_BYTES)
    left = most_bytes
    for plain in _unpacked(path):
        left -= len(plain)
        if left < 0:
            raise PackedFileError(
                f"{path.name} has more than {most_bytes >> 20} MiB once it is unpacked",
                hint="What came before is read; unpack it yourself if you trust it.",
            )
        if whole := lines.feed(plain):
            yield whole
    if rest := lines.rest():
        yield [rest]


def _unpacked(path: Path) -> Iterator[bytes]:
    """Yield what a file holds, in pieces of a bounded size; it may be of several frames."""
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG}
    with path.open("rb", buffering=0) as opened:
        frame, data = zstd.ZstdDecompressor(options=options), b""
        begun = False
        while True:
            if not data and (not begun or frame.needs_input):
                data = opened.read(PIECE_BYTES)
                if not data:
                    break
            begun = True
            try:
                plain = frame.decompress(data, PIECE_BYTES)
            except zstd.ZstdError as error:
                raise PackedFileError(
                    f"{path.name} cannot be unpacked: {error}", hint="Try `zstd --test` on it."
                ) from None
            data = b""
            if plain:
                yield plain
            if frame.eof:
                data = frame.unused_data
                frame, begun = zstd.ZstdDecompressor(options=options), False
        if begun:
            raise PackedFileError(f"{path.name} ends amid what was packed", hint="It is torn.")
