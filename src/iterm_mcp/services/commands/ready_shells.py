"""Finding out whether a shell waits for a command in a session, before one is typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import anyio

from iterm_mcp.errors import NotFoundError, RefusedError
from iterm_mcp.models.happenings import PromptShown, SessionEnded, TerminalBack
from iterm_mcp.models.output import PromptId, PromptState
from iterm_mcp.services.commands.ids import command_id
from iterm_mcp.services.commands.typed_commands import NONCE, as_given, dialect_of, replaces_shell
from iterm_mcp.services.sessions.at_once import at_once
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import Prompt
    from iterm_mcp.models.sessions import Screen
    from iterm_mcp.services.commands.typed_commands import Dialect
    from iterm_mcp.terminal.protocol import Terminal, Watch

PROMPT_SECONDS = 5.0
"""How long a shell that has ended a command may take to show its prompt."""

FIRST_PROMPT_SECONDS = 15.0
"""How long one that has just started may take: its start-up files may do a lot."""

LAUNCHERS = frozenset({"env", "login", "nice", "nohup", "setsid", "stdbuf", "su", "sudo"})
"""Programs that put another one in their place; terminals notice that a moment later."""

JOB_SECONDS = 3.0
"""How long that moment may be; iTerm2 and our host look once a second."""

SETTLED_SECONDS = 0.4
"""How long a shell that starts is silent before what it shows counts as a prompt without marks."""

_DRAFT_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class ReadyShell:
    """A shell that waits for a command.

    Attributes:
        name: Of its process; of another one that shows its prompt, as ssh does.
        marked: It marks its prompts, and `prompt_id` is the one it shows.
        line: Where what is typed at that prompt begins, if it is known.
    """

    dialect: Dialect
    name: str
    marked: bool
    prompt_id: PromptId
    line: int | None = None


class ForegroundJob(NamedTuple):
    """What reads the keys in a session.

    Attributes:
        is_root: It is the very process that the session was opened with.
    """

    name: str
    is_root: bool

    @property
    def shell(self) -> str:
        """Return its name without the sign of a login shell."""
        return self.name.lstrip("-")

    @property
    def dialect(self) -> Dialect | None:
        """Return its language if it is a shell."""
        return dialect_of(self.name)


class ReadyShells:
    """Tells which shells wait.

    Args:
        settled_seconds: How long a shell that starts must be silent behind some text before
            that counts as its prompt.
        first_prompt_seconds: How long its first prompt is waited for.
    """

    def __init__(
        self,
        terminal: Terminal,
        settled_seconds: float = SETTLED_SECONDS,
        first_prompt_seconds: float = FIRST_PROMPT_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._settled_seconds = settled_seconds
        self._first_prompt_seconds = first_prompt_seconds

    async def wait(
        self, session_id: SessionId, watch: Watch, dialect: Dialect | None
    ) -> ReadyShell:
        """Return the shell that waits for a command in a session.

        Args:
            watch: Of that session, begun before.
            dialect: The caller's word that such a shell shows its prompt there.

        Raises:
            RefusedError: A program runs, a person's text stands at the prompt, or a shell that
                has just started shows none.
            NotFoundError: The session ended.
        """
        prompt, job = await at_once(
            lambda: self._terminal.read_prompt(session_id), lambda: self.job(session_id)
        )
        starting = prompt is None and await self._is_starting(session_id)
        if starting or _is_over(prompt):
            seconds = self._first_prompt_seconds if starting else PROMPT_SECONDS
            prompt = await self._next_prompt(session_id, watch, prompt, seconds)
            job = await self.job(session_id)
            still = starting and prompt is None and await self._is_starting(session_id)
            if still and dialect is None and job.dialect is not None:
                raise _starting(session_id, seconds)
        if prompt is not None and prompt.state is PromptState.EDITING:
            if prompt.command.strip():
                raise _draft(session_id, prompt)
            spoken = dialect or job.dialect or "posix"
            line = prompt.typed.start.line if prompt.typed is not None else None
            return ReadyShell(spoken, job.shell, marked=True, prompt_id=prompt.prompt_id, line=line)
        if dialect is None and prompt is None and job.shell in LAUNCHERS:
            job = await self._launched(session_id, job)
        if dialect is None and is_free(prompt, job):
            dialect = job.dialect
        if dialect is not None:
            return ReadyShell(dialect, job.shell, marked=False, prompt_id=PromptId(""))
        raise _busy(session_id, prompt, job.name)

    async def is_waiting(self, session_id: SessionId) -> bool:
        """Tell whether a shell waits for a command; guess where it does not mark its prompts."""
        prompt = await self._terminal.read_prompt(session_id)
        if prompt is not None and prompt.state is PromptState.EDITING:
            return True
        return is_free(prompt, await self.job(session_id)) and await self._shows_text(session_id)

    async def job(self, session_id: SessionId) -> ForegroundJob:
        """Return what reads the keys in a session."""
        names = ["jobName", "jobPid", "pid"]
        values = await self._terminal.read_variables(session_id, names)
        root = values["jobPid"] is not None and values["jobPid"] == values["pid"]
        return ForegroundJob(str(values["jobName"] or ""), root)

    async def _launched(self, session_id: SessionId, job: ForegroundJob) -> ForegroundJob:
        """Return the program that another one has started in its own place, as soon as known."""
        with anyio.move_on_after(JOB_SECONDS):
            while job.shell in LAUNCHERS:
                await anyio.sleep(JOB_SECONDS / 20)
                job = await self.job(session_id)
        return job

    async def _next_prompt(
        self, session_id: SessionId, watch: Watch, prompt: Prompt | None, seconds: float
    ) -> Prompt | None:
        """Wait for the prompt that is about to come; return the last one in any case."""
        with anyio.move_on_after(seconds):
            while prompt is None or _is_over(prompt):
                happening: Happening | None = None
                with anyio.move_on_after(self._settled_seconds if prompt is None else None):
                    happening = await watch.next()
                match happening:
                    case None:
                        if await self._shows_text(session_id):
                            return None
                    case PromptShown() | TerminalBack():
                        prompt = await self._terminal.read_prompt(session_id)
                    case SessionEnded():
                        raise NotFoundError("session", session_id, hint="It has just ended.")
                    case _:
                        pass
        return prompt

    async def _is_starting(self, session_id: SessionId) -> bool:
        """Tell whether a session has shown no prompt of any kind yet, as a new one."""
        screen = await self._terminal.read_screen(session_id)
        return screen.first_line == 0 and not shows_text(screen)

    async def _shows_text(self, session_id: SessionId) -> bool:
        return shows_text(await self._terminal.read_screen(session_id))


def shows_text(screen: Screen) -> bool:
    """Tell whether something stands left of the cursor, as a prompt does."""
    return bool(screen.lines[screen.cursor_row][: screen.cursor_column].strip())


def _is_over(prompt: Prompt | None) -> bool:
    """Tell whether what was run at a shell's prompt has ended, so that its next is to come."""
    return prompt is not None and prompt.state is PromptState.FINISHED and not is_ours(prompt)


