"""What happened, as files for people and programs elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class ExportFormat(StrEnum):
    """How a file is written."""

    JSON = "json"
    JSONL = "jsonl"
    """One JSON object a line; the last says whether that was all."""
    CSV = "csv"
    """For spreadsheets: what they would take for a formula is told as text."""
    HTML = "html"
    """One page that needs no network and runs nothing."""
    PDF = "pdf"
    """Pages to print, with the fonts that they need."""
    ASCIICAST = "asciicast"
    """What a terminal showed, version 3, with a marker at each turn and each call of a tool."""

    @property
    def suffix(self) -> str:
        """How a file's name ends, without the dot."""
        return "cast" if self is ExportFormat.ASCIICAST else self.value


MEDIA_TYPES = {
    ExportFormat.JSON: "application/json",
    ExportFormat.JSONL: "application/x-ndjson",
    ExportFormat.CSV: "text/csv; charset=utf-8; header=present",
    ExportFormat.HTML: "text/html; charset=utf-8",
    ExportFormat.PDF: "application/pdf",
    ExportFormat.ASCIICAST: "application/x-asciicast",
}


@dataclass(frozen=True, slots=True)
class Export:
    """A file in the making.

    Attributes:
        name: That it may be kept under; letters, digits, dots and hyphens alone.
        chunks: Its bytes in UTF-8, to be read once. Where something is left out, the file itself
            says so at its end.
    """

    name: str
    format: ExportFormat
    chunks: AsyncIterator[bytes]

    @property
    def media_type(self) -> str:
        """What it is, for HTTP."""
        return MEDIA_TYPES[self.format]
