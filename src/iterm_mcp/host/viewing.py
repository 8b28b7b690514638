"""What there is to be drawn of a session: its lines, cursor and colours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.host.rendering.palette import DARK, with_palette, with_profile
from iterm_mcp.host.rendering.view import Cursor, View

if TYPE_CHECKING:
    from iterm_mcp.host.rendering.palette import Colors
    from iterm_mcp.host.session import Session

MAX_HISTORY = 2000
"""How many lines above the screen a view may show: reading more would keep others waiting."""


def view_session(session: Session, *, history: int = 0) -> View:
    """Return what a session shows now, and up to `history` lines above it."""
    engine = session.engine
    top = engine.overflow + engine.history
    above = min(history, MAX_HISTORY, engine.history)
    lines = engine.lines(top - above, above + engine.rows, styles=True, erased=True)
    look = engine.cursor_look
    column, line = engine.cursor
    row = line - top - engine.rows + len(lines)  # the history may be out of reach just now
    return View(
        lines=lines,
        columns=engine.columns,
        cursor=None if look is None or session.exited else Cursor(column, row, look),
        colors=_turned_round(session),
    )


def colors_of(session: Session) -> Colors:
    """Return a session's colours: those of its profile, where programs change them too.

    The rest of the palette, which no profile has, is in the emulator.
    """
    return with_palette(with_profile(DARK, session.profile), session.engine.colors())


def _turned_round(session: Session) -> Colors:
    """Return the colours as they are shown."""
    colors = colors_of(session)
    if session.engine.reverse_video:
        return replace(colors, foreground=colors.background, background=colors.foreground)
    return colors
