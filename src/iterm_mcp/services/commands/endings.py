"""Waiting for a command's end, as the terminal tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import anyio

from iterm_mcp.errors import TerminalUnavailableError
from iterm_mcp.models.commands import CommandState
from iterm_mcp.models.happenings import (
    CommandEnded,
    PromptShown,
    SessionEnded,
    TerminalBack,
    TerminalLost,
)
from iterm_mcp.models.output import PromptState

if TYPE_CHECKING:
    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import PromptId
    from iterm_mcp.terminal.protocol import Terminal, Watch

AWAY_SECONDS = 20.0
"""How long a terminal that was lost may stay away before nobody waits for it any more."""


class Ending(NamedTuple):
    """How a command was seen to end."""

    state: CommandState
    exit_code: int | None = None


class CommandEndings:
    """Waits for the ends of commands.

    Args:
        away_seconds: How long a terminal that was lost is waited for.
    """

    def __init__(self, terminal: Terminal, away_seconds: float = AWAY_SECONDS) -> None:
        self._terminal = terminal
        self._away_seconds = away_seconds

    async def wait(
        self, session_id: SessionId, watch: Watch, prompt_id: PromptId, seconds: float
    ) -> Ending | None:
        """Return how a command has ended; None when it did not in time.

        Args:
            watch: Of its session, begun while it ran.

        Raises:
            TerminalUnavailableError: The terminal was lost, and did not come back.
        """
        with anyio.move_on_after(seconds):
            return await self._wait(session_id, watch, prompt_id)
        return None

    async def _wait(self, session_id: SessionId, watch: Watch, prompt_id: PromptId) -> Ending:
        happening: Happening
        while True:
            happening = await watch.next()
            if isinstance(happening, TerminalLost):
                happening = await self._until_back(watch)
            match happening:
                case CommandEnded(ended, status) if ended == prompt_id:
                    return Ending(CommandState.FINISHED, status)
                case SessionEnded():
                    return Ending(CommandState.SESSION_ENDED)
                case PromptShown(shown) if shown != prompt_id:
                    found = await self._look(session_id, prompt_id)
                    return found or Ending(CommandState.UNKNOWN)
                case TerminalBack():
                    if found := await self._look(session_id, prompt_id):
                        return found
                case _:
                    pass

    async def _until_back(self, watch: Watch) -> Happening:
        """Return the first that happens after the terminal was lost."""
        with anyio.move_on_after(self._away_seconds):
            return await watch.next()
        raise TerminalUnavailableError(
            "the terminal was lost while the command ran, and has not come back "
            f"in {self._away_seconds:g} s",
            hint="Ask command_status or list_sessions later: if its sessions are gone, so is "
            "the command.",
        )

    async def _look(self, session_id: SessionId, prompt_id: PromptId) -> Ending | None:
        """Ask whether a command has ended; None when it runs, or cannot be told."""
        prompt = await self._terminal.read_prompt(session_id, prompt_id)
        if prompt is not None and prompt.state is PromptState.FINISHED:
            return Ending(CommandState.FINISHED, prompt.exit_status)
        return None
