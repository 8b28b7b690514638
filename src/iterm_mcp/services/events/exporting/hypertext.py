"""Blocks as HTML. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.services.events.exporting.blocks import (
    Facts,
    Heading,
    Item,
    Line,
    Picture,
    Table,
)
from iterm_mcp.services.events.exporting.drawing import draw_timeline
from iterm_mcp.services.events.exporting.markup import cards, table, text
from iterm_mcp.services.events.timelines import make_timeline

if TYPE_CHECKING:
    from iterm_mcp.services.events.exporting.blocks import Block


def to_html(block: Block) -> str:
    """Return a block as a part of a page."""
    match block:
        case Heading(words):
            return f"<h2>{text(words)}</h2>\n"
        case Line(words, dim):
            return f"<p{' class=dim' if dim else ''}>{text(words)}</p>\n"
        case Facts(rows):
            return cards(rows)
        case Table(heads, rows):
            return table(heads, rows)
        case Picture(account):
            drawn = draw_timeline(make_timeline(account), account.last_at)
            return f"<h2>Timeline</h2>\n{drawn}"
        case Item():
            return _item(block)


def _item(one: Item) -> str:
    head = (
        f'<span class="dim">{one.when}</span> '
        f"<b{' class=bad' if one.failed else ''}>{text(one.kind)}</b> "
        f'{text(one.subject, 200)}<span class="dim">{one.figures}</span>'
    )
    return f"<details><summary>{head}</summary><pre>{text(one.body)}</pre></details>\n"
