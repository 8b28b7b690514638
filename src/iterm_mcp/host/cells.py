"""The emulator's cells, decoded into lines. Pure: numbers in, values out.

A cell is 64 bits; `BITS` names those that are relied on, and `ghostty.check_layout` holds them
against the library's own description. Rows of nothing but narrow single characters are decoded
many at a time (`plain_cells`); in the others each cell is looked at.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.host.lines import PLAIN, Color, Line, Style, StyleRun
from iterm_mcp.host.plain_cells import CELL_BYTES, is_unstyled, plain_text
from iterm_mcp.host.styles import background_style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

BITS = {  # lowest bit, width
    "content_tag": (0, 2),
    "content": (2, 24),
    "style_id": (26, 16),
    "wide": (42, 2),
    "hyperlink": (45, 1),
}

_CODE_POINT, _CLUSTER, _PALETTE, _RGB = range(4)  # content_tag
_SPACER_TAIL = 2  # wide: the second half of a wide character
_EMPTY = "\0"
_MAX_TABLE = 1 << 16

_STYLE_ID = 0xFFFF << 26
_HYPERLINK = 1 << 45
_LOOK = _STYLE_ID | _HYPERLINK
_CONTENT = 0xFFFFFF << 2


class CellSource(Protocol):
    """Answers, for one row, what does not fit into a cell."""

    def cluster(self, column: int) -> str:
        """Return all code points of the cell."""

    def style(self, column: int) -> Style:
        """Return the style of the cell, without its link."""

    def linked_style(self, column: int) -> Style:
        """Return the style of the cell, with its link."""


class _CellText(dict[int, str]):
    """The text of every cell seen so far, by its bits."""

    def __missing__(self, cell: int) -> str:
        if len(self) >= _MAX_TABLE:
            self.clear()
        text = _cell_text(cell)
        self[cell] = text
        return text


def _cell_text(cell: int) -> str:
    if (cell >> 42) & 3 == _SPACER_TAIL:
        return ""
    if cell & 3 in (_CODE_POINT, _CLUSTER):
        return chr((cell >> 2) & 0x1FFFFF)
    return _EMPTY


_text_of = _CellText().__getitem__


def build_lines(
    cells: bytes,
    flags: Sequence[tuple[bool, bool]],
    source: Callable[[int], CellSource],
    *,
    styles: bool,
    erased: bool,
) -> list[Line]:
    """Make lines of neighbouring rows. For `styles` and `erased` see `build_line`.

    Args:
        cells: All their cells, run together.
        flags: For each row, whether it is soft-wrapped, and whether some of its cells hold more
            than one code point.
        source: Returns who answers for a row, counted from the first of them.
    """
    if not flags:
        return []
    size = len(cells) // len(flags)
    width = size // CELL_BYTES
    whole = plain_text(cells)
    if whole is not None and (not styles or is_unstyled(cells)):
        starts = range(0, width * len(flags), width)
        texts = [whole[at : at + width].rstrip(_EMPTY) for at in starts]
        return [
            Line(text, runs, looks if styles else (), flag[0])
            for text, (runs, looks), flag in zip(
                texts, map(_plain_runs, map(len, texts)), flags, strict=True
            )
        ]
    lines = []
    for number, (wrapped, clusters) in enumerate(flags):
        row = cells[number * size : (number + 1) * size]
        text = plain_text(row) if whole is None else whole[number * width : (number + 1) * width]
        if text is None:
            line = build_line(
                memoryview(row).cast("Q").tolist(),
                source(number),
                clusters=clusters,
                soft_wrapped=wrapped,
                styles=styles,
                erased=erased,
            )
        else:
            line = _plain_line(text.rstrip(_EMPTY), wrapped, styles=styles)
            if styles and not is_unstyled(row):
                shown = memoryview(row).cast("Q")[: len(line.text)].tolist()
                runs = _style_runs(map(_LOOK.__and__, shown), source(number))
                line = line._replace(styles=tuple(runs))
        lines.append(line)
    return lines


def _plain_line(text: str, soft_wrapped: bool, *, styles: bool) -> Line:  # noqa: FBT001 - as Line
    runs, looks = _plain_runs(len(text))
    return Line(text, runs, looks if styles else (), soft_wrapped)


@lru_cache(maxsize=1 << 12)
def _plain_runs(width: int) -> tuple[tuple[tuple[int, int], ...], tuple[StyleRun, ...]]:
    """Return the runs of so many cells of one character each without a style."""
    return (((1, width),), (StyleRun(PLAIN, width),)) if width else ((), ())


def build_line(
    cells: Sequence[int],
    source: CellSource,
    *,
    clusters: bool,
    soft_wrapped: bool,
    styles: bool,
    erased: bool = False,
) -> Line:
    """Make a line of a row's cells.

    Args:
        cells: All the row's cells, from the left.
        source: Asked about single cells of this row.
        clusters: Some cells hold more than one code point.
        soft_wrapped: The row goes on in the next one.
        styles: Fill in `Line.styles`.
        erased: Keep cells at the end of the row that were erased with a background colour.
    """
    runs: tuple[tuple[int, int], ...]
    text = "".join(map(_text_of, cells))
    if not clusters and len(text) == len(cells):
        text = text.rstrip(_EMPTY).ljust(_colored(cells) if erased else 0, _EMPTY)
        runs = ((1, len(text)),) if text else ()
        width = len(text)
    else:
        pieces = _pieces(cells, source)
        pieces += _EMPTY * ((_colored(cells) if erased else 0) - len(pieces))
        text = "".join(pieces)
        runs = tuple((size, len(list(group))) for size, group in groupby(map(len, pieces)))
        width = len(pieces)
    looks = tuple(_style_runs(map(_look, cells[:width]), source)) if styles else ()
    return Line(text, runs, looks, soft_wrapped)


def _colored(cells: Sequence[int]) -> int:
    """Return how many cells there are up to the last that is a background alone."""
    return next((at for at in range(len(cells), 0, -1) if cells[at - 1] & 2), 0)


def _pieces(cells: Sequence[int], source: CellSource) -> list[str]:
    """Return the text of each cell, up to the last that was written."""
    pieces = [
        source.cluster(column) if cell & 3 == _CLUSTER else _text_of(cell)
        for column, cell in enumerate(cells)
    ]
    while pieces and pieces[-1] == _EMPTY:
        pieces.pop()
    return pieces


def _style_runs(looks: Iterable[int], source: CellSource) -> Iterable[StyleRun]:
    """Yield runs such that neighbours differ.

    Args:
        looks: What `_look` says of each cell.
    """
    column = 0
    last: Style | None = None
    length = 0
    known: dict[int, Style] = {0: PLAIN}  # styles have numbers within a row
    for look, group in groupby(looks):
        for cells_alike, style in _looks(look, column, len(list(group)), source, known):
            column += cells_alike
            if style == last:
                length += cells_alike
                continue
            if last is not None:
                yield StyleRun(last, length)
            last, length = style, cells_alike
    if last is not None:
        yield StyleRun(last, length)


def _look(cell: int) -> int:
    """Return a key that cells of one row share when they look alike, links aside."""
    if cell & 2:  # no text, but a background
        return cell & (_CONTENT | 3)
    return cell & _LOOK


def _looks(
    look: int, column: int, cells: int, source: CellSource, known: dict[int, Style]
) -> Iterable[tuple[int, Style]]:
    if look & _HYPERLINK:
        # Links that touch share every bit; only asking tells them apart.
        for offset in range(cells):
            yield 1, source.linked_style(column + offset)
        return
    style = known.get(look)
    if style is None:
        style = background_style(_background(look)) if look & 2 else source.style(column)
        known[look] = style
    yield cells, style


def _background(cell: int) -> Color:
    content = (cell & _CONTENT) >> 2
    if cell & 3 == _PALETTE:
        return Color("palette", content & 0xFF)
    red, green, blue = content & 0xFF, content >> 8 & 0xFF, content >> 16 & 0xFF
    return Color("rgb", red << 16 | green << 8 | blue)
