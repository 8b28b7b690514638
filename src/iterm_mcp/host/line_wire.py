"""Rows as the bytes of iTerm2's ``LineContents``, many of them at a time.

Making messages attribute by attribute takes longer than all the rest of reading a terminal.
Their bytes are few and simple, and a message is read from them at once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from iterm_mcp.host import wire
from iterm_mcp.host.lines import PLAIN
from iterm_mcp.host.messages import write_style
from iterm_mcp.host.plain_cells import ascii_text, is_unstyled
from iterm_mcp.host.row_source import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.host.emulator import Rows
    from iterm_mcp.host.lines import Line, Style
    from iterm_mcp.host.row_source import Source


_MAX_LOOKS = 1 << 13
_looks: dict[tuple[int, int], tuple[Style, bytes]] = {}
"""Runs by their style's id, which is found sooner than its hash. The style is kept for its id."""


def contents(lines: Iterable[Line], *, styles: bool) -> bytes:
    """Return the rows as the field ``contents`` of a ``GetBufferResponse``, serialised."""
    return b"".join([_content(line, styles=styles) for line in lines])


def page(rows: Rows, source: Source, *, styles: bool) -> list[bytes]:
    """Return each row of a page as one field ``contents``, serialised.

    Rows of nothing but ASCII without a style, which most are, never become lines.
    """
    text = ascii_text(rows.cells)
    if text is None or (styles and not is_unstyled(rows.cells)):
        lines = lines_of(rows, source, styles=styles, erased=False)
        return [_content(line, styles=styles) for line in lines]
    flags = rows.flags
    width = len(text) // max(1, len(flags))
    made = []
    for at, flag in zip(range(0, len(text), width or 1), flags, strict=True):
        shown = text[at : at + width].rstrip(b"\0")
        before, after = _around_plain(len(shown), flag[0], styles)
        made.append(before + shown + after)
    return made


def body(response: wire.GetBufferResponse, rows: bytes) -> bytes:
    """Return a message without its id, serialised.

    Args:
        response: All of the response but its rows.
        rows: These, as `contents` returns them.
    """
    rest = response.SerializeToString()
    field = wire.ServerOriginatedMessage.GET_BUFFER_RESPONSE_FIELD_NUMBER
    return b"".join((_head(field, len(rest) + len(rows)), rest, rows))


def answer(number: int, body: bytes) -> bytes:
    """Return a whole message, serialised, from its id and the rest of it."""
    return wire.ServerOriginatedMessage(id=number).SerializeToString() + body


def _content(line: Line, *, styles: bool) -> bytes:
    text, cells, looks, soft_wrapped = line
    data = text.encode()
    shown = b"".join([_look(*run) for run in looks]) if styles else b""
    before, after = _around(len(data), cells, soft_wrapped, len(shown))
    return b"".join((before, data, after, shown))


@lru_cache(maxsize=1 << 12)
def _around_plain(width: int, soft_wrapped: bool, styles: bool) -> tuple[bytes, bytes]:  # noqa: FBT001 - as Line
    """Return what stands around so many cells of one ASCII character each without a style."""
    cells = ((1, width),) if width else ()
    shown = _look(PLAIN, width) if styles and width else b""
    before, after = _around(width, cells, soft_wrapped, len(shown))
    return before, after + shown


@lru_cache(maxsize=1 << 13)
def _around(
    text: int,
    cells: tuple[tuple[int, int], ...],
    soft_wrapped: bool,  # noqa: FBT001 - as Line
    styles: int,
) -> tuple[bytes, bytes]:
    """Return what stands before and after a text, of which the styles are to follow."""
    line = wire.LineContents
    end = line.CONTINUATION_SOFT_EOL if soft_wrapped else line.CONTINUATION_HARD_EOL
    after = line(
        continuation=end,
        code_points_per_cell=[
            wire.CodePointsPerCell(num_code_points=points, repeats=repeats)
            for points, repeats in cells
        ],
    ).SerializeToString()
    before = _head(line.TEXT_FIELD_NUMBER, text)
    size = len(before) + text + len(after) + styles
    return _head(wire.GetBufferResponse.CONTENTS_FIELD_NUMBER, size) + before, after


def _look(style: Style, cells: int) -> bytes:
    """Return a run of cells that look alike, as the field ``style`` of a ``LineContents``."""
    known = _looks.get((id(style), cells))
    if known is None:
        if len(_looks) >= _MAX_LOOKS:
            _looks.clear()
        out = wire.CellStyle(repeats=cells)
        write_style(style, out)
        data = out.SerializeToString()
        known = style, _head(wire.LineContents.STYLE_FIELD_NUMBER, len(data)) + data
        _looks[id(style), cells] = known
    return known[1]


def _head(field: int, size: int) -> bytes:
    """Return the key of a field of bytes, and how many follow."""
    return _varint(field << 3 | 2) + _varint(size)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))
