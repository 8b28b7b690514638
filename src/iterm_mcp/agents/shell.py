"""The kind that every terminal has: a command line."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.agents.kind import Installed, StartPlan, Stroke, Transport, WhileBusy
from iterm_mcp.agents.probing import ask_program, find_program, refuse_fields, version_in
from iterm_mcp.agents.silent import Silent
from iterm_mcp.agents.strokes import ENTER, TEXT_LIMIT_BYTES, UNFIT, check_text
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.happenings import CommandEnded, CommandStarted, PromptShown
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.agents.kind import StartRequest
    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen

__all__ = ["TEXT_LIMIT_BYTES", "UNFIT", "Shell", "marked"]

SHELLS = frozenset({"sh", "bash", "zsh", "fish", "dash", "ksh"})
MARKING = frozenset({"bash", "zsh", "fish"})
"""Shells that our shell integration has mark their prompts (OSC 133)."""


class Shell(Silent):
    """A shell takes a message as command lines, typed one after the other."""

    name = "shell"
    transports = frozenset({Transport.TERMINAL})
    while_busy = WhileBusy.KEEPS
    """The terminal keeps what is typed ahead; a program that reads its input takes it instead."""

    async def probe(self, environ: Mapping[str, str]) -> Installed | None:
        """Look for the user's shell, or else for sh."""
        path = await to_thread.run_sync(find_program, environ.get("SHELL") or "sh", environ)
        if path is None:
            return None
        marks = PurePath(path).name in MARKING
        said = await ask_program(path, ["--version"], environ) if marks else None
        return Installed(path, version_in(said), frozenset({"marks"} if marks else ()))

    def start(self, request: StartRequest, installed: Installed) -> StartPlan:
        """Return the shell alone; its first order must be told.

        Raises:
            InvalidRequestError: A model, conversation or permissions are asked for.
        """
        refuse_fields(self.name, request, "model", "conversation", "resume", "permissions")
        return StartPlan(installed.path, request.options, dict(request.environment))

    def compose(self, text: str, *, raw: bool = False) -> tuple[Stroke, ...]:  # noqa: ARG002
        """Return the text with Enter after each line, and exactly one at its end.

        Raises:
            InvalidRequestError: It cannot be typed, see `strokes.check_text`.
        """
        check_text(text)
        return (Stroke(text.rstrip("\n").replace("\n", ENTER) + ENTER),)

    def recognise(self, command: tuple[str, ...]) -> bool:
        """Tell whether it is a shell that reads commands, and runs no script."""
        if not command or PurePath(command[0]).name.removeprefix("-") not in SHELLS:
            return False
        return all(
            word.startswith("-") and (word.startswith("--") or "c" not in word)
            for word in command[1:]
        )

    def see(
        self,
        screen: Screen,  # noqa: ARG002
        title: str,  # noqa: ARG002
        styles: Sequence[OutputLine] = (),  # noqa: ARG002
    ) -> tuple[Sighting, ...]:
        """Return nothing: a command's output can look like anything; see `marked`."""
        return ()

    def interrupt(self) -> tuple[Stroke, ...]:
        """Return ctrl-C."""
        return (Stroke("\x03"),)

    def clear(self) -> tuple[Stroke, ...]:
        """Return ctrl-E and ctrl-U, which together empty the line in emacs and vi mode."""
        return (Stroke("\x05\x15"),)

    def answer(self, dialog: Mapping[str, Json], choice: str) -> tuple[Stroke, ...]:
        """Refuse: programs in a shell ask in their own ways.

        Raises:
            InvalidRequestError: Always.
        """
        del dialog
        raise InvalidRequestError(
            f"a shell shows no dialog that {choice!r} could answer",
            hint="Read the screen, and type the answer with send_text.",
        )

    def leave(self) -> tuple[Stroke, ...]:
        """Return ctrl-D, on an empty line."""
        return (*self.clear(), Stroke("\x04"))


def marked(happening: Happening, *, shell: bool = True) -> tuple[Sighting, ...]:
    """Return what the marks of a shell (OSC 133) tell.

    Args:
        shell: The agent is the shell. Else the agent was started in it, and a prompt shows
            that the agent has ended and the shell has its terminal again.
    """
    if not shell:
        return _marked_beneath(happening)
    match happening:
        case PromptShown():
            return _marks("idle", None)
        case CommandStarted(command=""):  # the prompt was left without
            return ()
        case CommandStarted(prompt_id=prompt_id, command=command):
            turn: dict[str, Json] = {
                "phase": "started", "prompt": command, "prompt_id": str(prompt_id)
            }  # fmt: skip
            return _marks("busy", turn, command)
        case CommandEnded(prompt_id=prompt_id, exit_status=status):
            turn = {"phase": "ended", "prompt_id": str(prompt_id), "code": status}
            return _marks("idle", turn, f"exit status {status}")
        case _:
            return ()


def _marks(activity: str, turn: dict[str, Json] | None, evidence: str = "") -> tuple[Sighting, ...]:
    source = ObservationSource.TITLE
    told = [Sighting(Fact.ACTIVITY, {"is": activity, "marked": True}, source, evidence[:2000])]
    if turn is not None:
        told.append(Sighting(Fact.TURN, turn, source, evidence[:2000]))
    return tuple(told)


def _marked_beneath(happening: Happening) -> tuple[Sighting, ...]:
    source = ObservationSource.TITLE
    match happening:
        case CommandEnded(exit_status=status):
            return (Sighting(Fact.EXIT, {"code": status}, source, f"exit status {status}"),)
        case PromptShown():
            return (Sighting(Fact.OCCUPANT, {"who": "shell"}, source, "a shell's prompt"),)
        case _:
            return ()
