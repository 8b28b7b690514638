"""A script that plays the model's part is told in words what a picture shows, and nothing else."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
from scripts.acceptance.job import PICTURE, Step, check
from scripts.acceptance.mock_model import tool_results
from scripts.acceptance.pictures import SIGNATURE, describe
from scripts.acceptance.rig import FailedError

BLACK, GREY, RED = b"\0\0\0\xff", b"\xc7\xc7\xc7\xff", b"\xcc\x66\x66\xff"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(rows: list[bytes], *, filters: bytes = bytes(8), depth: int = 8, colour: int = 6) -> bytes:
    """Return a picture, its rows stored as they are given, each under a filter's number."""
    header = struct.pack(">IIBBBBB", len(rows[0]) // 4, len(rows), depth, colour, 0, 0, 0)
    stored = b"".join(bytes([kind]) + row for kind, row in zip(filters, rows, strict=False))
    packed = zlib.compress(stored)
    parts = chunk(b"IDAT", packed[:9]) + chunk(b"IDAT", packed[9:])
    return SIGNATURE + chunk(b"IHDR", header) + parts + chunk(b"IEND", b"")


def said(picture: bytes) -> str:
    return describe("image/png", base64.b64encode(picture).decode())


def test_size_colours_and_red_pixels_are_told() -> None:
    picture = png([BLACK + RED, GREY + BLACK, BLACK + BLACK])
    assert said(picture) == "[image/png, 2x3 pixels, 3 colours, 1 red]"


HALF = bytes(value - value // 2 for value in RED)


@pytest.mark.parametrize(
    ("kind", "second"),
    [(1, RED + bytes(4)), (2, bytes(8)), (3, HALF + bytes(4)), (4, bytes(8))],
    ids=["left", "up", "average", "nearest"],
)
def test_every_filter_is_undone(kind: int, second: bytes) -> None:
    picture = png([RED + RED, second], filters=bytes([0, kind]))
    assert said(picture) == "[image/png, 2x2 pixels, 1 colours, 4 red]"


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (b"GIF89a", "it is no PNG"),
        (png([BLACK])[:-20], "cannot be read"),
        (png([BLACK], depth=16), "16 bits"),
        (png([BLACK], colour=3), "colour type 3"),
        (png([BLACK, BLACK[:3]]), "9 bytes are not 2 rows of 4"),
    ],
    ids=["another format", "cut off", "deep", "palette", "too short"],
)
def test_what_cannot_be_read_says_why(picture: bytes, why: str) -> None:
    told = said(picture)
    assert "pixels" not in told
    assert why in told


def test_a_picture_in_a_result_is_told_among_the_texts() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "bm90aGluZw=="}
    content = [{"type": "image", "source": source}, {"type": "text", "text": " and a note"}]
    message = {"content": [{"type": "tool_result", "content": content}]}
    assert tool_results([message]) == ["[image/png, which cannot be read: it is no PNG] and a note"]


def test_an_empty_screen_is_not_what_the_job_looks_for() -> None:
    look = Step("take_screenshot", lambda _: {}, PICTURE)
    check(look, "[image/png, 1472x1032 pixels, 51 colours, 812 red]")
    with pytest.raises(FailedError, match="red"):
        check(look, "[image/png, 1472x1032 pixels, 2 colours, 0 red]")
    with pytest.raises(FailedError, match="pixels"):
        check(look, "[image/png, which cannot be read: it is no PNG]")
