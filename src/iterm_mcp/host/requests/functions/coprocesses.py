"""The functions that start, name and stop a session's coprocess."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.host.coprocess import Coprocess
from iterm_mcp.host.requests.functions.function import FailedError, session_of, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host import scopes
    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.requests.functions.function import Functions
    from iterm_mcp.host.session import Session


async def run_coprocess(
    context: Context, target: scopes.Target, arguments: Mapping[str, Any]
) -> bool:
    """Start a coprocess; False when one runs already. ``mute``: show no output meanwhile."""
    session = session_of(context, target, "run_coprocess")
    command_line = text(arguments, "commandLine")
    muted = arguments.get("mute", False)
    if not isinstance(muted, bool):
        raise FailedError("mute must be true or false")
    if _running(session) is not None or session.exited:
        return False
    try:
        coprocess = await Coprocess.start(command_line, session.path, session.write, muted=muted)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the command line
        raise FailedError(f"The coprocess could not be started: {error}") from None
    if _running(session) is not None or session.exited:  # by now
        coprocess.stop()
        return False
    if session.coprocess is not None:
        session.coprocess.stop()  # it has ended, but a child of its may still have its output
    session.coprocess = coprocess
    return True


async def get_coprocess(
    context: Context, target: scopes.Target, _arguments: Mapping[str, Any]
) -> str | None:
    """Return the command line of the running coprocess."""
    running = _running(session_of(context, target, "get_coprocess"))
    return None if running is None else running.command_line


async def stop_coprocess(
    context: Context, target: scopes.Target, _arguments: Mapping[str, Any]
) -> bool:
    """End the coprocess; False when none runs."""
    running = _running(session_of(context, target, "stop_coprocess"))
    if running is None:
        return False
    running.stop()
    return True


def _running(session: Session) -> Coprocess | None:
    coprocess = session.coprocess
    return coprocess if coprocess is not None and coprocess.running else None


FUNCTIONS: Functions = {
    "iterm2.run_coprocess(commandLine)": run_coprocess,
    "iterm2.run_coprocess(commandLine,mute)": run_coprocess,
    "iterm2.get_coprocess()": get_coprocess,
    "iterm2.stop_coprocess()": stop_coprocess,
}