def is_ours(prompt: Prompt) -> bool:
    """Tell whether a prompt is no prompt, but a command between marks of our own."""
    return prompt.command.strip().startswith(NONCE)


def is_free(prompt: Prompt | None, job: ForegroundJob) -> bool:
    """Tell whether a shell that does not mark its prompts reads the keys, as far as can be told."""
    if job.dialect is None:
        return False
    if prompt is None:
        return True
    if is_ours(prompt) and prompt.state is PromptState.FINISHED:
        return True
    return job.is_root and replaces_shell(prompt.command.strip())


def _starting(session_id: SessionId, seconds: float) -> RefusedError:
    return RefusedError(
        f"the shell of session {session_id} has shown no prompt within {seconds:g} s",
        hint="Nothing was typed. Its start-up files may take long: wait_for its prompt, then try "
        "again. If its prompt is empty on purpose, say which `shell` it is.",
        code="shell_starting",
    )


def _draft(session_id: SessionId, prompt: Prompt) -> RefusedError:
    draft = sanitise(prompt.command.strip())[:_DRAFT_CHARACTERS]
    return RefusedError(
        f"text that somebody typed stands at the prompt of session {session_id}: {draft!r}",
        hint="Somebody may be typing there. Use another session, or clear the prompt with "
        "send_keys ctrl-c if the text is yours.",
        code="draft_at_prompt",
    )


def _busy(session_id: SessionId, prompt: Prompt | None, job: str) -> RefusedError:
    what = sanitise(job)[:_DRAFT_CHARACTERS] or "a program"
    running = ""
    if prompt is not None and prompt.state is PromptState.RUNNING:
        running = f", as command {command_id(session_id, prompt.prompt_id)}"
        if not is_ours(prompt):
            running += f" ({sanitise(as_given(prompt.command))[:_DRAFT_CHARACTERS]!r})"
    return RefusedError(
        f"no shell waits for a command in session {session_id}: {what} runs there{running}",
        hint="Wait for its end with command_status, type into it with send_text, end it with "
        "interrupt_session, or use another session. If it shows the prompt of a shell, as after "
        "ssh, say which with shell.",
        code="shell_busy",
    )
