"""Claude Code: in a terminal, and as a program that speaks stream-json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.agents import claude_keys, claude_program
from iterm_mcp.agents.claude_following import follow_claude
from iterm_mcp.agents.claude_hooks import hook_sightings
from iterm_mcp.agents.claude_protocol import ClaudeDriver
from iterm_mcp.agents.claude_screen import screen_sightings
from iterm_mcp.agents.kind import Transport, WhileBusy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from iterm_mcp.agents.driver import Driver
    from iterm_mcp.agents.files import Files
    from iterm_mcp.agents.kind import Installed, Occupant, StartPlan, StartRequest, Stroke
    from iterm_mcp.models.observations import Json, Sighting
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen


class Claude:
    """The kind ``claude``; see `AgentKind` for what is not said here."""

    name = "claude"
    transports = frozenset({Transport.TERMINAL, Transport.PROTOCOL})
    while_busy = WhileBusy.KEEPS

    async def probe(self, environ: Mapping[str, str]) -> Installed | None:
        """Look for the program on PATH, and where its installers put it."""
        return await claude_program.probe(environ)

    def start(self, request: StartRequest, installed: Installed) -> StartPlan:
        """Return how it is started; our hooks come beside the person's own settings."""
        return claude_program.plan(request, installed)

    def compose(self, text: str, *, raw: bool = False) -> tuple[Stroke, ...]:
        """Return the strokes that put a text into the composer and submit it.

        Args:
            raw: Let it begin with ``/`` or ``!``, which are commands to the program.
        """
        return claude_keys.compose(text, raw=raw)

    def recognise(self, command: tuple[str, ...]) -> bool:
        """Tell whether it is a Claude Code with a screen."""
        return claude_program.recognises(command)

    def see(
        self, screen: Screen, title: str, styles: Sequence[OutputLine] = ()
    ) -> tuple[Sighting, ...]:
        """Return what a screen tells.

        Args:
            styles: The same rows with their styles. Without them a suggestion in the composer
                cannot always be told from a person's draft, and counts as a draft.
        """
        return screen_sightings(screen, title, styles)

    def follow(
        self, occupant: Occupant, files: Files, see: Callable[[Sighting], None]
    ) -> AbstractAsyncContextManager[None]:
        """Follow its registry file, and the transcript of its conversation."""
        return follow_claude(occupant, files, see)

    def hooked(self, payload: Mapping[str, Json]) -> tuple[Sighting, ...]:
        """Return what one event of its hooks tells."""
        return hook_sightings(payload)

    def interrupt(self) -> tuple[Stroke, ...]:
        """Return the one Escape that ends a turn; the prompt may come back into the composer."""
        return claude_keys.interrupt()

    def clear(self) -> tuple[Stroke, ...]:
        """Return the strokes that empty its composer."""
        return claude_keys.clear()

    def answer(self, dialog: Mapping[str, Json], choice: str) -> tuple[Stroke, ...]:
        """Return the strokes that choose an option of a dialog."""
        return claude_keys.answer(dialog, choice)

    def leave(self) -> tuple[Stroke, ...]:
        """Return the strokes of ``/exit``; the composer has to be empty."""
        return claude_keys.leave()

    def driver(self) -> Driver:
        """Return what speaks stream-json."""
        return ClaudeDriver()
