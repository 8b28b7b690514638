"""The functions, of our own and not of the app's, that replace the host's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.host.requests.functions.function import FailedError, text
from iterm_mcp.host.upgrade.rehearsal import UpgradeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host import scopes
    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.requests.functions.function import Functions
    from iterm_mcp.host.upgrade.upgrader import Upgrader


async def upgrade(
    context: Context, _target: scopes.Target, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Begin to become what a Python has installed; the connection ends soon after the answer.

    Whether it came to that, `upgrades` tells on a new connection: its ``count`` is higher then.
    """
    try:
        return await _upgrader(context).upgrade(text(arguments, "python"))
    except UpgradeError as error:
        raise FailedError(str(error)) from None


async def upgrades(
    context: Context, _target: scopes.Target, _arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the version, how many upgrades there were, and why the last one failed."""
    return _upgrader(context).status()


def _upgrader(context: Context) -> Upgrader:
    if context.upgrader is None:
        raise FailedError("this host cannot be upgraded")
    return context.upgrader


FUNCTIONS: Functions = {
    "iterm_mcp.upgrade(python)": upgrade,
    "iterm_mcp.upgrades()": upgrades,
}
