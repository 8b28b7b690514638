"""Styles of terminal text as marks that a model can read. Pure.

``[[bold fg=1 bg=#202020]]text[[/]]``: only stretches that are not plain are marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.models.output import OutputLine, TextStyle

_FLAGS = ("bold", "faint", "italic", "underline", "strikethrough", "inverse", "invisible")


def styled(row: OutputLine) -> str:
    """Return a row's text, with its styles if it has any."""
    if not row.styles:
        return row.text
    pieces: list[str] = []
    column = 0
    for style in row.styles:
        text = row.text[row.offset(column) : row.offset(column + style.cells)]
        column += style.cells
        words = _words(style)
        pieces.append(f"[[{words}]]{text}[[/]]" if words and text else text)
    pieces.append(row.text[row.offset(column) :])
    return "".join(pieces)


def _words(style: TextStyle) -> str:
    words = [flag for flag in _FLAGS if getattr(style, flag)]
    if style.foreground is not None:
        words.append(f"fg={style.foreground}")
    if style.background is not None:
        words.append(f"bg={style.background}")
    if style.url is not None:
        words.append(f"link={style.url}")
    return " ".join(words)
