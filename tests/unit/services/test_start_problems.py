"""A program that was not started: the answer says whether it is the program or the directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.errors import TerminalRejectedError
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.agents.start_problems import start_problem
from iterm_mcp.services.sessions.service import SessionService

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.testing import FakeTerminal

TELLS_NOTHING = TerminalRejectedError("MISSING_SUBSTITUTION", hint="See what it is.")


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for program, problem in [
        (Program(directory=str(tmp_path / "gone")), "does not exist"),
        (Program(directory=str(tmp_path / "file")), "is no directory"),
        (Program(command=f"{tmp_path}/gone --now"), "was not found"),
        (Program(command=f"{tmp_path}/file"), "exists, but cannot be run"),
        (Program(command='an "open quote'), "quote is left open"),
        (Program(command="no-such-program-anywhere", arguments=("x",)), "was not found"),
    ]:
        assert problem in str(start_problem(program))


def test_a_folder_that_may_not_be_entered_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may enter any
    assert "may not be entered" in str(start_problem(Program(directory=str(tmp_path))))


def test_what_could_be_started_is_not_blamed(tmp_path: Path) -> None:
    for program in (
        Program(),
        Program(directory=str(tmp_path), command="sh -c 'exit 1'"),
        Program(directory="~"),
    ):
        assert start_problem(program) is None


async def test_a_refusal_says_which_part_of_the_program_it_is_about(
    terminal: FakeTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = SessionService(terminal)

    async def refuse(*_arguments: object, **_named: object) -> None:
        raise TELLS_NOTHING

    monkeypatch.setattr(terminal, "open_session", refuse)
    with pytest.raises(TerminalRejectedError, match="'/no/such/place' does not exist") as told:
        await service.open_session(Program(directory="/no/such/place"))
    with pytest.raises(TerminalRejectedError, match="MISSING") as untold:
        await service.open_session(Program())

    assert (told.value.hint, told.value.code) == (TELLS_NOTHING.hint, TELLS_NOTHING.code)
    assert untold.value is TELLS_NOTHING
