"""Who may do what over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.access import TIERS, Access

if TYPE_CHECKING:
    from datetime import datetime

ADMIN = "admin"
SCOPES = (*TIERS, ADMIN)
"""From looking alone, through typing and ending, to making and taking away tokens."""


@dataclass(frozen=True, slots=True)
class HttpToken:
    """A token, without its text, which nobody keeps.

    Attributes:
        scope: One of `SCOPES`.
        begins: The first characters of its text, to tell it by.
        expires_at: None if it does not.
    """

    name: str
    scope: str
    begins: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What the one that makes a request may do.

    Attributes:
        name: The token's.
    """

    name: str
    scope: str

    def allows(self, scope: str) -> bool:
        """Tell whether it may do what needs a scope."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)

    @property
    def access(self) -> Access:
        """Return what it may do with tools."""
        return Access(tier="" if self.scope == ADMIN else self.scope)


ROOT = Grant("admin", ADMIN)
"""Who shows the token that stands in the state folder."""
