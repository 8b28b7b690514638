"""The functions that name sessions, tabs and windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.host import profiles, scopes
from iterm_mcp.host.requests.functions.function import FailedError, session_of, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.requests.functions.function import Functions


async def set_name(context: Context, target: scopes.Target, arguments: Mapping[str, Any]) -> None:
    """Name a session."""
    session = session_of(context, target, "set_name")
    name = text(arguments, "name")
    session.set_name(name)
    session.profile = profiles.own_copy(session.profile, {"Name": name})
    context.world.variables_touched()


async def set_title(context: Context, target: scopes.Target, arguments: Mapping[str, Any]) -> None:
    """Give a tab or a window a title; an empty one takes it away."""
    if target.scope not in {scopes.TAB, scopes.WINDOW}:
        raise FailedError("set_title needs a tab or a window")
    key = scopes.user_key(target)
    title = text(arguments, "title")
    if title:
        context.world.titles[key] = title
    else:
        context.world.titles.pop(key, None)
    context.world.variables_touched()


FUNCTIONS: Functions = {
    "iterm2.set_name(name)": set_name,
    "iterm2.set_title(title)": set_title,
}
