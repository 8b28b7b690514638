"""Programs that decide whether a task is done: bounded in time and in what they say."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.keeper import scrubbed
from iterm_mcp.agents.programs import open_program
from iterm_mcp.services.agents.environment import KEEP, SCRUB
from iterm_mcp.services.untrusted import sanitise
from iterm_mcp.services.worktrees.git import git_environ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anyio.abc import Process

KEPT_BYTES = 8 * 1024
"""Of the end of what a program said: the beginning of long output tells least."""

SHOWN_CHARACTERS = 600

DRAIN_SECONDS = 1.0
"""How long output is waited for that a program's own children hold open after its end."""

NO_TERMINAL = {"TERM": "dumb", "GH_PROMPT_DISABLED": "1", "CI": "1"}


@dataclass(frozen=True, slots=True)
class Answer:
    """How a program ended.

    Attributes:
        code: Its exit code, negative for a signal; None when it had to be ended.
        said: The end of what it printed.
        problem: Why it could not be run; empty when it was.
    """

    code: int | None
    said: str = ""
    problem: str = ""


async def run_program(
    arguments: Sequence[str],
    directory: str,
    seconds: float,
    variables: Mapping[str, str] | None = None,
    *,
    errors_too: bool = True,
) -> Answer:
    """Run a program without a terminal, and end it with all that it started.

    It sees nobody's secrets but those among `variables`.
    """
    said = bytearray()
    drained = anyio.Event()

    async def read(process: Process) -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        async for piece in process.stdout:
            said.extend(piece)
            del said[:-KEPT_BYTES]
        drained.set()

    environ = {**scrubbed(git_environ(), [*SCRUB], [*KEEP]), **NO_TERMINAL, **(variables or {})}
    stderr = subprocess.STDOUT if errors_too else subprocess.DEVNULL
    code: int | None = None
    try:
        async with (
            open_program(arguments, environ, directory=directory, stderr=stderr) as process,
            anyio.create_task_group() as group,
        ):
            group.start_soon(read, process)
            with anyio.move_on_after(seconds):
                code = await process.wait()
                with anyio.move_on_after(DRAIN_SECONDS):
                    await drained.wait()
            group.cancel_scope.cancel()
    except (OSError, ValueError) as error:  # the latter for a NUL
        return Answer(None, problem=str(error))
    return Answer(code, said.decode("utf-8", "replace"))


async def run_commands(
    commands: Sequence[str], directory: str, seconds: float, variables: Mapping[str, str]
) -> list[str]:
    """Run command lines one after the other, up to the first that fails; return what is wrong.

    Args:
        seconds: That each may take.
    """
    for number, command in enumerate(commands, 1):
        answer = await run_program(["/bin/sh", "-c", command], directory, seconds, variables)
        if answer.code != 0:
            left = len(commands) - number
            more = f" ({left} more not run)" if left else ""
            return [f"the command {_short(command, 100)} {_how(answer, seconds)}{more}"]
    return []


def _how(answer: Answer, seconds: float) -> str:
    if answer.problem:
        return f"could not be run: {answer.problem}"
    if answer.code is None:
        how = f"did not end within {seconds:g} s"
    elif answer.code < 0:
        how = f"was ended by signal {-answer.code}"
    else:
        how = f"exited with {answer.code}"
    tail = sanitise(answer.said).strip()[-SHOWN_CHARACTERS:].strip()
    return f"{how}, and said: {tail}" if tail else f"{how}, and said nothing"


def _short(text: str, most: int) -> str:
    line = " ".join(sanitise(text).split())
    return shlex.quote(line if len(line) <= most else f"{line[:most]}…")
