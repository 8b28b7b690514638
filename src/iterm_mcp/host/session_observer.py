"""Who is told what happens in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from iterm_mcp.host.prompts import PromptEvent
    from iterm_mcp.host.session import Session


class SessionObserver(Protocol):
    """Who is told what happens in a session."""

    def screen_changed(self, session: Session) -> None:
        """Its screen or cursor changed; at most once in `FRAME_SECONDS`, the last included."""

    def variables_changed(self, session: Session) -> None:
        """Some variable may have changed."""

    def prompt_happened(self, session: Session, event: PromptEvent) -> None:
        """Its shell showed a prompt, began a command or ended one."""

    def sequence_received(self, session: Session, identity: str, payload: str) -> None:
        """Its program sent a control sequence of a script's own."""

    def program_ended(self, session: Session) -> None:
        """Its program has ended, and nothing more will come."""
