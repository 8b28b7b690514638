"""What a session has printed, asked of a terminal that speaks iTerm2's API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from iterm2 import api_pb2 as wire
from iterm2 import rpc
from iterm2.util import CoordRange, Point, WindowedCoordRange

from iterm_mcp.models.output import LineRange, OutputLines, PromptId
from iterm_mcp.terminal import wire_output
from iterm_mcp.terminal.requests import Requests, no_session, rejected

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import Prompt


class ItermOutput(Requests):
    """Lines and prompts."""

    operations: ClassVar[tuple[str, ...]] = (
        "line_range",
        "read_lines",
        "read_prompt",
        "list_prompts",
        "screenshot",
    )

    async def line_range(self, session_id: SessionId) -> LineRange:
        """Return which lines a session has."""
        reply = await self._call(
            "line_range",
            lambda connection: rpc.async_get_property(
                connection, "number_of_lines", session_id=session_id
            ),
        )
        answer = reply.get_property_response
        if answer.status != wire.GetPropertyResponse.Status.OK:
            raise no_session(session_id)
        counts = json.loads(answer.json_value)
        first = counts["overflow"]
        screen = first + counts["history"]
        return LineRange(first, screen, screen + counts["grid"])

    async def read_lines(
        self, session_id: SessionId, first: int, count: int, *, styles: bool = False
    ) -> OutputLines:
        """Return neighbouring lines, as far as they still, or already, exist."""
        wanted = WindowedCoordRange(CoordRange(Point(0, first), Point(0, first + count)))
        reply = await self._call(
            "read_lines",
            lambda connection: rpc.async_get_screen_contents(
                connection, session_id, wanted, style=styles
            ),
        )
        answer = reply.get_buffer_response
        status = wire.GetBufferResponse.Status
        match answer.status:
            case status.OK:
                return wire_output.lines(answer, first)
            case status.INVALID_LINE_RANGE:
                return OutputLines(first, ())
            case _:
                raise no_session(session_id)

    async def read_prompt(
        self, session_id: SessionId, prompt_id: PromptId | None = None
    ) -> Prompt | None:
        """Return one of a session's prompts, or its last; None when there is no such prompt."""
        reply = await self._call(
            "read_prompt",
            lambda connection: rpc.async_get_prompt(connection, session_id, prompt_id),
        )
        answer = reply.get_prompt_response
        status = wire.GetPromptResponse.Status
        match answer.status:
            case status.OK:
                return wire_output.prompt(answer)
            case status.PROMPT_UNAVAILABLE:
                return None
            case _:
                raise no_session(session_id)

    async def list_prompts(self, session_id: SessionId) -> tuple[PromptId, ...]:
        """Return the prompts whose lines are still there, oldest first."""
        reply = await self._call(
            "list_prompts",
            lambda connection: rpc.async_list_prompts(connection, session_id, None, None),
        )
        answer = reply.list_prompts_response
        if answer.status != wire.ListPromptsResponse.Status.OK:
            raise no_session(session_id)
        return tuple(PromptId(one) for one in answer.unique_prompt_id)

    async def screenshot(self, session_id: SessionId) -> bytes:
        """Return a picture of the visible screen, as PNG."""
        reply = await self._call(
            "screenshot", lambda connection: rpc.async_screenshot(connection, session_id)
        )
        answer = reply.screenshot_response
        status = wire.ScreenshotResponse.Status
        match answer.status:
            case status.OK:
                return answer.png
            case status.SESSION_NOT_FOUND:
                raise no_session(session_id)
            case other:
                raise rejected(
                    "take a screenshot",
                    status.Name(other),
                    "Install iterm-mcp with its extra 'png', or ask for text or SVG.",
                )
