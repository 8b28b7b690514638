"""How much a Codex may do without asking, in its own words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

APPROVALS = frozenset({"on-request", "never", "untrusted"})
SANDBOXES = frozenset({"read-only", "workspace-write", "danger-full-access"})
BYPASS = "bypass"


@dataclass(frozen=True, slots=True)
class Permissions:
    """When it asks, and in which sandbox commands run; empty for the person's own setting."""

    approval: str = ""
    sandbox: str = ""
    bypass: bool = False

    def arguments(self) -> tuple[str, ...]:
        """Return them as arguments of the command line."""
        words: tuple[str, ...] = ()
        words += ("--ask-for-approval", self.approval) if self.approval else ()
        words += ("--sandbox", self.sandbox) if self.sandbox else ()
        return (*words, "--dangerously-bypass-approvals-and-sandbox") if self.bypass else words

    def fields(self) -> dict[str, Json]:
        """Return them as fields of a thread of the app-server."""
        if self.bypass:
            return {"approvalPolicy": "never", "sandbox": "danger-full-access"}
        fields: dict[str, Json] = {"approvalPolicy": self.approval, "sandbox": self.sandbox}
        return {key: value for key, value in fields.items() if value}


def read_permissions(text: str) -> Permissions:
    """Read words that are joined by ``+``: of `APPROVALS`, of `SANDBOXES`, or `BYPASS`.

    Raises:
        InvalidRequestError: Another word.
    """
    approval = sandbox = ""
    bypass = False
    for word in filter(None, text.split("+")):
        if word in APPROVALS:
            approval = word
        elif word in SANDBOXES:
            sandbox = word
        elif word == BYPASS:
            bypass = True
        else:
            known = ", ".join([*sorted(APPROVALS), *sorted(SANDBOXES), BYPASS])
            raise InvalidRequestError(
                f"Codex knows no permissions {word!r}", hint=f"Join some of these by +: {known}."
            )
    return Permissions(approval, sandbox, bypass)
