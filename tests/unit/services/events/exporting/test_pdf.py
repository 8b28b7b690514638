from __future__ import annotations

import json
import sys
from io import BytesIO, TextIOWrapper
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.services.events.exporting.test_exporter import HOSTILE, NOW, Pages, whole
from tests.unit.services.events.story import story
from tests.unit.services.events.told import at, prompt

from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.exports import ExportFormat
from iterm_mcp.services.events.exporting import Exporter, pdf
from iterm_mcp.services.events.exporting.blocks import Facts, Heading, Item, Line, Table
from iterm_mcp.services.events.exporting.exporter import MOST_PRINTED
from iterm_mcp.services.events.exporting.pdf import PdfUnavailableError, main, render_pdf
from iterm_mcp.services.events.exporting.printing import (
    MOST_BODY,
    MOST_ROWS,
    to_document,
)
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from iterm_mcp.services.events.exporting.blocks import Block


def document(*blocks: Block, title: str = "a title") -> dict[str, Any]:
    return to_document(title, blocks, "the end", at(0))


def item(body: str = "", subject: str = "make", *, failed: bool = False) -> Item:
    return Item("2026-01-01 00:00:00", "ToolEnded", subject, " · 1.0 s", body, failed)


class Printer:
    """Keeps what is to be drawn."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []

    async def draw(self, given: dict[str, Any]) -> bytes:
        self.documents.append(given)
        return b"%PDF"


async def test_a_conversation_is_printed_with_its_events() -> None:
    printer = Printer()
    exporter = Exporter(Pages(story()), FakeClock(NOW), print_out=printer.draw)
    export = await exporter.conversation("c1", ExportFormat.PDF)
    assert await whole(export) == "%PDF"
    assert export.name.endswith(".pdf")
    (given,) = printer.documents
    assert given["title"] == "first"
    assert {"facts", "table", "heading", "line", "item"} == {
        one["block"] for one in given["blocks"]
    }
    assert f"These are all {len(story())} events." in given["ending"]


async def test_comparisons_and_queries_are_printed_too() -> None:
    printer = Printer()
    exporter = Exporter(Pages(story()), FakeClock(NOW), print_out=printer.draw)
    await exporter.comparison(["c1", "c1"], ExportFormat.PDF)
    await exporter.events(EventQuery(), ExportFormat.PDF)
    assert [one["title"] for one in printer.documents] == ["Conversations side by side", "Events"]


async def test_so_many_events_are_printed() -> None:
    printer = Printer()
    events = [prompt(one) for one in range(MOST_PRINTED + 1)]
    exporter = Exporter(Pages(events), FakeClock(NOW), print_out=printer.draw)
    await exporter.events(EventQuery(), ExportFormat.PDF)
    (given,) = printer.documents
    assert len(given["blocks"]) == MOST_PRINTED
    assert "not all: there are more" in given["ending"]


def test_a_document_is_bounded_and_holds_nothing_invisible() -> None:
    rows = [(1, HOSTILE, None, True)] * (MOST_ROWS + 5)
    given = document(
        Table(("a", "b", "c", "d"), rows), item("\x1b[31m" + "x" * 9999), title=HOSTILE
    )
    table, one = given["blocks"]
    assert (len(table["rows"]), table["left_out"]) == (MOST_ROWS, 5)
    assert table["rows"][0][0] == 1
    assert table["rows"][0][2:] == ["", "True"]
    assert len(one["body"]) < MOST_BODY + 40
    told_there = json.dumps(given, ensure_ascii=False)
    assert "\u202e" not in told_there
    assert "\\u001b" not in told_there


def test_pages_are_drawn_of_texts_in_many_scripts() -> None:
    texts = "Grüße мир Ελλ שלום ⠋ ├── 🚀"
    facts = Facts([(str(number), texts) for number in range(5)])
    drawn = render_pdf(
        document(
            Heading("Facts"), Line(texts), Line("", dim=True), facts,
            Table(("n", "text"), [(1, texts), (2000, "w" * 290)]), Table(("n",), []),
            item(f"\tdef f():\n{texts}", "path/" * 35, failed=True), item(), title=texts,
        )
    )  # fmt: skip
    assert drawn.startswith(b"%PDF-1.")
    assert 10_000 < len(drawn) < 100_000
    for name in (b"NotoSans", b"JetBrainsMono", b"NotoEmoji", b"NotoSansHebrew"):
        assert name in drawn
    assert b"/JavaScript" not in drawn
    assert b"/URI" not in drawn


@pytest.mark.long
def test_letters_of_the_east_are_taken_out_of_their_large_font_as_truetype() -> None:
    drawn = render_pdf(document(Line("日本語 中文 한국어 ⠋")))
    assert b"NotoSansCJK" in drawn
    assert b"CIDFontType2" in drawn
    assert len(drawn) < 50_000


def test_after_so_many_pages_the_rest_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_PAGES", 2)
    blocks = [Heading("x")] * 150
    drawn = render_pdf(document(*blocks, Table(("a",), [("b",)] * (MOST_ROWS + 1))))
    assert b"/Count 2\n" in drawn


def test_without_the_extra_it_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PdfUnavailableError, match=r"iterm-mcp\[pdf\]"):
        render_pdf(document(), writer="no_such_writer")
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(json.dumps(document()).encode())))
    monkeypatch.setitem(sys.modules, "fpdf", None)
    assert main() == 1
    assert "pip install" in capsys.readouterr().err


def test_the_program_draws_what_it_reads(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(json.dumps(document()).encode())))
    assert main() == 0
    sys.stdout.flush()
    assert capfdbinary.readouterr().out.startswith(b"%PDF-1.")
