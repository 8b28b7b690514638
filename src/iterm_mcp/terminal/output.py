"""What a session has printed, asked of a terminal that speaks iTerm2's API."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from iterm2 import api_pb2 as wire
from iterm2 import rpc
from iterm2.util import CoordRange, Point, WindowedCoordRange

from iterm_mcp.models.output import LineRange, OutputLines, OutputView, Place, PromptId
from iterm_mcp.terminal import wire_output
from iterm_mcp.terminal.requests import Requests, ask, no_session, rejected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import Prompt
    from iterm_mcp.terminal.connection import Connection

    Ask = Callable[[Connection], Awaitable[wire.ServerOriginatedMessage]]


class ItermOutput(Requests):
    """Lines and prompts."""

    operations: ClassVar[tuple[str, ...]] = (
        "line_range",
        "read_lines",
        "view_output",
        "read_prompt",
        "list_prompts",
        "screenshot",
    )

    async def line_range(self, session_id: SessionId) -> LineRange:
        """Return which lines a session has."""
        return _range(session_id, await self._call("line_range", _ask_range(session_id)))

    async def read_lines(
        self, session_id: SessionId, first: int, count: int, *, styles: bool = False
    ) -> OutputLines:
        """Return neighbouring lines, as far as they still, or already, exist."""
        reply = await self._call("read_lines", _ask_lines(session_id, first, count, styles=styles))
        lines = _lines(session_id, reply, first, count)
        if 0 < len(lines.lines) < count and lines.first == first:  # which of them, it does not say
            return (await self.view_output(session_id, first, count, styles=styles)).lines
        return lines

    async def view_output(
        self, session_id: SessionId, first: int | None, count: int, *, styles: bool = False
    ) -> OutputView:
        """Return neighbouring lines, or the newest, with cursor and range.

        Should lines be lost faster than they can be asked for, none are returned.
        """
        view = await self._view(session_id, first, count, styles=styles)
        if first is None or _is_numbered(view, first, count):
            return view
        # Some of them are lost, and it does not say which. In what ends above the cursor it is
        # told by how many have come.
        first = view.span.first
        count = max(1, min(count, view.cursor.line + 1 - first))
        view = await self._view(session_id, first, count, styles=styles)
        if _is_numbered(view, first, count):
            return view
        return replace(view, lines=OutputLines(view.span.first, ()))

    async def _view(
        self, session_id: SessionId, first: int | None, count: int, *, styles: bool
    ) -> OutputView:
        reply, span_reply, variable = await self._together(
            "view_output",
            _ask_newest(session_id, count, styles=styles)
            if first is None
            else _ask_lines(session_id, first, count, styles=styles),
            _ask_range(session_id),
            lambda connection: rpc.async_variable(
                connection, session_id, [], ["showingAlternateScreen"]
            ),
        )
        lines = _lines(session_id, reply, first, count)
        values = variable.variable_response.values
        if not values:
            raise no_session(session_id)
        cursor = reply.get_buffer_response.cursor
        return OutputView(
            lines,
            _range(session_id, span_reply),
            Place(cursor.y, cursor.x),
            bool(json.loads(values[0])),
        )

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


def _is_numbered(view: OutputView, first: int, count: int) -> bool:
    """Tell whether the numbers of the lines are known: none is lost, or it is known which are."""
    start, got = view.lines.first, len(view.lines.lines)
    return start > first or start >= view.span.first or got in {0, count}


def _ask_range(session_id: SessionId) -> Ask:
    return lambda connection: rpc.async_get_property(
        connection, "number_of_lines", session_id=session_id
    )


def _ask_lines(session_id: SessionId, first: int, count: int, *, styles: bool) -> Ask:
    wanted = WindowedCoordRange(CoordRange(Point(0, first), Point(0, first + count)))
    return lambda connection: rpc.async_get_screen_contents(
        connection, session_id, wanted, style=styles
    )


def _ask_newest(session_id: SessionId, count: int, *, styles: bool) -> Ask:
    message = wire.ClientOriginatedMessage()
    message.get_buffer_request.session = session_id
    message.get_buffer_request.include_styles = styles
    message.get_buffer_request.line_range.trailing_lines = count
    return lambda connection: ask(connection, message)


def _range(session_id: SessionId, reply: wire.ServerOriginatedMessage) -> LineRange:
    answer = reply.get_property_response
    if answer.status != wire.GetPropertyResponse.Status.OK:
        raise no_session(session_id)
    counts = json.loads(answer.json_value)
    first = counts["overflow"]
    screen = first + counts["history"]
    return LineRange(first, screen, screen + counts["grid"])


def _lines(
    session_id: SessionId, reply: wire.ServerOriginatedMessage, first: int | None, count: int
) -> OutputLines:
    """Return the lines of a reply; None for `first` is one that asked for the newest."""
    answer = reply.get_buffer_response
    status = wire.GetBufferResponse.Status
    match answer.status:
        case status.OK:
            return wire_output.lines(answer, first, count)
        case status.INVALID_LINE_RANGE:
            return OutputLines(first or 0, ())
        case _:
            raise no_session(session_id)
