"""Blocks as PDF, by the optional extra ``iterm-mcp[pdf]``.

``python -m iterm_mcp.services.events.exporting.pdf`` reads a document as JSON and writes it as PDF:
drawing takes seconds in which no other thread of its process would run.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

INSTALL = "PDF needs an optional part of iterm-mcp: pip install 'iterm-mcp[pdf]'"
MOST_PAGES = 300
INK, DIM, BAD, LINE, SHADE = (27, 29, 31), (106, 112, 118), (200, 69, 59), (223, 226, 228), 246
MARGIN, PAGE_WIDTH = 15.0, 180.0
LEAST_WIDTH, MOST_WEIGHT = 7.0, 40
TEXT, CODE = "text", "code"


class PdfUnavailableError(Exception):
    """The extra is not installed; the text says how to install it."""

    def __init__(self) -> None:
        super().__init__(INSTALL)


def render_pdf(document: Mapping[str, Any], *, writer: str = "fpdf") -> bytes:
    """Return a document as PDF. Everything else in this process stands still meanwhile.

    Args:
        document: ``title``, ``ending``, ``made_at``, and ``blocks``, as `to_document` makes them.

    Raises:
        PdfUnavailableError: The extra is not installed.
    """
    try:
        fpdf = import_module(writer)
        fonts = import_module("iterm_mcp.services.events.exporting.pdf_fonts")
    except ImportError:
        raise PdfUnavailableError from None
    logging.getLogger("fpdf").setLevel(logging.ERROR)  # of characters: told by `add_fonts`
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    with TemporaryDirectory() as folder:
        return _Pages(fpdf, partial(fonts.add_fonts, folder=Path(folder)), document).write()


class _Pages:
    """A document while it is drawn."""

    def __init__(
        self,
        fpdf: Any,  # noqa: ANN401 - the optional library
        add_fonts: Callable[[Any, set[str]], dict[int, str]],
        document: Mapping[str, Any],
    ) -> None:
        class Numbered(fpdf.FPDF):  # type: ignore[misc]
            """Pages with their numbers."""

            def footer(self) -> None:
                self.set_y(-11)
                self.set_font(TEXT, size=7.5)
                self.set_text_color(*DIM)
                self.cell(0, 4, f"{self.page_no()} / {{nb}}", align="C")

        self._fpdf = fpdf
        self._document = document
        self._pdf: Any = Numbered(format="A4")
        self._pdf.set_margins(MARGIN, 14, MARGIN)
        self._pdf.set_auto_page_break(auto=True, margin=16)
        self._pdf.set_creation_date(datetime.fromisoformat(document["made_at"]))
        self._pdf.set_creator("iterm-mcp")
        shown = set(json.dumps(document, ensure_ascii=False))
        self._stand_ins = add_fonts(self._pdf, shown)

    def write(self) -> bytes:
        title = self._plain(self._document["title"])
        self._pdf.set_title(title)
        self._pdf.add_page()
        self._bold(title, 15, 7)
        self._pdf.ln(1)
        drawn: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "heading": self._heading, "line": self._line, "facts": self._facts,
            "table": self._table, "item": self._item,
        }  # fmt: skip
        left = 0
        for block in self._document["blocks"]:
            if self._pdf.page_no() >= MOST_PAGES:
                left += 1
                continue
            drawn[block["block"]](block)
        if left:
            what = f"After {MOST_PAGES} pages the rest is left out: {left} events and tables."
            self._text(what, 9, 4.5, BAD)
        self._pdf.ln(2)
        self._text(self._document["ending"], 8, 4.5, DIM)
        return bytes(self._pdf.output())

    def _heading(self, block: Mapping[str, Any]) -> None:
        if self._pdf.will_page_break(25):  # not alone at the end of a page
            self._pdf.add_page()
        self._pdf.ln(4)
        self._bold(block["text"], 11.5, 6)
        self._pdf.ln(0.5)

    def _line(self, block: Mapping[str, Any]) -> None:
        if block["text"]:
            self._text(block["text"], 9, 4.8, DIM if block["dim"] else INK)

    def _facts(self, block: Mapping[str, Any]) -> None:
        self._pdf.ln(2)
        width = PAGE_WIDTH / 4
        for first in range(0, len(block["rows"]), 4):
            top = self._pdf.get_y()
            for place, (name, value) in enumerate(block["rows"][first : first + 4]):
                left = MARGIN + place * width
                self._pdf.set_xy(left, top)
                self._font(7.5, DIM)
                self._pdf.cell(width - 2, 4, self._plain(name))
                self._pdf.set_xy(left, top + 3.8)
                self._font(11, INK)
                self._pdf.cell(width - 2, 5.5, self._plain(value))
            self._pdf.set_xy(MARGIN, top + 11)

    def _table(self, block: Mapping[str, Any]) -> None:
        rows: Sequence[Sequence[object]] = block["rows"]
        if not rows:
            self._text("none", 9, 4.8, DIM)
            return
        self._font(7.5, INK)
        self._pdf.set_draw_color(*LINE)
        right = tuple("RIGHT" if isinstance(one, int | float) else "LEFT" for one in rows[0])
        with self._pdf.table(
            width=PAGE_WIDTH, col_widths=_widths(block["heads"], rows), line_height=4.2,
            text_align=right, borders_layout="HORIZONTAL_LINES", padding=(0.6, 1), v_align="TOP",
            headings_style=self._fpdf.FontFace(color=DIM),
        ) as table:  # fmt: skip
            for cells in (block["heads"], *rows):
                row = table.row()
                for cell in cells:
                    row.cell(self._plain(_words(cell)))
        if block["left_out"]:
            self._text(f"{block['left_out']} more left out", 8, 4.5, DIM)

    def _item(self, block: Mapping[str, Any]) -> None:
        if self._pdf.will_page_break(14):  # not alone at the end of a page
            self._pdf.add_page()
        self._pdf.ln(1.6)
        parts = ((block["when"], DIM), (block["kind"], BAD if block["failed"] else INK),
                 (block["subject"], INK), (block["figures"], DIM))  # fmt: skip
        for words, color in parts:
            if words:
                self._font(8.5, color)
                self._pdf.write(4.6, f"{self._plain(words)}  ")
        self._pdf.ln(4.8)
        if block["body"]:
            self._pdf.set_font(CODE, size=7.5)
            self._pdf.set_text_color(*INK)
            self._pdf.set_fill_color(SHADE)
            self._pdf.multi_cell(
                PAGE_WIDTH, 3.7, self._plain(block["body"]), align="L", fill=True,
                wrapmode="CHAR", new_x="LMARGIN", new_y="NEXT", padding=(0.8, 1.5),
            )  # fmt: skip

    def _bold(self, words: str, points: float, height: float) -> None:
        """Write in thicker strokes: one weight of a font is enough to carry."""
        self._pdf.set_draw_color(*INK)
        with self._pdf.local_context(text_mode=2, line_width=points / 60):
            self._text(words, points, height, INK)

    def _text(self, words: str, points: float, height: float, color: tuple[int, int, int]) -> None:
        self._font(points, color)
        self._pdf.multi_cell(
            PAGE_WIDTH, height, self._plain(words), align="L", new_x="LMARGIN", new_y="NEXT"
        )

    def _font(self, points: float, color: tuple[int, int, int]) -> None:
        self._pdf.set_font(TEXT, size=points)
        self._pdf.set_text_color(*color)

    def _plain(self, words: str) -> str:
        return words.expandtabs(4).translate(self._stand_ins)


def _words(cell: object) -> str:
    if isinstance(cell, int | float):
        return f"{cell:,}"
    return "" if cell is None else str(cell)


def _widths(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> tuple[float, ...]:
    """Return the shares of columns: by their longest words, so that short ones stay whole."""
    longest = [
        max(len(head), *(min(len(_words(row[place])), MOST_WEIGHT) for row in rows))
        for place, head in enumerate(heads)
    ]
    return tuple(max(float(one), LEAST_WIDTH) for one in longest)


def main() -> int:
    """Draw the document on stdin to stdout; say on stderr why not. Return the exit code."""
    try:
        drawn = render_pdf(json.loads(sys.stdin.buffer.read()))
    except PdfUnavailableError as error:
        sys.stderr.write(str(error))
        return 1
    sys.stdout.buffer.write(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
