"""Kinds that live in a pane without a screen: a bridge stands there, and they are spoken to."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.agents.kind import AgentKind, StartPlan, Transport
from iterm_mcp.agents.telemetry import exporting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from iterm_mcp.agents.driver import Driver
    from iterm_mcp.agents.files import Files
    from iterm_mcp.agents.kind import Installed, Occupant, StartRequest, Stroke
    from iterm_mcp.models.observations import Json, Sighting
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen


class Speaking(AgentKind, Protocol):
    """A kind that has a protocol for certain."""

    def driver(self) -> Driver:
        """Return what speaks its protocol."""


class Headless:
    """A kind whose program is spoken to by its own protocol.

    What can be typed into the program's terminal is told as it is; here it is typed by nobody.

    Args:
        program: The kind that knows the program.
    """

    transports = frozenset({Transport.PROTOCOL})

    def __init__(self, program: Speaking) -> None:
        self.name = f"{program.name}-headless"
        self.while_busy = program.while_busy
        self._program = program
        self._driver = program.driver()

    async def probe(self, environ: Mapping[str, str]) -> Installed | None:
        """Look for the program."""
        return await self._program.probe(environ)

    def _exporting(self, request: StartRequest) -> dict[str, str]:
        return exporting(self._program.name, request.reports)

    def start(self, request: StartRequest, installed: Installed) -> StartPlan:
        """Return how it is started, and what it is told right then; without hooks of ours.

        Its protocol tells all that hooks would, and its first order comes as a message.

        Raises:
            InvalidRequestError: This version cannot do what is asked.
        """
        request = replace(request, hook_command=(), prompt="")
        arguments = self._driver.command(request, installed)
        opening = (
            json.dumps(one, ensure_ascii=False) for one in self._driver.opening(request)
        )  # fmt: skip
        return StartPlan(
            installed.path,
            arguments,
            {**self._exporting(request), **request.environment},
            conversation=request.conversation,
            opening=tuple(opening),
        )

    def compose(self, text: str, *, raw: bool = False) -> tuple[Stroke, ...]:
        """Return what its program would be typed; so what it would refuse is refused here."""
        return self._program.compose(text, raw=raw)

    def recognise(self, command: tuple[str, ...]) -> bool:
        """Tell whether it is the program, speaking its protocol."""
        return self._driver.recognise(command)

    def see(
        self,
        screen: Screen,  # noqa: ARG002
        title: str,  # noqa: ARG002
        styles: Sequence[OutputLine] = (),  # noqa: ARG002
    ) -> tuple[Sighting, ...]:
        """Return nothing: what the pane shows is an account for people."""
        return ()

    @asynccontextmanager
    async def follow(
        self,
        occupant: Occupant,  # noqa: ARG002
        files: Files,  # noqa: ARG002
        see: Callable[[Sighting], None],  # noqa: ARG002
    ) -> AsyncIterator[None]:
        """Follow nothing: its protocol tells more than its files."""
        yield

    def hooked(self, payload: Mapping[str, Json]) -> tuple[Sighting, ...]:
        """Return what one event of its program's hooks tells."""
        return self._program.hooked(payload)

    def interrupt(self) -> tuple[Stroke, ...]:
        """Return the program's keys."""
        return self._program.interrupt()

    def clear(self) -> tuple[Stroke, ...]:
        """Return the program's keys."""
        return self._program.clear()

    def answer(self, dialog: Mapping[str, Json], choice: str) -> tuple[Stroke, ...]:
        """Return the program's keys."""
        return self._program.answer(dialog, choice)

    def leave(self) -> tuple[Stroke, ...]:
        """Return the program's keys."""
        return self._program.leave()

    def driver(self) -> Driver:
        """Return what speaks its protocol."""
        return self._driver
