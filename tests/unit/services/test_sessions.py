"""One session after the other: opening it, and what may be typed into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.stage import ONE, Stage

from iterm_mcp.models.sessions import Program, Size
from iterm_mcp.services.sessions import service as service_module
from iterm_mcp.services.sessions.service import SessionService

if TYPE_CHECKING:
    from iterm_mcp.testing import FakeTerminal


@pytest.fixture
def sessions(terminal: FakeTerminal) -> SessionService:
    return SessionService(terminal)


async def test_a_shell_that_shows_its_prompt_is_ready(sessions: SessionService) -> None:
    opened = await sessions.open_session(Program())
    assert await sessions.wait_ready(opened.session_id)


async def test_a_shell_is_waited_for_while_it_starts(
    sessions: SessionService, terminal: FakeTerminal
) -> None:
    opened = await sessions.open_session(Program())
    await terminal.send_text(opened.session_id, "block\r")
    ready = []

    async def wait() -> None:
        ready.append(await sessions.wait_ready(opened.session_id))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert ready == []
        terminal.shell(opened.session_id).finish()
    assert ready == [True]


async def test_what_ends_or_marks_no_prompt_is_never_ready(terminal: FakeTerminal) -> None:
    sessions = SessionService(terminal, ready_seconds=0.01)
    silent = await sessions.open_session(Program())
    terminal.shell(silent.session_id).marks = False
    assert not await sessions.wait_ready(silent.session_id)
    await terminal.close_session(silent.session_id)
    assert not await sessions.wait_ready(silent.session_id)

    patient = SessionService(terminal)
    ending = await sessions.open_session(Program())
    terminal.shell(ending.session_id).marks = False
    ready = []

    async def wait() -> None:
        ready.append(await patient.wait_ready(ending.session_id))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await terminal.close_session(ending.session_id)
    assert ready == [False]


async def test_a_size_is_that_of_a_new_window_and_is_given_to_an_old_one(
    sessions: SessionService,
) -> None:
    size = Size(100, 40)
    first = await sessions.open_session(Program(size=size))
    second = await sessions.open_session(Program(size=Size(90, 30)), window_id=first.window_id)

    sizes = {one.session_id: one.size for one in await sessions.list_sessions()}
    assert sizes[first.session_id] == size
    assert sizes[second.session_id] == Size(90, 30)


@pytest.mark.parametrize(("job", "ready"), [("dash", True), ("python3", False)])
async def test_a_prompt_without_marks_is_one_when_a_shell_is_silent_behind_it(
    monkeypatch: pytest.MonkeyPatch, job: str, *, ready: bool
) -> None:
    monkeypatch.setattr(service_module, "SETTLED_SECONDS", 0.01)
    stage = Stage("$ ")
    stage.variables |= {"jobName": job, "jobPid": 7, "pid": 7}

    assert await SessionService(stage.terminal).wait_ready(ONE) is ready
