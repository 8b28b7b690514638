"""How a session wants its input, over iTerm2's API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from iterm2 import api_pb2 as wire
from iterm2 import rpc

from iterm_mcp.models.input import InputState
from iterm_mcp.terminal.requests import Requests, no_session

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId

_OURS = "iterm_mcp.input"
"""Our host's own variable; null in iTerm2."""

_BRACKETING_SHELLS = frozenset({"zsh", "fish"})
"""They ask for bracketed paste at every prompt, whatever their version."""


class ItermInput(Requests):
    """The modes that decide what keys and pastes send."""

    operations: ClassVar[tuple[str, ...]] = ("read_input_state",)

    async def read_input_state(self, session_id: SessionId) -> InputState:
        """Return how a session wants its input.

        iTerm2 tells neither of the modes. What programs switch on together with application
        cursor keys (terminfo's ``smkx``) is the application keypad, which it does tell; and of
        bracketed paste it is known that zsh and fish want it at their prompt.
        """
        names = [_OURS, "applicationKeypad", "jobName"]
        reply = await self._call(
            "read_input_state",
            lambda connection: rpc.async_variable(connection, session_id, [], names),
        )
        answer = reply.variable_response
        if answer.status != wire.VariableResponse.Status.OK:
            raise no_session(session_id)
        ours, keypad, job = (json.loads(value) for value in answer.values)
        if ours is None:
            shell = str(job or "").lstrip("-")
            return InputState(bool(keypad), bracketed_paste=shell in _BRACKETING_SHELLS)
        return InputState(
            application_cursor=bool(ours["applicationCursor"]),
            bracketed_paste=bool(ours["bracketedPaste"]),
            reads_lines=ours["readsLines"],
            queued=ours["queued"],
        )
