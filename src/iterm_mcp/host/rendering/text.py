"""A view as text: plain, or with the escape sequences that show it again in a terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from iterm_mcp.host.lines import PLAIN
from iterm_mcp.host.rendering.view import glyphs, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.host.lines import Color, Line, Style
    from iterm_mcp.host.rendering.view import Glyph, View

_UNDERLINES = {"single": "4", "double": "4:2", "curly": "4:3", "dotted": "4:4", "dashed": "4:5"}
_BRIGHT = range(8, 16)


def render_text(view: View) -> str:
    """Return the lines without styles, each ended by a newline; no spaces at their ends."""
    return "".join(
        "".join(glyph.text for glyph in glyphs(line, view.columns)).rstrip(" ") + "\n"
        for line in view.lines
    )


def render_ansi(view: View) -> str:
    """Return the lines with SGR sequences and links, each ended by a newline.

    Printed on a terminal as wide as the view, it looks as the view does; colours of the palette
    are that terminal's. Each line begins and ends with no style set.
    """
    return "".join(_ansi_line(line, view.columns) + "\n" for line in view.lines)


def _ansi_line(line: Line, columns: int) -> str:
    written = list(glyphs(line, columns))
    while written and _blank(written[-1]):
        written.pop()
    out: list[str] = []
    link: str | None = None
    last = PLAIN
    for style, group in groupby(written, lambda glyph: glyph.style):
        if style.url != link:
            link = style.url
            out.append(_link(link))
        codes = ";".join(_codes(style))
        if codes != ";".join(_codes(last)):
            out.append(f"\x1b[0;{codes}m" if codes else "\x1b[0m")
        last = style
        out.extend(glyph.text for glyph in group)
    if link is not None:
        out.append(_link(None))
    if any(_codes(last)):
        out.append("\x1b[0m")
    return "".join(out)


def _blank(glyph: Glyph) -> bool:
    """Tell whether a cell looks as if it had never been written."""
    style = glyph.style
    struck = style.underline or style.strikethrough or style.overline
    return (
        glyph.text == " "
        and style.background.kind == "default"
        and not (struck or style.inverse or style.url)
    )


def _link(url: str | None) -> str:
    return f"\x1b]8;;{seen(url or '')}\x1b\\"


def _codes(style: Style) -> Iterator[str]:
    """Yield the SGR parameters that lead from no style to this one."""
    flags = (
        (style.bold, "1"),
        (style.faint, "2"),
        (style.italic, "3"),
        (style.underline, _UNDERLINES[style.underline_shape]),
        (style.blink, "5"),
        (style.inverse, "7"),
        (style.invisible, "8"),
        (style.strikethrough, "9"),
        (style.overline, "53"),
    )
    yield from (code for on, code in flags if on)
    yield from _color(style.foreground, 30)
    yield from _color(style.background, 40)
    if style.underline_color is not None:
        yield from _color(style.underline_color, 50)


def _color(color: Color, base: int) -> Iterator[str]:
    """Yield the parameters of a foreground (30), a background (40) or an underline (50)."""
    value = color.value
    if color.kind == "rgb":
        yield f"{base + 8};2;{value >> 16};{value >> 8 & 0xFF};{value & 0xFF}"
    elif color.kind == "palette":
        if base == 50 or value > _BRIGHT[-1]:  # noqa: PLR2004 - underlines know no short form
            yield f"{base + 8};5;{value}"
        else:
            yield str(base + value + (52 if value in _BRIGHT else 0))
