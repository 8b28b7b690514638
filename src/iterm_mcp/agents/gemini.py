"""Gemini CLI, in its terminal."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.agents.composers import cleared
from iterm_mcp.agents.gemini_chats import follow_gemini
from iterm_mcp.agents.gemini_hooks import hook_settings, read_event
from iterm_mcp.agents.gemini_screen import read_screen
from iterm_mcp.agents.kind import Installed, StartPlan, Stroke, Transport, WhileBusy
from iterm_mcp.agents.probing import (
    ask_both,
    ask_program,
    find_program,
    packaged_version,
    runs_program,
)
from iterm_mcp.agents.strokes import (
    ARGUMENT_BYTES,
    ENTER,
    ESCAPE,
    check_order,
    choose,
    pasted_order,
)
from iterm_mcp.agents.telemetry import exporting
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from iterm_mcp.agents.files import Files
    from iterm_mcp.agents.kind import Occupant, StartRequest
    from iterm_mcp.models.observations import Json, Sighting
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen

PACKAGE = "@google/gemini-cli"
DEFAULTS_VARIABLE = "GEMINI_CLI_SYSTEM_DEFAULTS_PATH"
"""A file with settings that all others go before; hooks of all of them are run."""

MODES = frozenset({"default", "auto_edit", "yolo", "plan"})
NO_SCREEN = frozenset(
    {"-p", "--prompt", "mcp", "extensions", "hooks", "skills", "--acp", "--version", "-v"}
)
_FEATURES = {
    "resume": re.compile(r"--resume\b"),
    "session_id": re.compile(r"--session-id\b"),
    "hooks": re.compile(r"^\s+gemini hooks\b", re.MULTILINE),
    "approval_mode": re.compile(r"--approval-mode\b"),
    "acp": re.compile(r"--acp\b"),
}


class Gemini:
    """Google's Gemini CLI."""

    name = "gemini"
    transports = frozenset({Transport.TERMINAL})
    while_busy = WhileBusy.KEEPS
    """All that it keeps becomes one turn, its texts joined by blank lines."""

    async def probe(self, environ: Mapping[str, str]) -> Installed | None:
        """Look for ``gemini``; its help tells what it can do. It takes a second or two.

        On a busy machine its help may not come in time; then nothing is known of its features.
        """
        path = await to_thread.run_sync(find_program, "gemini", environ)
        if path is None:
            return None
        version = await to_thread.run_sync(packaged_version, path, PACKAGE)
        if version:
            once = {**environ, "GEMINI_CLI_NO_RELAUNCH": "true"}  # else it starts itself again
            said = await ask_program(path, ["--help"], once) or ""
        else:
            version, said = await ask_both(path, environ)
        features = frozenset(word for word, one in _FEATURES.items() if one.search(said))
        return Installed(path, version, features)

    def start(self, request: StartRequest, installed: Installed) -> StartPlan:
        """Return how it is started, with our hooks beside the person's own.

        Raises:
            InvalidRequestError: This version cannot choose a conversation's id, or the
                permissions are none of its modes.
        """
        words: list[str] = []
        if request.resume:
            words += ["--resume", request.conversation or "latest"]
        elif request.conversation:
            if "session_id" not in installed.features:
                raise InvalidRequestError(
                    "this Gemini CLI chooses the ids of its conversations itself",
                    hint="Update it, or start without conversation.",
                    code="start_not_possible",
                )
            words += ["--session-id", request.conversation]
        if request.permissions and request.permissions not in MODES:
            raise InvalidRequestError(
                f"Gemini CLI knows no permissions {request.permissions!r}",
                hint=f"Use one of: {', '.join(sorted(MODES))}.",
            )
        if request.permissions:
            words += ["--approval-mode", request.permissions]
        if request.model:
            words += ["--model", request.model]
        words += request.options
        if request.prompt:
            check_order(request.prompt, limit_bytes=ARGUMENT_BYTES)
            words.append(f"--prompt-interactive={request.prompt}")  # it may begin with a hyphen
        files: dict[Path, str] = {}
        environment = {**exporting("gemini", request.reports), **request.environment}
        if request.hook_command and "hooks" in installed.features:
            settings = hook_settings(request.hook_command, request.spool)
            path = Path(
                find_paths().state, "hooks", f"gemini-{zlib.crc32(settings.encode()):08x}.json"
            )
            files[path] = settings
            environment[DEFAULTS_VARIABLE] = str(path)
        return StartPlan(
            installed.path,
            tuple(words),
            environment,
            files,
            takes_prompt=bool(request.prompt),
            conversation=request.conversation,
        )

    def compose(self, text: str, *, raw: bool = False) -> tuple[Stroke, ...]:
        """Return one paste and Enter.

        Args:
            raw: Let it begin with ``/`` or ``!``.

        Raises:
            InvalidRequestError: It cannot be typed, or is a command of Gemini CLI.
        """
        return pasted_order(text, raw=raw)

    def recognise(self, command: tuple[str, ...]) -> bool:
        """Tell whether it is ``gemini`` in a terminal; it runs itself once more, as a child."""
        return runs_program(command, "gemini") and not NO_SCREEN.intersection(command)

    def see(
        self, screen: Screen, title: str, styles: Sequence[OutputLine] = ()
    ) -> tuple[Sighting, ...]:
        """Return what a screen and its title tell, see `gemini_screen`."""
        return read_screen(screen, title, styles)

    def follow(
        self, occupant: Occupant, files: Files, see: Callable[[Sighting], None]
    ) -> AbstractAsyncContextManager[None]:
        """Follow its chat, see `gemini_chats`."""
        return follow_gemini(occupant, files, see)

    def hooked(self, payload: Mapping[str, Json]) -> tuple[Sighting, ...]:
        """Return what one of its hooks was told."""
        return read_event(payload)

    def interrupt(self) -> tuple[Stroke, ...]:
        """Return one Escape; twice on an empty composer would go back in the chat."""
        return (Stroke(ESCAPE),)

    def clear(self) -> tuple[Stroke, ...]:
        """Return what empties it, see `composers`."""
        return cleared()

    def answer(self, dialog: Mapping[str, Json], choice: str) -> tuple[Stroke, ...]:
        """Return the digit of an option.

        Raises:
            InvalidRequestError: The dialog has no such option.
        """
        return choose(dialog, choice)

    def leave(self) -> tuple[Stroke, ...]:
        """Return the command ``/quit``."""
        return (Stroke("/quit", pause_seconds=0.5), Stroke(ENTER))

    def driver(self) -> None:
        """Return None: its protocol is not spoken yet."""
        return
