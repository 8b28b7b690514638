"""What is known of a kind of agent: how it is found, started, told, read, answered and stopped.

A kind is pure where it can be: it composes keystrokes and reads screens; services type, look and
remember. Only `probe` and `follow` touch the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from iterm_mcp.agents.driver import Driver
    from iterm_mcp.agents.files import Files
    from iterm_mcp.agents.reports import Reports
    from iterm_mcp.models.observations import Json, Sighting
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen


class Transport(StrEnum):
    """How a kind is spoken to."""

    TERMINAL = "terminal"
    """By keystrokes into its screen."""
    PROTOCOL = "protocol"
    """By its own messages, over pipes; there is no screen."""


class WhileBusy(StrEnum):
    """What a kind does with a message that is submitted amid a turn."""

    KEEPS = "keeps"
    """It keeps it in a queue of its own, until the turn has ended."""
    STEERS = "steers"
    """It takes it into the turn."""
    REFUSES = "refuses"
    """Nobody knows, or it is lost: it must not be typed then."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """Something typed at once.

    Attributes:
        text: What is typed, or pasted.
        paste: Put it between the marks of a bracketed paste, if the program wants them.
        pause_seconds: How long to wait before the next stroke.
    """

    text: str
    paste: bool = False
    pause_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed program of a kind.

    Attributes:
        version: As it tells; empty when it does not.
        features: Words for what this version can do, found by looking, not by number:
            ``registry``, ``hooks``, ``resume``, ``session_id``, ``stream_json`` …
    """

    path: str
    version: str = ""
    features: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StartRequest:
    """How an agent shall be started.

    Attributes:
        prompt: Its first order, given with the start where the kind can; empty for none.
        conversation: Go on with this one, or begin one with this id, see `resume`.
        resume: The conversation is there already.
        permissions: The kind's own word for how much it may do without asking; empty for the
            person's own setting.
        hook_command: What the agent shall run on each of its events, if the kind has hooks.
        spool: The folder in which it leaves events that nobody answers, if the kind can; see
            `iterm_mcp.agents.hook_spool`.
        reports: Where it may report over HTTP, if the kind can; None for nowhere.
        trusted: Whoever orders it vouches for the directory and for our hooks.
        options: More of the kind's own arguments, as they are.
    """

    directory: str
    prompt: str = ""
    model: str = ""
    conversation: str = ""
    resume: bool = False
    permissions: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    hook_command: tuple[str, ...] = ()
    spool: str = ""
    reports: Reports | None = None
    trusted: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StartPlan:
    """The program that starts an agent.

    Attributes:
        files: Files to be written before, by path, such as settings with hooks.
        takes_prompt: The first order is part of the command; else it must be told.
        conversation: The id it will have, where we choose it; empty when it must be read.
        opening: What is written to it right at its start, in lines, where it is spoken to.
    """

    command: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)
    takes_prompt: bool = False
    conversation: str = ""
    opening: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Occupant:
    """The process that is the agent.

    Attributes:
        started: When it was started, in the system's own unit: a pid alone is used again.
        directory: Its working directory.
        environment: What leads to its files (its HOME and configuration folders).
    """

    pid: int
    started: float
    directory: str
    environment: Mapping[str, str] = field(default_factory=dict)


class AgentKind(Protocol):
    """One kind of agent."""

    @property
    def name(self) -> str:
        """The word under which it is registered."""

    @property
    def transports(self) -> frozenset[Transport]:
        """How it can be spoken to."""

    @property
    def while_busy(self) -> WhileBusy:
        """What it does with a message amid a turn."""

    async def probe(self, environ: Mapping[str, str]) -> Installed | None:
        """Look for the program; None when it is not installed. Takes 5 seconds at most."""

    def start(self, request: StartRequest, installed: Installed) -> StartPlan:
        """Return how it is started.

        Raises:
            InvalidRequestError: This version cannot do what is asked.
        """

    def compose(self, text: str, *, raw: bool = False) -> tuple[Stroke, ...]:
        """Return the strokes that put a text into the agent and submit it.

        Args:
            raw: Let it begin as the program's own commands do (``/``, ``!``), which is refused
                otherwise.

        Raises:
            InvalidRequestError: The text cannot be typed safely; nothing was changed in it.
        """

    def recognise(self, command: tuple[str, ...]) -> bool:
        """Tell whether a process with these arguments is an agent of this kind."""

    def see(
        self, screen: Screen, title: str, styles: Sequence[OutputLine] = ()
    ) -> tuple[Sighting, ...]:
        """Return what a screen tells; nothing where it tells nothing.

        Args:
            styles: The same rows with their styles, if they were asked for: a dim suggestion in a
                composer is then told from a draft for certain.
        """

    def follow(
        self, occupant: Occupant, files: Files, see: Callable[[Sighting], None]
    ) -> AbstractAsyncContextManager[None]:
        """Follow what the agent's process writes of itself (registry, transcript) for the block.

        What stands at the beginning is told at once. Files that are missing, torn or of an
        unknown form tell nothing; they never raise.
        """

    def hooked(self, payload: Mapping[str, Json]) -> tuple[Sighting, ...]:
        """Return what one event of the agent's hooks tells."""

    def interrupt(self) -> tuple[Stroke, ...]:
        """Return the strokes that end its turn and leave it running."""

    def clear(self) -> tuple[Stroke, ...]:
        """Return the strokes that empty its composer."""

    def answer(self, dialog: Mapping[str, Json], choice: str) -> tuple[Stroke, ...]:
        """Return the strokes that choose an option of a dialog (`Fact.DIALOG`'s value).

        Args:
            choice: ``allow``, ``deny``, ``allow_always``, an option's text or its number.

        Raises:
            InvalidRequestError: The dialog has no such option; the hint lists them.
        """

    def leave(self) -> tuple[Stroke, ...]:
        """Return the strokes that end the agent of its own will."""

    def driver(self) -> Driver | None:
        """Return what speaks its protocol; None for a kind that has none."""


def has_screen(kind: AgentKind) -> bool:
    """Tell whether agents of a kind are typed to and looked at; others are spoken to alone."""
    return Transport.TERMINAL in kind.transports
