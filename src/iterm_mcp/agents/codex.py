"""Codex: in its terminal, and through its app-server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.agents.codex_following import follow_codex
from iterm_mcp.agents.codex_hooks import hook_settings, hook_trust, read_event
from iterm_mcp.agents.codex_permissions import read_permissions
from iterm_mcp.agents.codex_protocol import CodexDriver
from iterm_mcp.agents.codex_rollout import codex_home
from iterm_mcp.agents.codex_screen import read_screen
from iterm_mcp.agents.composers import cleared
from iterm_mcp.agents.kind import Installed, StartPlan, Stroke, Transport, WhileBusy
from iterm_mcp.agents.probing import ask_both, find_program, runs_program
from iterm_mcp.agents.strokes import ARGUMENT_BYTES, ESCAPE, check_order, choose, pasted_order
from iterm_mcp.agents.telemetry import codex_words, exporting
from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from iterm_mcp.agents.driver import Driver
    from iterm_mcp.agents.files import Files
    from iterm_mcp.agents.kind import Occupant, StartRequest
    from iterm_mcp.models.observations import Json, Sighting
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen

NO_SCREEN = frozenset(
    {"app-server", "exec", "e", "mcp", "exec-server", "login", "logout", "doctor", "--version"}
)
"""Words with which it is no agent in a terminal."""

_TRUSTED = '"/<session-flags>/config.toml:permission_request:'
_HELP_FEATURES = {
    "resume": re.compile(r"^\s+resume\b", re.MULTILINE),
    "app_server": re.compile(r"^\s+app-server\b", re.MULTILINE),
    "queue": re.compile(r"^\s+queue\b", re.MULTILINE),
    "hook_trust": re.compile(r"--dangerously-bypass-hook-trust\b"),
    "no_daemon": re.compile(r"--no-daemon\b"),
}


class Codex:
    """OpenAI's Codex CLI."""

    name = "codex"
    transports = frozenset({Transport.TERMINAL, Transport.PROTOCOL})
    while_busy = WhileBusy.STEERS

    async def probe(self, environ: Mapping[str, str]) -> Installed | None:
        """Look for ``codex``; its help and its list of features tell what it can do."""
        path = await to_thread.run_sync(find_program, "codex", environ)
        if path is None:
            return None
        version, said = await ask_both(path, environ)
        features = {word for word, pattern in _HELP_FEATURES.items() if pattern.search(said)}
        if "hook_trust" in features:
            features.add("hooks")
        if await to_thread.run_sync(_trusts_our_hooks, environ):
            features.add("hooks_trusted")
        return Installed(path, version, frozenset(features))

    def start(self, request: StartRequest, installed: Installed) -> StartPlan:
        """Return how it is started, with our hooks where this version has them.

        A person has to trust hooks once; until then it shows a gate, named ``hooks``. Where the
        request vouches for ours, it is not asked for them.

        Raises:
            InvalidRequestError: A conversation is to be begun under an id that we choose, which
                Codex cannot; or the permissions are no word of Codex.
        """
        words: list[str] = []
        if request.resume:
            if not request.conversation:
                raise InvalidRequestError(
                    "a conversation to go on with is not named",
                    hint="Give its id, or start without resume.",
                )
            words += ["resume", request.conversation]
        elif request.conversation:
            raise InvalidRequestError(
                "Codex chooses the ids of its conversations itself",
                hint="Start without conversation; its id is seen once it has been told something.",
                code="start_not_possible",
            )
        words += read_permissions(request.permissions).arguments()
        if request.model:
            words += ["--model", request.model]
        if request.hook_command and "hooks" in installed.features:
            hooks = (request.hook_command, request.spool)
            words += hook_settings(*hooks)
            words += hook_trust(*hooks) if request.trusted else ()
        words += codex_words(request.reports)
        words += request.options
        if request.prompt:
            check_order(request.prompt, limit_bytes=ARGUMENT_BYTES)
            words += ["--", request.prompt]
        return StartPlan(
            installed.path,
            tuple(words),
            {**exporting("codex", request.reports), **request.environment},
            takes_prompt=bool(request.prompt),
            conversation=request.conversation if request.resume else "",
        )

    def compose(self, text: str, *, raw: bool = False) -> tuple[Stroke, ...]:
        """Return one paste and, after its burst detection, Enter.

        Args:
            raw: Let it begin with ``/`` or ``!``.

        Raises:
            InvalidRequestError: It cannot be typed, or is a command of Codex.
        """
        return pasted_order(text, raw=raw)

    def recognise(self, command: tuple[str, ...]) -> bool:
        """Tell whether it is ``codex`` in a terminal, by itself or run by node."""
        return runs_program(command, "codex") and not NO_SCREEN.intersection(command)

    def see(
        self, screen: Screen, title: str, styles: Sequence[OutputLine] = ()
    ) -> tuple[Sighting, ...]:
        """Return what a screen tells, see `codex_screen`."""
        return read_screen(screen, title, styles)

    def follow(
        self, occupant: Occupant, files: Files, see: Callable[[Sighting], None]
    ) -> AbstractAsyncContextManager[None]:
        """Follow its rollout, see `codex_following`."""
        return follow_codex(occupant, files, see)

    def hooked(self, payload: Mapping[str, Json]) -> tuple[Sighting, ...]:
        """Return what one of its hooks, or its notify program, was told."""
        return read_event(payload)

    def interrupt(self) -> tuple[Stroke, ...]:
        """Return one Escape; a second one would begin to edit an earlier message."""
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
        """Return the command ``/quit``, typed slowly enough to be one."""
        return (Stroke("/quit", pause_seconds=0.3), Stroke("\r"))

    def driver(self) -> Driver:
        """Return the driver of its app-server."""
        return CodexDriver()


def _trusts_our_hooks(environ: Mapping[str, str]) -> bool:
    """Tell whether hooks that were given on a command line have been trusted before."""
    home = codex_home(environ)
    try:
        return home is not None and _TRUSTED in (home / "config.toml").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
