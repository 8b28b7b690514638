"""Cells in bulk: what most rows are, decoded a whole screen at a time. Pure.

Nearly all cells hold one narrow character. Their text is found by slicing every eighth byte,
which takes a tenth of what looking at each cell does. `cells` decodes whatever else there is.
A cell is eight bytes, the lowest first; see `cells.BITS` for what stands where.
"""

from __future__ import annotations

CELL_BYTES = 8

_TAGS = bytes(range(0, 256, 4))  # first bytes of cells whose text is one code point
_LATIN = bytes(range(4))  # second bytes of those below 256
_ASCII = bytes(range(2))  # and of those below 128
_NARROW = bytes(byte for byte in range(256) if not byte & 0b1100)
_NO_STYLE_BELOW = bytes(range(4))  # fourth bytes that hold nothing of a style
_NO_STYLE_ABOVE = bytes(byte for byte in range(256) if not byte & 0b100011)  # nor of a link
_LOW_SIX = bytes(byte >> 2 for byte in range(256))
_HIGH_TWO = bytes((byte & 3) << 6 for byte in range(256))


def plain_text(cells: bytes) -> str | None:
    """Return the text of cells, one character each; empty ones are U+0000.

    None when some cell is wide, holds several code points or one above U+FFFF, or was erased
    with a background colour.
    """
    first, second, third = cells[::CELL_BYTES], cells[1::CELL_BYTES], cells[2::CELL_BYTES]
    if first.translate(None, _TAGS) or cells[5::CELL_BYTES].translate(None, _NARROW):
        return None
    if third.translate(None, _LATIN):
        return None
    low = _joined(first, second)
    if not third.translate(None, b"\0") and not second.translate(None, _LATIN):
        return low.decode("latin-1")
    both = bytearray(2 * len(low))
    both[::2], both[1::2] = low, _joined(second, third)
    return both.decode("utf-16-le")


def ascii_text(cells: bytes) -> bytes | None:
    """Return the text of cells, one ASCII character each; empty ones are 0.

    None when some cell holds anything else; see `plain_text`.
    """
    first, second = cells[::CELL_BYTES], cells[1::CELL_BYTES]
    strange = (
        second.translate(None, _ASCII)
        or cells[2::CELL_BYTES].strip(b"\0")
        or first.translate(None, _TAGS)
        or cells[5::CELL_BYTES].translate(None, _NARROW)
    )
    return None if strange else _joined(first, second)


def is_unstyled(cells: bytes) -> bool:
    """Tell whether all cells look as if no style was ever chosen; for cells with text."""
    return not (
        cells[4::CELL_BYTES].translate(None, b"\0")
        or cells[3::CELL_BYTES].translate(None, _NO_STYLE_BELOW)
        or cells[5::CELL_BYTES].translate(None, _NO_STYLE_ABOVE)
    )


def _joined(low: bytes, high: bytes) -> bytes:
    """Return the byte that each pair of bytes holds behind the two lowest bits."""
    bits = int.from_bytes(low.translate(_LOW_SIX), "little") | int.from_bytes(
        high.translate(_HIGH_TWO), "little"
    )
    return bits.to_bytes(len(low), "little")
