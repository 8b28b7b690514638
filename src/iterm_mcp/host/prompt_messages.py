"""Prompts, as iTerm2 describes them on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import wire
from iterm_mcp.host.prompt_text import text_between
from iterm_mcp.host.prompts import (
    CommandEnded,
    CommandStarted,
    Place,
    Prompt,
    PromptEvent,
    PromptShown,
    Span,
)

if TYPE_CHECKING:
    from iterm_mcp.host.session import Session

Status = wire.GetPromptResponse.Status


def describe(session: Session, prompt: Prompt) -> wire.GetPromptResponse:
    """Return all that is known of a prompt. What is open still ends at the cursor."""
    column, line = session.engine.cursor
    cursor = Place(line, column)
    response = wire.GetPromptResponse(
        status=Status.OK,
        working_directory=prompt.directory,
        unique_prompt_id=prompt.prompt_id,
        prompt_state=_state(prompt),
    )
    _write(response.prompt_range, prompt.start, prompt.end)
    typed = Span(prompt.end or prompt.start, prompt.command_end or cursor)
    if prompt.end is not None:
        _write(response.command_range, *typed)
    if prompt.command is not None:
        response.command = prompt.command
    elif prompt.end is not None:
        response.command = text_between(session.engine, typed, prompt.excluded)
    if prompt.output_start is not None:
        end = prompt.output_end or cursor
        _write(response.output_range, prompt.output_start, max(end, prompt.output_start))
    if prompt.status is not None:
        response.exit_status = prompt.status
    for span in prompt.excluded:
        _write(response.excluded_subranges.add(), *span)
    return response


def _state(prompt: Prompt) -> wire.GetPromptResponse.State.ValueType:
    if prompt.status is not None:
        return wire.GetPromptResponse.State.FINISHED
    if prompt.command is not None:
        return wire.GetPromptResponse.State.RUNNING
    return wire.GetPromptResponse.State.EDITING


def _write(target: wire.CoordRange, start: Place, end: Place | None) -> None:
    end = end or start
    target.start.x, target.start.y = start.column, start.line
    target.end.x, target.end.y = end.column, end.line


def tell(session: Session, event: PromptEvent) -> wire.PromptNotification:
    """Return what a subscriber is told."""
    told = wire.PromptNotification(
        session=session.session_id, unique_prompt_id=event.prompt.prompt_id
    )
    if isinstance(event, PromptShown):
        told.prompt.placeholder = ""
        told.prompt.prompt.CopyFrom(describe(session, event.prompt))
        told.prompt.prompt.ClearField("excluded_subranges")
    elif isinstance(event, CommandStarted):
        told.command_start.command = event.command
    else:
        told.command_end.status = event.status
    return told


MODES: dict[type, wire.PromptMonitorMode.ValueType] = {
    PromptShown: wire.PROMPT,
    CommandStarted: wire.COMMAND_START,
    CommandEnded: wire.COMMAND_END,
}
"""In which mode of a subscription an event is told."""
