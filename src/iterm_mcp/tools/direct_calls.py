"""Calls of tools that come from no MCP client, through the same gate as all others."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, ImageContent, Implementation, TextContent
from pydantic_core import to_json

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.tool_calls import ToolAnswer, ToolFacts, ToolPicture
from iterm_mcp.tools.tiers import READ
from iterm_mcp.tools.tool import StrictTool, success

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.tool_calls import ToolCaller
    from iterm_mcp.tools.calls import Calls
    from iterm_mcp.tools.tool import ToolRow


MOST_CONTEXTS = 300
_SESSION = "direct_session"


class _ClientParams:
    """What a client would have said of itself."""

    def __init__(self, name: str) -> None:
        self.client_info = Implementation(name=name, version="")


class _Session:
    """A session with nobody at its other end: it can be asked and told nothing."""

    can_send_request = False

    def __init__(self, name: str) -> None:
        self.client_params = _ClientParams(name)


class _DirectContext(Context[Any, Any]):
    """What a tool is given where there is no MCP request."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.__dict__[_SESSION] = _Session(name)  # pydantic is slow to hand out a private attribute

    @property
    def session(self) -> Any:  # noqa: ANN401 - as the SDK has it
        """Return what says who calls."""
        return self.__dict__[_SESSION]

    @property
    def client_capabilities(self) -> None:
        """Return none: nobody can be asked."""

    async def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Tell nobody."""


@lru_cache(maxsize=MOST_CONTEXTS)
def _context(name: str) -> _DirectContext:
    """Return what a caller's calls are given: it holds nothing but the name."""
    return _DirectContext(name)


class DirectCalls:
    """The tools, for callers such as the HTTP interface."""

    def __init__(self, rows: Iterable[ToolRow], calls: Calls) -> None:
        tools = [StrictTool.from_row(row, calls) for row in rows]
        self._tools = {tool.name: tool for tool in tools}
        self._calls = calls

    def facts(self) -> tuple[ToolFacts, ...]:
        """Return the tools, in the order in which clients list them."""
        return tuple(
            ToolFacts(one.name, one.title or one.name, one.tier, one.description, one.parameters)
            for one in self._tools.values()
        )

    async def call(self, name: str, arguments: Mapping[str, Any], caller: ToolCaller) -> ToolAnswer:
        """Call a tool; the task that calls is its caller from then on.

        Raises:
            NotFoundError: There is no such tool.
            ItermMcpError: It was refused, or could not do what was asked.
        """
        self._calls.clients.enter_direct(caller.name, caller.access)
        context = _context(caller.name)
        given = dict(arguments)
        tool = self._tools.get(name)
        if tool is None:
            with self._calls.serve(name, READ, given, context):
                raise NotFoundError("tool", name, hint="GET /v1/tools lists them.")
        with tool.served(given, context) as call:
            value = await tool.value(call, context)
            limits = call.client.limits
            if isinstance(value, dict):  # what most tools answer; nobody needs it as a text, too
                encoded = to_json(value, inf_nan_mode="null")
                limits.charge(len(encoded.decode()))
                return ToolAnswer(value, encoded=encoded)
            result = success(value)
            assert isinstance(result, CallToolResult)  # noqa: S101 - nobody can be asked for input
            return _answer(limits.fit(result))


def _answer(result: CallToolResult) -> ToolAnswer:
    texts = [one.text for one in result.content if isinstance(one, TextContent)]
    pictures = tuple(
        ToolPicture(one.mime_type, one.data)
        for one in result.content
        if isinstance(one, ImageContent)
    )
    return ToolAnswer(result.structured_content, "\n".join(texts), pictures)
