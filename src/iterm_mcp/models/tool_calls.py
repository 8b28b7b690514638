"""Calls of tools by those that are no MCP clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from iterm_mcp.access import Access

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ToolFacts:
    """What is to be known of a tool before it is called.

    Attributes:
        tier: How much harm a call can do, one of `iterm_mcp.access.TIERS`.
        parameters: The JSON schema of its arguments.
    """

    name: str
    title: str
    tier: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCaller:
    """Who calls.

    Attributes:
        name: Tells its limits from others', and stands in the audit log.
        access: What it may do, within what all may.
    """

    name: str
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, slots=True)
class ToolPicture:
    """A picture that a tool has answered with, in base 64."""

    mime_type: str
    data: str


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool has answered.

    Attributes:
        data: None where it answers with text or pictures alone.
        encoded: The data as JSON, where it has been made already.
    """

    data: Mapping[str, Any] | None = None
    text: str = ""
    pictures: tuple[ToolPicture, ...] = ()
    encoded: bytes = b""


class ToolDoor(Protocol):
    """Where tools are called."""

    def facts(self) -> tuple[ToolFacts, ...]:
        """Return the tools, in the order in which clients list them."""

    async def call(self, name: str, arguments: Mapping[str, Any], caller: ToolCaller) -> ToolAnswer:
        """Call one, through all that MCP clients' calls pass through.

        Raises:
            NotFoundError: There is no such tool.
            ItermMcpError: It was refused, or could not do what was asked.
        """
