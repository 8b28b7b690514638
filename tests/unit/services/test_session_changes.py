"""Changing a session that stands."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.fake_processes import FakeProcesses

from iterm_mcp.errors import ConflictError, InvalidRequestError, ItermMcpError, RefusedError
from iterm_mcp.models.sessions import Appearance, Direction, Program, Size
from iterm_mcp.services.sessions.changes import SessionChange, SessionChanger
from iterm_mcp.services.sessions.search import SessionSearch

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.testing import FakeTerminal

SHELL, JOB = 70, 71


@pytest.fixture
def processes() -> FakeProcesses:
    return FakeProcesses(SHELL, JOB)


@pytest.fixture
def search(terminal: FakeTerminal) -> SessionSearch:
    return SessionSearch(terminal)


@pytest.fixture
def changer(
    terminal: FakeTerminal, search: SessionSearch, processes: FakeProcesses
) -> SessionChanger:
    return SessionChanger(terminal, search, processes)


async def opened(terminal: FakeTerminal, job: int | None = SHELL, name: str = "-bash") -> SessionId:
    session = await terminal.open_session(Program(tags=("old",)))
    for fact, value in {"pid": SHELL, "jobPid": job, "jobName": name}.items():
        terminal.set_fact(session.session_id, fact, value)
    return session.session_id


async def test_everything_is_changed_in_one_call(
    changer: SessionChanger, terminal: FakeTerminal, search: SessionSearch
) -> None:
    session_id = await opened(terminal)
    await terminal.split_session(session_id, Direction.RIGHT, Program())

    changed = await changer.change(
        session_id,
        SessionChange(
            name="new",
            look=Appearance(badge="B", tab_color="#ff0000"),
            tags=("ci", "ci"),
            size=Size(50, 20),
            focus=True,
        ),
    )

    (listed,) = await search.select(["name:new"])
    assert changed.changed == ("name", "tags", "look", "focus", "size")
    assert listed.info.session_id == changed.session_id == session_id
    assert listed.info.size == Size(50, 20)
    assert listed.info.active
    assert listed.facts is not None
    assert listed.facts.tags == ("ci",)
    assert terminal.profile(session_id)["Badge Text"] == "B"
    assert "Tab Color" in terminal.profile(session_id)


async def test_the_size_that_a_session_really_has_is_told(
    changer: SessionChanger, terminal: FakeTerminal
) -> None:
    session_id = await opened(terminal)
    terminal.set_fact(session_id, "rows", 25)  # its neighbours have a say
    told = await changer.change(session_id, SessionChange(size=Size(60, 20)))
    terminal.set_fact(session_id, "rows", None)
    untold = await changer.change(session_id, SessionChange(size=Size(60, 20)))
    renamed = await changer.change(session_id, SessionChange(name="x"))

    assert told.size == Size(60, 25)
    assert (untold.size, renamed.size) == (None, None)


async def test_tags_can_all_be_taken_away(
    changer: SessionChanger, terminal: FakeTerminal, search: SessionSearch
) -> None:
    session_id = await opened(terminal)

    await changer.change(session_id, SessionChange(tags=()))

    assert await search.select(["tag:old"]) == ()


@pytest.mark.parametrize(
    "change",
    [
        SessionChange(),
        SessionChange(focus=True, name="\n"),
        SessionChange(focus=True, tags=("a b",)),
        SessionChange(focus=True, size=Size(0, 0)),
        SessionChange(focus=True, look=Appearance(tab_color="red")),
    ],
    ids=str,
)
async def test_nothing_is_changed_when_any_of_it_makes_no_sense(
    changer: SessionChanger, terminal: FakeTerminal, change: SessionChange
) -> None:
    session_id = await opened(terminal)
    await terminal.open_session(Program())

    with pytest.raises(InvalidRequestError) as caught:
        await changer.change(session_id, change)

    assert caught.value.hint
    assert not (await terminal.list_sessions())[0].active


async def test_the_job_in_the_foreground_is_suspended(
    changer: SessionChanger, terminal: FakeTerminal, processes: FakeProcesses
) -> None:
    session_id = await opened(terminal, JOB, "vim")

    changed = await changer.change(session_id, SessionChange(job="suspend"))

    assert processes.sent == [(JOB, signal.SIGSTOP)]
    assert changed.changed == ("job: suspend",)
    assert not changed.in_background


async def test_a_program_that_is_the_session_is_suspended_and_a_shell_is_not(
    changer: SessionChanger, terminal: FakeTerminal, processes: FakeProcesses
) -> None:
    program = await opened(terminal, SHELL, "top")
    await changer.change(program, SessionChange(job="suspend"))
    assert processes.sent == [(SHELL, signal.SIGSTOP)]

    for shell in (await opened(terminal, SHELL, "/bin/zsh"), await opened(terminal, None)):
        with pytest.raises(RefusedError, match="no job") as caught:
            await changer.change(shell, SessionChange(job="suspend", name="x"))
        assert caught.value.code == "no_job"


@pytest.mark.parametrize(("front", "in_background"), [(JOB, False), (SHELL, True), (None, True)])
async def test_a_suspended_job_goes_on_where_it_is(
    changer: SessionChanger,
    terminal: FakeTerminal,
    processes: FakeProcesses,
    front: int | None,
    *,
    in_background: bool,
) -> None:
    session_id = await opened(terminal, front)
    processes.stopped = {JOB}

    changed = await changer.change(session_id, SessionChange(job="resume"))

    assert processes.sent == [(JOB, signal.SIGCONT)]
    assert changed.in_background == in_background


async def test_without_a_suspended_job_there_is_nothing_to_resume(
    changer: SessionChanger, terminal: FakeTerminal
) -> None:
    session_id = await opened(terminal)
    with pytest.raises(ConflictError, match="suspended"):
        await changer.change(session_id, SessionChange(job="resume"))
    terminal.set_fact(session_id, "pid", None)
    with pytest.raises(ConflictError, match="suspended"):
        await changer.change(session_id, SessionChange(job="resume"))


@pytest.mark.parametrize("job", ["suspend", "resume"])
async def test_a_job_that_has_just_ended_is_told_of(
    changer: SessionChanger, terminal: FakeTerminal, processes: FakeProcesses, job: str
) -> None:
    session_id = await opened(terminal, JOB, "vim")
    processes.stopped = {JOB}
    processes.alive.discard(JOB)
    with pytest.raises(ConflictError, match="just ended"):
        await changer.change(session_id, SessionChange(job=job))  # type: ignore[arg-type]


async def test_another_users_job_is_left_alone(
    changer: SessionChanger, terminal: FakeTerminal, processes: FakeProcesses
) -> None:
    session_id = await opened(terminal, JOB, "top")
    processes.foreign = {JOB}
    with pytest.raises(ItermMcpError, match="another user"):
        await changer.change(session_id, SessionChange(job="suspend"))
    assert processes.sent == []
