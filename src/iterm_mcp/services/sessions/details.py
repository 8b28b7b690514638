"""What can be told of one session: where it is, what runs in it, and what that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.output import PromptState
from iterm_mcp.models.session_details import LastCommand, SessionDetails
from iterm_mcp.services.commands.typed_commands import NONCE, as_given

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import Prompt
    from iterm_mcp.models.session_details import ListedSession
    from iterm_mcp.services.sessions.process_table import ProcessTable
    from iterm_mcp.services.sessions.search import SessionSearch
    from iterm_mcp.terminal.protocol import Terminal

CPU_SECONDS = 0.2
"""How long processes are looked at to tell how busy they are."""

_VARIABLES = (
    "effective_root_pid", "pid", "jobPid", "jobName", "tty", "creationTimeString",
    "showingAlternateScreen", "logFilename",
)  # fmt: skip


class SessionDescriber:
    """Describes sessions.

    Args:
        cpu_seconds: How long to look how busy processes are.
    """

    def __init__(
        self,
        terminal: Terminal,
        search: SessionSearch,
        processes: ProcessTable,
        *,
        cpu_seconds: float = CPU_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._search = search
        self._processes = processes
        self._cpu_seconds = cpu_seconds

    async def find(self, session_id: str) -> SessionId:
        """Return the session that a caller means; see `SessionSearch.find`."""
        return await self._search.find(session_id)

    async def listed(self, session_id: SessionId) -> ListedSession:
        """Return what a list tells of a session.

        Raises:
            NotFoundError: It does not stand in a window.
        """
        return await self._search.describe(session_id)

    async def describe(self, session_id: str) -> SessionDetails:
        """Return all that is known of a session but its output."""
        target = await self._search.find(session_id)
        listed = await self._search.describe(target)
        values = await self._terminal.read_variables(target, _VARIABLES)
        prompt = await self._terminal.read_prompt(target)
        root = as_pid(values["effective_root_pid"]) or as_pid(values["pid"])
        tree = None
        if root is not None:
            tree = await self._processes.tree(root, seconds=self._cpu_seconds)
        return SessionDetails(
            listed=listed,
            last_command=await last_command(self._terminal, target, prompt),
            prompt=None if prompt is None else prompt.state,
            tty=str(values["tty"] or ""),
            created=str(values["creationTimeString"] or ""),
            alternate_screen=bool(values["showingAlternateScreen"]),
            processes=() if tree is None else tree.processes,
            left_out=0 if tree is None else tree.left_out,
            recording=str(values["logFilename"]) if values["logFilename"] else None,
        )


async def last_command(
    terminal: Terminal, session_id: SessionId, prompt: Prompt | None
) -> LastCommand | None:
    """Return what was last run in a session, as far as its shell marks it.

    Args:
        prompt: The session's last one.
    """
    if prompt is None:
        return None
    if prompt.state is PromptState.EDITING:
        prompt = await _prompt_before(terminal, session_id, prompt)
        if prompt is None:
            return None
    # Between marks of our own the terminal does not know the text.
    command = "" if prompt.command.startswith(NONCE) else as_given(prompt.command)
    return LastCommand(command, prompt.state is PromptState.RUNNING, prompt.exit_status)


async def _prompt_before(
    terminal: Terminal, session_id: SessionId, prompt: Prompt
) -> Prompt | None:
    """Return the prompt above one at which nothing was run yet, if a command was run there."""
    known = await terminal.list_prompts(session_id)
    if prompt.prompt_id not in known:
        return None
    for prompt_id in reversed(known[: known.index(prompt.prompt_id)][-MOST_EMPTY:]):
        found = await terminal.read_prompt(session_id, prompt_id)
        if found is not None and found.state is not PromptState.EDITING:
            return found
    return None


MOST_EMPTY = 5
"""Prompts at which only Enter was pressed that are passed over in search of a command."""


def as_pid(value: object) -> int | None:
    """Return a process id from a variable; None for what is none."""
    return value if isinstance(value, int) and value > 1 else None
