"""What a command has printed and how it stands, read from the terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.models.commands import CommandResult, CommandState
from iterm_mcp.models.output import Place, PromptState, Span
from iterm_mcp.services.commands.ids import command_id
from iterm_mcp.services.commands.ready_shells import is_ours
from iterm_mcp.services.commands.typed_commands import CLOSING
from iterm_mcp.services.output.excerpts import read_excerpt
from iterm_mcp.services.output.pages import read_rows
from iterm_mcp.services.output.reading import Reader
from iterm_mcp.services.sessions.at_once import at_once
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from iterm_mcp.models.commands import Excerpt
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import OutputView, Prompt, PromptId
    from iterm_mcp.terminal.protocol import Terminal

_QUESTION = re.compile(
    r"(?:password|passphrase|passcode|\[y/n\]|\(y/n\)|\(yes/no\)|continue|proceed|press|enter)"
    r"[^\n]{0,40}\s?$|[?:>] ?$",
    re.IGNORECASE,
)
_END_SIGN = re.compile("[%#\u23ce] *$")
_SIGNLESS = frozenset({"bash", "sh", "dash", "ksh", "mksh", "ash", "busybox"})
_TYPED = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_STATES = {
    PromptState.EDITING: CommandState.UNKNOWN,
    PromptState.RUNNING: CommandState.RUNNING,
    PromptState.FINISHED: CommandState.FINISHED,
}
_VARIABLES = ("jobName", "columns", "path")

GLANCE_LINES = 12
"""Rows below a command that are read before it is known how many it has printed."""


async def read_result(
    terminal: Terminal,
    session_id: SessionId,
    prompt_id: PromptId,
    ended: CommandState | None,
    *,
    max_lines: int,
    line: int | None = None,
) -> CommandResult:
    """Return how the command that was run at a prompt stands, with the end of its output.

    Args:
        ended: How it was seen to end, if it was; its prompt may be cleared away since.
        line: Where it was typed, if that is known: what it printed is looked for below.
    """
    name = command_id(session_id, prompt_id)
    prompt, last, variables, view = await at_once(
        lambda: terminal.read_prompt(session_id, prompt_id),
        lambda: terminal.read_prompt(session_id),
        lambda: terminal.read_variables(session_id, _VARIABLES),
        lambda: terminal.view_output(session_id, line, GLANCE_LINES if line is not None else 1),
    )
    directory = str(variables["path"] or "") or None
    if prompt is None:
        shown = await _read_cleared(terminal, session_id, prompt_id, max_lines)
        state = ended or CommandState.UNKNOWN
        return CommandResult(
            name, session_id, state, directory=directory, output=shown, cleared=True
        )
    state = _STATES[prompt.state] if ended is not CommandState.UNKNOWN else ended
    running = state is CommandState.RUNNING
    full_screen = running and view.full_screen
    job = str(variables["jobName"] or "")
    output, cleared, asks, cursor = None, False, False, None
    if running and prompt.output is not None:
        end = prompt.output.end
        cursor = await Reader(terminal).cursor_at(session_id, end.line, end.column)
    if prompt.output is not None and not full_screen:
        cleared = await _is_cleared(terminal, session_id, prompt, last, view)
        if cleared:
            output = await _read_cleared(terminal, session_id, prompt_id, max_lines)
        else:
            output = await read_excerpt(
                terminal, session_id, prompt.output, max_lines=max_lines, held=view.lines
            )
            if is_ours(prompt):
                output = _without_closing(output)
            elif not running and job.lstrip("-") not in _SIGNLESS:
                output = without_end_sign(output, variables["columns"])
        asks = running and bool(prompt.output.end.column) and asks_something(output)
    return CommandResult(
        name,
        session_id,
        state,
        command=prompt.command,
        exit_code=prompt.exit_status,
        directory=directory,
        output=output,
        cleared=cleared,
        full_screen=full_screen,
        job=(sanitise(job) or None) if running else None,
        waiting_for_input=asks,
        cursor=cursor,
    )


def without_end_sign(output: Excerpt, columns: int) -> Excerpt:
    """Return output without the sign that zsh and fish put behind text that lacks a newline.

    Both write a whole row of spaces behind it, which tells it from a program's own: it fills
    the row, or in the last column makes it go on in the next.
    """
    sign = _END_SIGN.search(output.text) if output.last_width == columns else None
    if sign is None or not (output.last_wrapped or sign.end() - sign.start() > 1):
        return output
    return replace(output, text=output.text[: sign.start()])


def asks_something(output: Excerpt | None) -> bool:
    """Tell whether output ends as a question to whoever types does."""
    last = "" if output is None else output.text.rpartition("\n")[2]
    return bool(last.strip()) and _QUESTION.search(last[-200:]) is not None


def _without_closing(output: Excerpt) -> Excerpt:
    """Leave out the line that was typed to have a broken off command's end marked."""
    typed = output.text.find(CLOSING)
    if typed < 0:
        return output
    return replace(output, text=output.text[: max(0, output.text.rfind("\n", 0, typed))])


async def _is_cleared(
    terminal: Terminal,
    session_id: SessionId,
    prompt: Prompt,
    last: Prompt | None,
    view: OutputView,
) -> bool:
    """Tell whether the screen was cleared while a command ran, and its output began above.

    Then what was typed does not stand any more where it was typed, and the cursor may have been
    sent above where the output would have begun.
    """
    typed, output = prompt.typed, prompt.output
    if typed is None or output is None:
        return False
    if output.end <= output.start:
        line = _line_of(last, prompt.prompt_id)
        if (view.cursor.line if line is None else line) < output.start.line:
            return True
    at = typed.start.line
    row = (await read_rows(terminal, session_id, at, at + 1, held=view.lines)).at(at)
    if row is None:
        return False  # lost
    stands = row.text[row.offset(typed.start.column) :].strip()
    if is_ours(prompt):  # which leaves its row empty
        return bool(row.text.strip())
    wanted = _TYPED.match(prompt.command.strip())
    return wanted is not None and not _begins_alike(stands, wanted[0])


def _begins_alike(one: str, other: str) -> bool:
    """Tell whether two texts are the same as far as both go, up to a right prompt."""
    length = min(len(one), len(other))
    return bool(length) and one[:length] == other[:length]


async def _read_cleared(
    terminal: Terminal, session_id: SessionId, prompt_id: PromptId, max_lines: int
) -> Excerpt | None:
    """Return what stands on the screen above its last prompt, or else above the cursor."""
    top = (await terminal.line_range(session_id)).screen
    end = await _next_line(terminal, session_id, prompt_id)
    if end <= top:
        return None
    return await read_excerpt(
        terminal, session_id, Span(Place(top, 0), Place(end, 0)), max_lines=max_lines
    )


async def _next_line(terminal: Terminal, session_id: SessionId, prompt_id: PromptId) -> int:
    """Return the line of the prompt that came after one, or else the cursor's."""
    line = _line_of(await terminal.read_prompt(session_id), prompt_id)
    if line is not None:
        return line
    screen = await terminal.read_screen(session_id)
    return screen.first_line + screen.cursor_row


def _line_of(last: Prompt | None, prompt_id: PromptId) -> int | None:
    """Return the line of a session's last prompt, if it is one that came after another."""
    if last is None or last.prompt is None or last.prompt_id == prompt_id:
        return None
    return last.prompt.start.line
