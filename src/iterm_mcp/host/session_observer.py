"""Who is told what happens in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    def came_to_rest(self, session: Session) -> None:
        """Nothing has come for a while; `Session.compress` may be called until it is done."""

    def program_ended(self, session: Session) -> None:
        """Its program has ended, and nothing more will come."""

    # What its program asks for.

    def variable(self, session: Session, path: str) -> Any:  # noqa: ANN401 - any JSON
        """Return a variable by its path from the session; None for what does not exist."""

    def profile_named(self, name: str) -> Mapping[str, Any] | None:
        """Return a shared profile; empty means the default one, None that there is none."""

    def preset_wanted(self, session: Session, name: str) -> None:
        """Its program wants a preset's colours; nothing happens if there is none of that name."""

    def focus_wanted(self, session: Session) -> None:
        """Its program wants the focus."""

    def unburial_wanted(self, session: Session) -> None:
        """Its program wants it to be seen again."""

    def size_wanted(self, session: Session, columns: int, rows: int) -> None:
        """Its program wants another grid."""
