"""What a picture shows, in words: a model that is a script cannot look.

Only the PNGs that screenshots are: eight bits a channel, three or four channels, not interlaced.
The standard library can undo those, so that nothing is taken on trust: a picture that is cut off
or empty is told as such.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from functools import lru_cache

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {2: 3, 6: 4}
"""How many bytes a pixel has, by the colour type that the header names."""
RED = 1.5
"""How much more red than green or blue there is in a red pixel, which is no dark one either."""
BRIGHT = 128


@lru_cache(maxsize=8)  # a client shows the whole conversation again at every turn
def describe(media_type: str, data: str) -> str:
    """Return a picture's type, size, number of colours, and how many of its pixels are red.

    Args:
        data: The picture in base64, as clients hand it to a model.
    """
    try:
        width, rows, step = _decode(base64.b64decode(data, validate=True))
    except (ValueError, binascii.Error, zlib.error, struct.error, IndexError) as error:
        return f"[{media_type}, which cannot be read: {error}]"
    pixels = [row[at : at + 3] for row in rows for at in range(0, width * step, step)]
    red = sum(one[0] > BRIGHT and one[0] > RED * max(one[1], one[2]) for one in pixels)
    size = f"{width}x{len(rows)} pixels"
    return f"[{media_type}, {size}, {len(set(pixels))} colours, {red} red]"


def _decode(png: bytes) -> tuple[int, list[bytes], int]:
    """Return a picture's width, its rows, and how many bytes a pixel has."""
    if not png.startswith(SIGNATURE):
        raise ValueError("it is no PNG")
    packed = b""
    at, width, height, step = len(SIGNATURE), 0, 0, 0
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        at += 12 + length
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if depth != 8 or colour not in CHANNELS or interlaced:  # noqa: PLR2004 - bits
                raise ValueError(f"a PNG of another kind: {depth} bits, colour type {colour}")
            step = CHANNELS[colour]
        elif kind == b"IDAT":
            packed += body
    return width, _rows(zlib.decompress(packed), width * step, height, step), step


def _rows(filtered: bytes, length: int, height: int, step: int) -> list[bytes]:
    if len(filtered) != (length + 1) * height:
        raise ValueError(f"{len(filtered)} bytes are not {height} rows of {length}")
    rows: list[bytes] = []
    above = bytes(length)
    for start in range(0, len(filtered), length + 1):
        above = _row(filtered[start], filtered[start + 1 : start + 1 + length], above, step)
        rows.append(above)
    return rows


def _row(kind: int, filtered: bytes, above: bytes, step: int) -> bytes:
    """Undo one row's filter, by which a PNG stores differences to its neighbours."""
    if kind == 0:
        return filtered
    row = bytearray(step)  # what stands left of the first pixel counts as zero
    corner = bytes(step) + above
    for at, value in enumerate(filtered):
        left, up = row[at], above[at]
        guess = (0, left, up, (left + up) // 2, _nearest(left, up, corner[at]))[kind]
        row.append((value + guess) & 255)
    return bytes(row[step:])


def _nearest(left: int, up: int, corner: int) -> int:
    """Return the neighbour nearest to where a straight line through all three would go."""
    line = left + up - corner
    return min((left, up, corner), key=lambda one: abs(line - one))
