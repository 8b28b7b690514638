"""Marks for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from iterm_mcp.models.backlog import Mark, MarkId, Scan, Where
from iterm_mcp.services.backlog.finding import Finder
from iterm_mcp.services.backlog.identity import content_of
from iterm_mcp.services.backlog.scanning import find_all

START = datetime(2026, 1, 1, tzinfo=UTC)


def mark(
    name: str = "m1", text: str = "say it", path: str = "a.py", line: int = 1, author: str = ""
) -> Mark:
    return Mark(
        MarkId(name), "TODO", text, path, line, Where.COMMENT, content_of("TODO", text),
        f"place of {name}", own_line=f"# TODO: {text}", author=author,
    )  # fmt: skip


def found(text: str, path: str = "a.py", finder: Finder | None = None) -> list[Mark]:
    return find_all(finder or Finder(), path, text)


def scan_of(*marks: Mark, commit: str = "c" * 40) -> Scan:
    return Scan("/src/app/.git", "/src/app", commit, START, marks, 1)
