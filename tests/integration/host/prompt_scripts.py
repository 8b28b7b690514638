"""Scripts that follow a shell's prompts: the `iterm2` library, and nothing of ours.

``python prompt_scripts.py NAME`` runs one in a process of its own; it fails by an assertion.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import iterm2
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Connection = iterm2.Connection
Mode = iterm2.PromptMonitor.Mode
State = iterm2.PromptState


async def open_bash(connection: Connection) -> iterm2.Session:
    """Return a session in which bash shows its first prompt."""
    await iterm2.async_get_app(connection)
    window = await iterm2.Window.async_create(connection, command="bash -l")
    session = window and window.current_tab and window.current_tab.current_session
    assert session
    while True:
        prompt = await iterm2.async_get_last_prompt(connection, session.session_id)
        if prompt and prompt.prompt_range.end.x:
            return session
        await asyncio.sleep(0.01)


@pytest.mark.answers("get_prompt_request", "OK", source="2.3")
@pytest.mark.notifies("NOTIFY_ON_PROMPT", source="3.7")
async def runs_a_command(connection: Connection) -> None:
    session = await open_bash(connection)
    before = await iterm2.async_get_last_prompt(connection, session.session_id)
    assert before
    assert before.unique_id
    assert before.state is State.EDITING
    async with iterm2.PromptMonitor(
        connection, session.session_id, modes=[Mode.COMMAND_END]
    ) as monitor:
        await session.async_send_text("echo one; echo two; (exit 42)\r")
        assert await monitor.async_get(include_id=True) == (Mode.COMMAND_END, 42, before.unique_id)
    prompt = await iterm2.async_get_prompt_by_id(connection, session.session_id, before.unique_id)
    assert prompt
    assert prompt.state is State.FINISHED
    assert prompt.command == "echo one; echo two; (exit 42)"
    span = prompt.output_range
    lines = await session.async_get_contents(span.start.y, span.end.y - span.start.y)
    assert [line.string for line in lines] == ["one", "two"]


@pytest.mark.answers("list_prompts_request", "OK", source="2.3")
@pytest.mark.notifies("NOTIFY_ON_PROMPT", source="3.7")
async def follows_each_kind(connection: Connection) -> None:
    session = await open_bash(connection)
    async with iterm2.PromptMonitor(
        connection, session.session_id, modes=[Mode.PROMPT, Mode.COMMAND_START, Mode.COMMAND_END]
    ) as monitor:
        await session.async_send_text("cd /tmp\r")
        assert await monitor.async_get() == (Mode.COMMAND_START, "cd /tmp")
        assert await monitor.async_get() == (Mode.COMMAND_END, 0)
        mode, shown = await monitor.async_get()
    assert mode is Mode.PROMPT
    assert shown.working_directory == "/tmp"
    ids = await iterm2.async_list_prompts(connection, session.session_id)
    assert ids[-1] == shown.unique_id
    assert len(ids) == 2


@pytest.mark.notifies("NOTIFY_ON_PROMPT", source="3.7")
async def follows_prompts_when_nothing_is_said(connection: Connection) -> None:
    session = await open_bash(connection)
    async with iterm2.PromptMonitor(connection, session.session_id) as monitor:
        await session.async_send_text("false\r")
        mode, shown = await monitor.async_get()
    assert mode is Mode.PROMPT
    assert shown.state is State.EDITING


SCRIPTS: list[Callable[[Connection], Coroutine[Any, Any, None]]] = [
    runs_a_command,
    follows_each_kind,
    follows_prompts_when_nothing_is_said,
]

if __name__ == "__main__":
    iterm2.run_until_complete({one.__name__: one for one in SCRIPTS}[sys.argv[1]])
