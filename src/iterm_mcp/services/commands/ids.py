"""Ids for commands: short, and good for as long as the terminal keeps the command's prompt.

They are made of the ends of the session's and the prompt's own ids, so nothing has to be
remembered: a daemon that was started later finds the command by asking the terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.commands import CommandId

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import PromptId
    from iterm_mcp.terminal.protocol import Terminal

_LENGTH = 8
GONE_HINT = (
    "It is forgotten once its session is closed or its lines have left the scrollback; "
    "use read_screen or run it again."
)


def command_id(session_id: SessionId, prompt_id: PromptId) -> CommandId:
    """Return the id of the command that was run at a prompt."""
    return CommandId(f"{session_id[-_LENGTH:]}.{prompt_id[-_LENGTH:]}".lower())


async def find_command(terminal: Terminal, wanted: str) -> tuple[SessionId, PromptId]:
    """Return the session and the prompt of a command.

    Raises:
        NotFoundError: No session has it, or has it any more.
    """
    tail = wanted.lower().partition(".")[0]
    for session in await terminal.list_sessions():
        if session.session_id.lower().endswith(tail):
            for prompt_id in await terminal.list_prompts(session.session_id):
                if command_id(session.session_id, prompt_id) == wanted.lower():
                    return session.session_id, prompt_id
    raise NotFoundError("command", wanted, hint=GONE_HINT)
