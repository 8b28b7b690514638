"""Pictures of sessions, over iTerm2's API and one function that only our host has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from iterm2 import api_pb2 as wire
from iterm2 import rpc
from iterm2.util import invocation_string

from iterm_mcp.terminal.requests import Requests, no_session, rejected

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId

SVG_HINT = "Only the headless host draws SVG: ask for png or text."


class ItermPictures(Requests):
    """A session as a drawing; `ItermOutput.screenshot` has it as PNG."""

    operations: ClassVar[tuple[str, ...]] = ("draw_session",)

    async def draw_session(self, session_id: SessionId, *, history: int = 0) -> str:
        """Return a drawing of the screen and some lines above it, as SVG."""
        invocation = invocation_string(
            "iterm_mcp.screenshot", {"format": "svg", "history": history}
        )
        reply = await self._call(
            "draw_session",
            lambda connection: rpc.async_invoke_function(
                connection, invocation, session_id=session_id, timeout=self._timeout_seconds
            ),
        )
        answer = reply.invoke_function_response
        if not answer.HasField("error"):
            return str(json.loads(answer.success.json_result))
        if answer.error.status == wire.InvokeFunctionResponse.Status.INVALID_ID:
            raise no_session(session_id)
        raise rejected("draw the session", answer.error.error_reason, SVG_HINT)
