"""Running commands in live shells, and knowing what became of them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import anyio

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.commands import CommandResult, CommandState
from iterm_mcp.models.happenings import CommandStarted, PromptShown, SessionEnded, TerminalBack
from iterm_mcp.models.output import PromptState
from iterm_mcp.services.commands.endings import CommandEndings, Ending
from iterm_mcp.services.commands.ids import command_id, find_command
from iterm_mcp.services.commands.output import read_result
from iterm_mcp.services.commands.ready_shells import ReadyShells, is_ours
from iterm_mcp.services.commands.typed_commands import (
    check_command,
    closing,
    for_marked,
    for_unmarked,
    is_same,
    new_nonce,
)

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.ids import LockId, SessionId
    from iterm_mcp.models.output import Prompt, PromptId
    from iterm_mcp.services.commands.ready_shells import ReadyShell
    from iterm_mcp.services.commands.typed_commands import Dialect
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.services.sessions.writers import SessionWriters
    from iterm_mcp.terminal.protocol import Terminal, Watch

START_SECONDS = 4.0
"""How long a shell may be silent after a command was typed before it must have started."""

UNREAD_LOOKS = 5
"""How often it is given that time again on a busy machine, where it has not even read it all."""

INTERRUPT_SECONDS = 2.0
"""How long a command may take to obey one interrupt."""

DRAWING_SECONDS = 0.5
"""How long a shell that shows half a prompt, or none after a command, is given to draw it."""

BROKEN_OFF_SECONDS = 0.3
"""How long a shell may take to break off a command between marks of our own, which it ends
without the last of them."""

KNOWN_STARTS = 1000
DEFAULT_LINES = 200

_CTRL_C, _CTRL_BACKSLASH = "\x03", "\x1c"


class Start(NamedTuple):
    """When a command began, and its text: between marks of our own the terminal knows neither."""

    at: float
    command: str


class CommandService:
    """Runs command lines in sessions that show a shell's prompt.

    Args:
        start_seconds: How long a shell may be silent before what was typed must have started.
        interrupt_seconds: How long a command may take to obey one interrupt.
    """

    def __init__(
        self,
        terminal: Terminal,
        sessions: SessionService,
        writers: SessionWriters,
        clock: Clock,
        *,
        shells: ReadyShells | None = None,
        endings: CommandEndings | None = None,
        start_seconds: float = START_SECONDS,
        interrupt_seconds: float = INTERRUPT_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._sessions = sessions
        self._shells = shells or ReadyShells(terminal)
        self._writers = writers
        self._clock = clock
        self._endings = endings or CommandEndings(terminal)
        self._start_seconds = start_seconds
        self._interrupt_seconds = interrupt_seconds
        self._starts: OrderedDict[PromptId, Start] = OrderedDict()

    async def run(
        self,
        session_id: str,
        command: str,
        *,
        timeout_seconds: float,
        max_lines: int = DEFAULT_LINES,
        dialect: Dialect | None = None,
        lock_id: LockId | None = None,
    ) -> CommandResult:
        """Type a command at a session's prompt and wait for its end.

        When the time is up it runs on: the result says so, and `status` tells more later.

        Args:
            timeout_seconds: How long to wait once it has started; 0 to return at once.
            max_lines: How much of the output's end to return.
            dialect: Says that the session shows the prompt of such a shell, where neither
                marks nor the process's name do, as after ``ssh``.
            lock_id: The lock that the caller holds.

        Raises:
            RefusedError: No shell waits for a command there, text stands at its prompt, or
                another one has locked the session.
            InvalidRequestError: The shell did not take it as a whole command; it was taken back.
        """
        text = check_command(command)
        target = await self._sessions.find(session_id)
        async with self._terminal.watch(target) as watch:
            async with self._writers.hold(target, lock_id):
                shell = await self._shells.wait(target, watch, dialect)
                prompt_id = await self._start(target, watch, shell, text)
            if prompt_id is None:
                return CommandResult(
                    command_id(target, shell.prompt_id), target, CommandState.SESSION_ENDED, text
                )
            self._remember_start(prompt_id, text)
            ended = await self._endings.wait(target, watch, prompt_id, timeout_seconds)
        line = shell.line if prompt_id == shell.prompt_id else None
        return await self._result(target, prompt_id, ended, max_lines, line)

    async def status(
        self,
        wanted: str,
        *,
        wait_seconds: float = 0,
        max_lines: int = DEFAULT_LINES,
    ) -> CommandResult:
        """Return what has become of a command; wait for its end for so long, if it still runs.

        Raises:
            NotFoundError: There is no such command any more.
        """
        session_id, prompt_id = await find_command(self._terminal, wanted)
        ended = None
        if wait_seconds > 0:
            async with self._terminal.watch(session_id) as watch:
                prompt = await self._terminal.read_prompt(session_id, prompt_id)
                if prompt is not None and prompt.state is PromptState.RUNNING:
                    ended = await self._endings.wait(session_id, watch, prompt_id, wait_seconds)
        return await self._result(session_id, prompt_id, ended, max_lines)

    async def interrupt(
        self, session_id: str, *, max_lines: int = DEFAULT_LINES, lock_id: LockId | None = None
    ) -> CommandResult | None:
        """Interrupt what runs: ctrl-C, once more, then ctrl-backslash, until it ends.

        Returns what became of the command; None when no command was known to run, and ctrl-C
        was pressed once all the same, but at a prompt that is drawn whole and empty: there is
        nothing to interrupt.
        """
        target = await self._sessions.find(session_id)
        async with self._terminal.watch(target) as watch:
            prompt = await self._terminal.read_prompt(target)
            if prompt is not None and _is_being_drawn(prompt):
                with anyio.move_on_after(DRAWING_SECONDS):
                    await _next_prompt(watch)
                prompt = await self._terminal.read_prompt(target)
            if prompt is not None and _is_empty(prompt):
                await self._writers.check(target, lock_id)
                return None
            if prompt is None or prompt.state is not PromptState.RUNNING:
                await self._press(target, _CTRL_C, lock_id)
                if prompt is not None and not is_ours(prompt):
                    # What is typed before the prompt is drawn anew the shell may drop.
                    with anyio.move_on_after(self._interrupt_seconds):
                        await _next_prompt(watch)
                return None
            ended = None
            for key in (_CTRL_C, _CTRL_C, _CTRL_BACKSLASH):
                await self._press(target, key, lock_id)
                ended = await self._obeyed(target, watch, prompt, lock_id)
                if ended is not None:
                    break
        return await self._result(target, prompt.prompt_id, ended, max_lines)

    async def _obeyed(
        self, session_id: SessionId, watch: Watch, prompt: Prompt, lock_id: LockId | None
    ) -> Ending | None:
        """Wait for the end of a command that was interrupted; None when it goes on."""
        seconds = self._interrupt_seconds
        if is_ours(prompt):
            known = (seconds, BROKEN_OFF_SECONDS)
            ended = await self._endings.wait(session_id, watch, prompt.prompt_id, min(known))
            dialect = (await self._shells.job(session_id)).dialect
            if ended is None and dialect is not None:
                await self._press(session_id, closing(dialect), lock_id)
            if ended is not None:
                return ended
        return await self._endings.wait(session_id, watch, prompt.prompt_id, seconds)

    async def _press(self, session_id: SessionId, key: str, lock_id: LockId | None) -> None:
        async with self._writers.hold(session_id, lock_id):
            await self._terminal.send_text(session_id, key)

    async def _start(
        self, session_id: SessionId, watch: Watch, shell: ReadyShell, command: str
    ) -> PromptId | None:
        """Type a command; return its prompt once it runs, or None if the session has ended."""
        nonce = new_nonce(command)
        if shell.marked:
            typed = for_marked(command, shell.dialect, shell.name)
        else:
            typed = for_unmarked(command, shell.dialect, shell.name, nonce)
        await self._terminal.send_text(session_id, typed)
        looks = 0
        while True:
            happening = None
            with anyio.move_on_after(self._start_seconds):
                happening = await watch.next()
            match happening:
                case None if looks < UNREAD_LOOKS and await self._is_unread(session_id):
                    looks += 1
                case None:
                    break
                case SessionEnded():
                    return None
                case CommandStarted(prompt_id, text):
                    # Where a prompt was given up meanwhile it is the next one's.
                    ours = prompt_id == shell.prompt_id or is_same(text, typed)
                    if ours if shell.marked else text.strip() == nonce:
                        return prompt_id
                case TerminalBack() if shell.marked:
                    prompt = await self._terminal.read_prompt(session_id, shell.prompt_id)
                    if prompt is not None and prompt.state is not PromptState.EDITING:
                        return shell.prompt_id
                case _:
                    pass  # the echo of what was typed
        await self._take_back(session_id, watch)
        raise InvalidRequestError(
            "the shell did not start the command: it waits for the rest of it, or found it wrong",
            hint="It was taken back with ctrl-c. See that every quote, bracket, block and "
            "here-document is closed; read_screen shows what the shell said.",
            code="command_incomplete",
        )

    async def _is_unread(self, session_id: SessionId) -> bool:
        """Tell whether some of what was typed has not reached the shell, as far as is known."""
        return bool((await self._terminal.read_input_state(session_id)).queued)

    async def _take_back(self, session_id: SessionId, watch: Watch) -> None:
        """Have the shell drop what was typed, and wait until it has redrawn its prompt."""
        while watch.waiting():
            await watch.next()
        await self._terminal.send_text(session_id, _CTRL_C)
        with anyio.move_on_after(self._start_seconds):
            while not isinstance(await watch.next(), PromptShown | SessionEnded):
                prompt = await self._terminal.read_prompt(session_id)
                if prompt is None or is_ours(prompt):
                    return  # it is somewhere else, and no mark will tell
                if not prompt.command.strip():
                    return

    async def _result(
        self,
        session_id: SessionId,
        prompt_id: PromptId,
        ended: Ending | None,
        max_lines: int,
        line: int | None = None,
    ) -> CommandResult:
        at = self._clock.monotonic()
        name = command_id(session_id, prompt_id)
        try:
            if ended is not None and ended.state is CommandState.SESSION_ENDED:
                result = CommandResult(name, session_id, ended.state)
            else:
                state = ended.state if ended is not None else None
                result = await read_result(
                    self._terminal, session_id, prompt_id, state, max_lines=max_lines, line=line
                )
        except NotFoundError:
            result = CommandResult(name, session_id, CommandState.SESSION_ENDED)
        if ended is not None and result.exit_code is None:
            result = replace(result, exit_code=ended.exit_code)
        start = self._starts.get(prompt_id)
        if start is not None:
            result = replace(result, duration_seconds=at - start.at, command=start.command)
        return result

    def _remember_start(self, prompt_id: PromptId, command: str) -> None:
        self._starts[prompt_id] = Start(self._clock.monotonic(), command)
        while len(self._starts) > KNOWN_STARTS:
            self._starts.popitem(last=False)


async def _next_prompt(watch: Watch) -> None:
    """Wait until a shell has drawn its prompt, or is known not to."""
    while not isinstance(await watch.next(), PromptShown | CommandStarted | SessionEnded):
        pass


def _is_being_drawn(prompt: Prompt) -> bool:
    """Tell whether a shell is about to show a prompt, or the rest of one."""
    if prompt.state is PromptState.FINISHED:
        return not is_ours(prompt)
    return prompt.state is PromptState.EDITING and prompt.typed is None


def _is_empty(prompt: Prompt) -> bool:
    """Tell whether a prompt is drawn whole, and nothing stands at it."""
    editing = prompt.state is PromptState.EDITING and prompt.typed is not None
    return editing and not prompt.command.strip()
