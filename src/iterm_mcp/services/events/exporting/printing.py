"""What happened as PDF: a bounded document, drawn by a process of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import anyio
from pydantic_core import to_json

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.events.exporting.blocks import Facts, Heading, Item, Line, Picture, Table
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from iterm_mcp.services.events.exporting.blocks import Block

MOST_ROWS = 200
"""Of a table."""
MOST_CELL = 300
MOST_BODY = 1000
"""Characters that an event says."""
MOST_SUBJECT = 200
DRAW_SECONDS = 90.0

RENDERER = (sys.executable, "-m", "iterm_mcp.services.events.exporting.pdf")
_drawing = anyio.CapacityLimiter(1)
"""Each takes a processor for seconds, and more than a hundred megabytes."""


def to_document(
    title: str, blocks: Iterable[Block], ending: str, made_at: datetime
) -> dict[str, Any]:
    """Return what is drawn, of bounded size and without invisible characters. Pure."""
    told = [one for block in blocks if (one := _told(block)) is not None]
    return {
        "title": _short(title, MOST_SUBJECT), "blocks": told, "ending": ending,
        "made_at": made_at.isoformat(),
    }  # fmt: skip


async def draw(document: dict[str, Any], renderer: Sequence[str] = RENDERER) -> bytes:
    """Return a document as PDF.

    Raises:
        InvalidRequestError: It cannot be drawn here.
    """
    try:
        async with _drawing:
            with anyio.fail_after(DRAW_SECONDS):
                done = await anyio.run_process(renderer, input=to_json(document), check=False)
    except (TimeoutError, OSError) as error:
        raise _impossible(type(error).__name__) from None
    except ExceptionGroup as errors:  # it ended before it had read everything
        if errors.split((anyio.BrokenResourceError, OSError))[1] is not None:
            raise
        raise _impossible("what draws it ended at once") from None
    if done.returncode:
        raise _impossible(done.stderr.decode(errors="replace").strip().rpartition("\n")[2])
    return done.stdout


def _impossible(reason: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"no PDF can be made: {reason}",
        hint="Install the part it needs, or export as HTML and print that.",
        code="no_pdf",
    )


def _told(block: Block) -> dict[str, Any] | None:
    match block:
        case Heading(words):
            return {"block": "heading", "text": _short(words)}
        case Line(words, dim):
            return {"block": "line", "text": _short(words), "dim": dim}
        case Facts(rows):
            return {"block": "facts", "rows": [[_short(name), _short(one)] for name, one in rows]}
        case Table(heads, rows):
            return {
                "block": "table",
                "heads": [_short(one) for one in heads],
                "rows": [[_cell(one) for one in row] for row in rows[:MOST_ROWS]],
                "left_out": max(len(rows) - MOST_ROWS, 0),
            }
        case Item(when, kind, subject, figures, body, failed):
            return {
                "block": "item", "when": when, "kind": kind, "figures": figures, "failed": failed,
                "subject": _short(subject, MOST_SUBJECT), "body": _short(body, MOST_BODY),
            }  # fmt: skip
        case Picture():
            return None


def _cell(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return _short("" if value is None else str(value))


def _short(text: str, most: int = MOST_CELL) -> str:
    shown = sanitise(text[:most])
    return shown if len(text) <= most else f"{shown} … [{len(text) - most} characters more]"
