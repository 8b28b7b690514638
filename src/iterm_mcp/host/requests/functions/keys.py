"""The way in for keys that a person presses.

Text that a client sends is no keystroke, as in the app: nobody is told of it, and no filter
takes it away. A terminal that a person sits at calls this function for each key instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.host import wire
from iterm_mcp.host.keystrokes import DOWN, Keystroke
from iterm_mcp.host.requests.functions.function import FailedError, session_of, text
from iterm_mcp.host.requests.sessions import type_into

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host import scopes
    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.requests.functions.function import Functions


async def press_key(context: Context, target: scopes.Target, arguments: Mapping[str, Any]) -> bool:
    """Tell of a key, and type it unless a client's filter takes it away.

    Args:
        arguments: ``characters`` and ``charactersIgnoringModifiers``; ``modifiers``, a list of
            names such as ``CONTROL``; ``keyCode``; ``action``: ``KEY_DOWN``, ``KEY_UP`` or
            ``FLAGS_CHANGED``; ``bytes``: the text that is typed when it goes down.

    Returns:
        Whether it went to the session: typed there, if it goes down, and in its domain.
    """
    session = session_of(context, target, "press_key")
    names, code = arguments["modifiers"], arguments["keyCode"]
    if not isinstance(names, list) or isinstance(code, bool) or not isinstance(code, int):
        raise FailedError("modifiers must be a list, and keyCode a whole number")
    try:
        modifiers = frozenset(wire.Modifiers.Value(one) for one in names)
        action = wire.KeystrokeNotification.Action.Value(text(arguments, "action"))
    except (TypeError, ValueError) as error:
        raise FailedError(str(error)) from None
    keystroke = Keystroke(
        text(arguments, "characters"),
        text(arguments, "charactersIgnoringModifiers"),
        modifiers,
        max(min(code, 2**31 - 1), -(2**31)),
        action,
    )
    typed = text(arguments, "bytes").encode()
    if context.world.observer.key_pressed(session, keystroke):
        return False
    if action == DOWN:
        await type_into(context.world, [session], typed)
    return True


FUNCTIONS: Functions = {
    "iterm_mcp.press_key(action,bytes,characters,charactersIgnoringModifiers,keyCode,modifiers)": (
        press_key
    )
}
