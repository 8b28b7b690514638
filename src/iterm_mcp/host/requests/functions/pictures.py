"""The function, of our own and not of the app's, that shows a session as text or as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio import to_thread

from iterm_mcp.host.rendering.svg import render_svg
from iterm_mcp.host.rendering.text import render_ansi, render_text
from iterm_mcp.host.requests.functions.function import FailedError, session_of, text
from iterm_mcp.host.viewing import MAX_HISTORY, view_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host import scopes
    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.requests.functions.function import Functions

FORMATS = {"text": render_text, "ansi": render_ansi, "svg": render_svg}


async def screenshot(context: Context, target: scopes.Target, arguments: Mapping[str, Any]) -> str:
    """Show a session's screen and some lines of its history."""
    session = session_of(context, target, "screenshot")
    render = FORMATS.get(text(arguments, "format"))
    if render is None:
        raise FailedError(f"format must be one of {', '.join(FORMATS)}")
    history = arguments["history"]
    if type(history) is not int or not 0 <= history <= MAX_HISTORY:
        raise FailedError(f"history must be a whole number from 0 to {MAX_HISTORY}")
    return await to_thread.run_sync(render, view_session(session, history=history))


FUNCTIONS: Functions = {"iterm_mcp.screenshot(format,history)": screenshot}
