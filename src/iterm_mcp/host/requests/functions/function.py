"""What a built-in function is, and how it reads its arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.host import scopes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.session import Session

    Function = Callable[[Context, scopes.Target, Mapping[str, Any]], Awaitable[Any]]
    """Gets the object it was called on and its arguments; returns what JSON can say."""

    Functions = dict[str, Function]
    """A module's functions, by name and sorted names of arguments: ``iterm2.f(a,b)``."""


class FailedError(Exception):
    """The function cannot do it; the text is the reason that the caller sees."""


def text(arguments: Mapping[str, Any], name: str) -> str:
    """Return an argument that is a string.

    Raises:
        FailedError: It is none.
    """
    value = arguments[name]
    if not isinstance(value, str):
        raise FailedError(f"{name} must be a string")
    return value


def session_of(context: Context, target: scopes.Target, function: str) -> Session:
    """Return the session that a function was called on.

    Raises:
        FailedError: It was called on something else.
    """
    session = context.world.sessions.get(target.identifier)
    if target.scope != scopes.SESSION or session is None:
        raise FailedError(f"{function} needs a session")
    return session
