"""One session after the other: which one is meant, and what may be typed into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.sessions import Direction, Program
from iterm_mcp.services.sessions import MAX_TEXT, SessionService
from iterm_mcp.services.writers import SessionWriters

if TYPE_CHECKING:
    from iterm_mcp.testing import FakeTerminal


@pytest.fixture
def sessions(terminal: FakeTerminal) -> SessionService:
    return SessionService(terminal, SessionWriters())


async def test_the_active_session_is_found_among_others(
    sessions: SessionService, terminal: FakeTerminal
) -> None:
    first = await sessions.open_session(Program())
    second = await sessions.split_session(first.session_id, Direction.RIGHT, Program())
    assert await sessions.find("active") == second
    await terminal.activate_session(first.session_id)
    assert await sessions.find("active") == first.session_id


async def test_no_session_is_active_when_none_is_there(sessions: SessionService) -> None:
    with pytest.raises(NotFoundError, match="active") as caught:
        await sessions.find("active")
    assert "open one" in caught.value.hint


@pytest.mark.parametrize(("text", "enter"), [("", False), ("x" * (MAX_TEXT + 1), True)])
async def test_nothing_and_too_much_are_not_typed(
    sessions: SessionService, terminal: FakeTerminal, text: str, *, enter: bool
) -> None:
    opened = await sessions.open_session(Program())
    with pytest.raises(InvalidRequestError) as caught:
        await sessions.send_text(opened.session_id, text, enter=enter)
    assert caught.value.hint
    assert len(str(caught.value)) < 200
    assert terminal.typed(opened.session_id) == ""


@pytest.mark.parametrize(
    ("text", "enter", "typed"),
    [
        ("", True, "\r"),
        ("a\nb", False, "a\rb"),
        ("a\r\nb\n", True, "a\rb\r\r"),
    ],
)
async def test_ends_of_lines_are_typed_as_enter(
    sessions: SessionService, terminal: FakeTerminal, text: str, *, enter: bool, typed: str
) -> None:
    opened = await sessions.open_session(Program())
    await sessions.send_text(opened.session_id, text, enter=enter)
    assert terminal.typed(opened.session_id) == typed


async def test_no_keys_are_no_request(sessions: SessionService) -> None:
    opened = await sessions.open_session(Program())
    with pytest.raises(InvalidRequestError, match="no keys"):
        await sessions.send_keys(opened.session_id, [])
