"""Who is told what changes in the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from iterm_mcp.host.keystrokes import Keystroke
    from iterm_mcp.host.prompts import PromptEvent
    from iterm_mcp.host.session import Session


class WorldObserver(Protocol):
    """Who is told what changes. Told on the event loop; must not raise."""

    def session_opened(self, session_id: str) -> None:
        """A session can be listed now."""

    def session_ended(self, session_id: str) -> None:
        """A session's program has ended. Told once a session."""

    def layout_changed(self) -> None:
        """Windows, tabs, panes or their sizes changed; told once a turn of the loop."""

    def focus_changed(self, kind: str, identifier: str) -> None:
        """A ``window`` became key or ``resigned``, a ``tab`` was selected, a ``session`` active."""

    def screen_changed(self, session_id: str) -> None:
        """A screen or its cursor changed."""

    def prompt_happened(self, session: Session, event: PromptEvent) -> None:
        """A session's shell showed a prompt, began a command or ended one."""

    def sequence_received(self, session: Session, identity: str, payload: str) -> None:
        """A session's program sent a control sequence of a script's own."""

    def key_pressed(self, session: Session, keystroke: Keystroke) -> bool:
        """Somebody pressed a key; True when a client takes it away."""

    def broadcasts_changed(self) -> None:
        """Other sessions than before are typed into together."""

    def variables_changed(self) -> None:
        """Some variable may have another value; told once a turn of the loop."""
