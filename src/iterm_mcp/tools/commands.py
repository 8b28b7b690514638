"""Tools that run commands in live shells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import anyio
from mcp.server.mcpserver import Context
from pydantic import Field

from iterm_mcp.errors import InvalidRequestError, ItermMcpError
from iterm_mcp.models.commands import CommandState
from iterm_mcp.services import untrusted
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.locks import LockArgument, known_lock
from iterm_mcp.tools.progress import progress
from iterm_mcp.tools.sessions import SessionArgument
from iterm_mcp.tools.tiers import MUTATE
from iterm_mcp.tools.tool import ENDS, READS, TYPES, ToolRow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from iterm_mcp.models.commands import CommandResult, Excerpt
    from iterm_mcp.services.commands.service import CommandService

MAX_SESSIONS = 100
_DEFAULT = "active"
LinesArgument = Annotated[
    int, Field(description="How many rows of the output's end to return.", ge=1, le=5000)
]


class CommandTools:
    """The tools over `CommandService`."""

    def __init__(self, commands: CommandService) -> None:
        self._commands = commands

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(
                self.run_command,
                "Run command",
                TYPES,
                "execute shell command exit code output build test",
                always_load=True,
            ),
            ToolRow(self.command_status, "Command status", READS, "running command result poll"),
            ToolRow(
                self.interrupt_session,
                "Interrupt session",
                ENDS,
                "stop ctrl-c kill running command",
                tier=MUTATE,  # it presses keys that send_keys presses too
            ),
        ]

    async def run_command(
        self,
        command: Annotated[str, Field(description="A shell command line; may have several lines.")],
        session_id: SessionArgument = _DEFAULT,
        session_ids: Annotated[
            list[str],
            Field(description="Run it in each of these at once.", max_length=MAX_SESSIONS),
        ] = [],
        timeout_seconds: Annotated[
            float,
            Field(description="How long to wait for its end; 0 to go on at once.", ge=0, le=3600),
        ] = 30,
        max_lines: LinesArgument = 200,
        shell: Annotated[
            Literal["posix", "fish"] | None,
            Field(description="Say that such a shell's prompt is shown, as after ssh."),
        ] = None,
        lock_id: LockArgument = None,
        context: Context[Any, Any] | None = None,
    ) -> Json:
        """Run a command in a session's live shell: exit code, exact output, directory, time.

        The shell keeps its state (cd, variables). Output is what the command printed, without
        echo and prompt. If it takes longer than timeout_seconds it runs on and state is
        "running": use command_status with the command_id, wait_for with the cursor as since, or
        interrupt_session. It is refused where a program other than a shell reads the keys, or
        another command runs: it does not wait for that one. Use send_text to type into programs.
        """
        if session_ids and session_id != _DEFAULT:
            raise InvalidRequestError(
                "session_id and session_ids are both given", hint="Give one of them."
            )

        async def run_in(one: str) -> Json:
            result = await self._commands.run(
                one,
                command,
                timeout_seconds=timeout_seconds,
                max_lines=max_lines,
                dialect=shell,
                lock_id=known_lock(lock_id),
            )
            return command_answer(result)

        async with progress(context, "running"):
            if not session_ids:
                return await run_in(session_id)
            return {"results": await in_each(session_ids, run_in)}

    async def command_status(
        self,
        command_id: Annotated[str, Field(description="From run_command.")],
        wait_seconds: Annotated[
            float, Field(description="Wait so long for its end.", ge=0, le=3600)
        ] = 0,
        max_lines: LinesArgument = 200,
        context: Context[Any, Any] | None = None,
    ) -> Json:
        """Tell how a command that run_command started stands, with the end of its output."""
        async with progress(context, "running"):
            result = await self._commands.status(
                command_id, wait_seconds=wait_seconds, max_lines=max_lines
            )
        return command_answer(result)

    async def interrupt_session(
        self, session_id: SessionArgument, lock_id: LockArgument = None
    ) -> Json:
        """Interrupt what runs in a session: ctrl-c, again, then ctrl-backslash, until it ends.

        Returns how the command ended. Where none is known to run, ctrl-c is pressed once.
        """
        result = await self._commands.interrupt(session_id, lock_id=known_lock(lock_id))
        return interrupt_answer(result)


async def in_each(session_ids: Sequence[str], run: Callable[[str], Awaitable[Json]]) -> list[Json]:
    """Do the same in several sessions at once; what fails in one is its answer."""
    answers: dict[str, Json] = {}

    async def run_one(one: str) -> None:
        try:
            answers[one] = await run(one)
        except ItermMcpError as error:
            answers[one] = {
                "session_id": one, "error": str(error), "code": error.code, "hint": error.hint
            }  # fmt: skip

    wanted = tuple(dict.fromkeys(session_ids))
    async with anyio.create_task_group() as group:
        for one in wanted:
            group.start_soon(run_one, one)
    return [answers[one] for one in wanted]


def command_answer(result: CommandResult) -> Json:
    """Return a command's result; `untrusted` names the fields that hold what was printed.

    A string of JSON seals them: nothing inside can end it.
    """
    answer: Json = {
        "command_id": result.command_id,
        "session_id": result.session_id,
        "state": result.state.value,
    }
    if result.exit_code is not None:
        answer["exit_code"] = result.exit_code
    if result.duration_seconds is not None:
        answer["duration_seconds"] = round(result.duration_seconds, 3)
    if result.directory:
        answer["directory"] = untrusted.sanitise(result.directory)
    if result.job:
        answer["job"] = result.job
    for flag in ("waiting_for_input", "cleared", "full_screen"):
        if getattr(result, flag):
            answer[flag] = True
    if result.output is not None:
        answer |= _output(result.output)
    if result.cursor is not None:
        answer["cursor"] = str(result.cursor)
    return answer


def interrupt_answer(result: CommandResult | None) -> Json:
    """Return what an interrupt came to; of a command that goes on, what else would end it."""
    if result is None:
        return {"interrupted": False}
    answer = command_answer(result)
    if result.state is CommandState.RUNNING:
        answer["hint"] = (
            "It ignores ctrl-c and ctrl-backslash. Try its own keys with send_keys, such as q or "
            "ctrl-d; close_session kills it."
        )
    return answer


def _output(excerpt: Excerpt) -> Json:
    body, dropped = untrusted.keep_tail(untrusted.sanitise(excerpt.text))
    answer: Json = {"untrusted": ["output"], "output": body} if body else {"output": ""}
    if excerpt.lost:
        answer["lines_lost"] = excerpt.lost
    if excerpt.left_out or dropped:
        answer["lines_left_out"] = excerpt.left_out + dropped
        answer["first_line"] = excerpt.first_line - excerpt.left_out
    return answer
