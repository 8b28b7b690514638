"""Which tools a client is shown, and the one by which it reaches the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, InputRequiredResult
from pydantic import Field

from iterm_mcp.access import DEFAULT_TOOLS, Access, AccessError
from iterm_mcp.errors import NotFoundError
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.calls import client_name
from iterm_mcp.tools.tiers import READ, allows
from iterm_mcp.tools.tool import TYPES, StrictTool, ToolRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.tools.clients import Clients

CORE = (
    "list_sessions", "open_session", "send_text", "send_keys", "read_screen", "close_session",
    "run_command", "command_status", "interrupt_session", "wait_for", "read_output",
    "apply_layout", "register_agent", "list_agents", "cascade_message",
)  # fmt: skip
"""What a client is shown that puts every schema before its model, at every turn."""

DEFERRING = ("claude-code",)
"""Clients that load a schema when it is needed, by its name and search hint."""

MORE = "more_tools"


class Catalogue:
    """Knows all tools by name; `more_tools` is added to them."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._tools: dict[str, StrictTool] = {}

    def fill(self, tools: Iterable[StrictTool]) -> None:
        """Take the tools, in the order in which clients list them."""
        self._tools = {tool.name: tool for tool in tools}

    def row(self) -> ToolRow:
        """Return the row of `more_tools`."""
        return ToolRow(
            self.more_tools,
            "More tools",
            TYPES,  # what it calls has a tier of its own, which is checked then
            "other hidden tools list call",
            tier=READ,
        )

    def check(self, access: Access) -> None:
        """Let a choice of tools pass that means something.

        Raises:
            AccessError: It names a tool that is none.
        """
        for word in access.tools.split(",") if access.tools else []:
            if word not in {"core", "all", DEFAULT_TOOLS} and word not in self._tools:
                raise AccessError(
                    f"there is no tool {word[:40]!r}: core, all, auto, or names of tools"
                )

    def allowed(self) -> list[str]:
        """Return the names of the tools that the current client may call."""
        limit = self._clients.current().access.tier
        return [name for name, tool in self._tools.items() if allows(limit, tool.tier)]

    def shown(self, context: Context[Any, Any]) -> list[str]:
        """Return the names of the tools that the current client is shown."""
        allowed = self.allowed()
        words = set((self._clients.current().access.tools or DEFAULT_TOOLS).split(","))
        late = client_name(context)[0] in DEFERRING
        if "all" in words or (DEFAULT_TOOLS in words and late):
            names = set(allowed)
        else:
            names = words | (set(CORE) if words & {"core", DEFAULT_TOOLS} else set())
        if set(allowed) <= names | {MORE}:
            return [name for name in allowed if name != MORE]
        return [name for name in allowed if name in names | {MORE}]

    def find(self, name: str) -> StrictTool:
        """Return a tool.

        Raises:
            NotFoundError: There is none of that name that the current client may call.
        """
        tool = self._tools.get(name)
        if tool is None:
            known = ", ".join(one for one in self.allowed() if one != MORE) or "none"
            raise NotFoundError("tool", name, hint=f"The tools are: {known}.")
        return tool

    async def more_tools(
        self,
        name: Annotated[str | None, Field(description="A name from the list.")] = None,
        arguments: Annotated[
            dict[str, Any] | None, Field(description="Call it with these.")
        ] = None,
        *,
        context: Context[Any, Any],
    ) -> Json | CallToolResult | InputRequiredResult:
        """Reach tools that are not listed: their names, one's schema, or a call of it.

        Without arguments it lists them with a sentence each. With a name it returns that tool's
        manual and schema; with arguments too it calls it, and returns what that returns.
        """
        if name is None:
            shown = set(self.shown(context))
            return {
                "tools": {
                    one: self._tools[one].description.split("\n")[0]
                    for one in self.allowed()
                    if one not in shown and one != MORE
                }
            }
        found = self.find(name)
        if arguments is not None and name != MORE:
            return await found.run(arguments, context)
        return {
            "name": name,
            "tier": found.tier,
            "description": found.description,
            "input_schema": found.parameters,
        }
