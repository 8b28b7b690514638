"""The registry of agent kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from iterm_mcp.agents.shell import Shell
from iterm_mcp.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping


class AgentKind(Protocol):
    """How one kind of agent takes a message. Pure: it composes, others type."""

    @property
    def name(self) -> str:
        """The word under which it is registered."""

    def compose(self, text: str) -> str:
        """Return the exact keystrokes that put a text into the agent and submit it.

        Raises:
            InvalidRequestError: The text cannot be typed safely; nothing was changed in it.
        """


AGENT_KINDS: Mapping[str, AgentKind] = {kind.name: kind for kind in (Shell(),)}
"""Every kind there is, by name. A new kind is one module and one element here."""


def find_kind(name: str) -> AgentKind:
    """Return a kind by its name.

    Raises:
        NotFoundError: No such kind; the hint lists those that there are.
    """
    kind = AGENT_KINDS.get(name)
    if kind is None:
        raise NotFoundError("kind", name, hint=f"Use one of: {', '.join(sorted(AGENT_KINDS))}.")
    return kind
