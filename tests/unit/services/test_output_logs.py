"""What a session prints stands in its log: finished lines, in order, also after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.waiting import eventually

from iterm_mcp.app import make_services
from iterm_mcp.errors import (
    ConflictError,
    NotFoundError,
    RefusedError,
    StoreError,
    TerminalUnavailableError,
)
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.output import output_logs
from iterm_mcp.services.output.log_file import LogFile
from iterm_mcp.telemetry import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.services.output.output_logs import OutputLogs
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

NOBODY = SessionId("00000000-0000-4000-8000-00000000dead")


@pytest.fixture
def made(terminal: FakeTerminal, store: Store, clock: FakeClock, tmp_path: Path) -> OutputLogs:
    services = make_services(
        terminal, store, clock, Metrics(), log_folder=str(tmp_path / "sessions")
    )
    return services.logs


@pytest.fixture
async def logs(made: OutputLogs) -> AsyncIterator[OutputLogs]:
    async with made.running():
        yield made


@pytest.fixture
async def session_id(terminal: FakeTerminal) -> SessionId:
    return (await terminal.open_session(Program())).session_id


def mode_of(path: str) -> int:
    return Path(path).stat().st_mode & 0o777


def lines_of(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


async def test_finished_lines_are_written(
    logs: OutputLogs, terminal: FakeTerminal, session_id: SessionId
) -> None:
    await terminal.send_text(session_id, "echo before\r")
    one = await logs.switch("active", on=True)
    await terminal.send_text(session_id, "echo first\recho second\r")

    lines = await eventually(lambda: lines_of(one.file.path), lambda found: "second" in found)

    assert lines.index("first") < lines.index("second")
    assert "before" not in lines
    assert one.lines == len(lines)
    assert mode_of(one.file.path) == 0o600
    assert await logs.switch(session_id, on=True) is one


async def test_a_log_that_is_ended_gets_nothing_more(
    logs: OutputLogs, terminal: FakeTerminal, session_id: SessionId, store: Store
) -> None:
    one = await logs.switch(session_id, on=True)

    assert await logs.switch(session_id, on=False) is one

    assert await store.triggers.load_logs() == {}
    await eventually(lambda: terminal.watched() == 0)
    with pytest.raises(ConflictError):
        await logs.switch(session_id, on=False)


async def test_a_log_that_is_ended_at_once_has_what_was_printed(
    logs: OutputLogs, terminal: FakeTerminal, session_id: SessionId, store: Store
) -> None:
    one = await logs.switch(session_id, on=True)
    for number in range(3):  # the second while the follower pauses after the first
        await terminal.send_text(session_id, f"echo line {number}\r")
        if number == 0:
            await eventually(lambda: "line 0" in lines_of(one.file.path))

    ended = await logs.switch(session_id, on=False)

    lines = lines_of(one.file.path)
    assert [line for line in lines if line.startswith("line")] == ["line 0", "line 1", "line 2"]
    assert (ended.lines, ended.problem) == (len(lines), "")
    assert await store.triggers.load_logs() == {}


async def test_a_log_that_is_ended_while_the_terminal_is_away_says_what_it_lacks(
    logs: OutputLogs, terminal: FakeTerminal, session_id: SessionId
) -> None:
    one = await logs.switch(session_id, on=True)
    away = TerminalUnavailableError("the terminal said that it is away", hint="Wait for it.")
    terminal.fail_next("view_output", away)
    ended = await logs.switch(session_id, on=False)

    assert ended is one
    assert "it is away" in ended.problem


async def test_a_log_ends_with_its_session(
    logs: OutputLogs, terminal: FakeTerminal, session_id: SessionId, store: Store
) -> None:
    await logs.switch(session_id, on=True)
    await eventually(lambda: terminal.watched() == 1)

    await terminal.close_session(session_id)

    await eventually(store.triggers.load_logs, lambda kept: not kept)
    with pytest.raises(ConflictError):
        await logs.switch(session_id, on=False)


async def test_after_a_restart_a_log_goes_on_where_it_stopped(
    made: OutputLogs, terminal: FakeTerminal, session_id: SessionId, store: Store
) -> None:
    async with made.running():
        one = await made.switch(session_id, on=True)
        await terminal.send_text(session_id, "echo first\r")
        await eventually(lambda: "first" in lines_of(one.file.path))
    await terminal.send_text(session_id, "echo meanwhile\r")
    await store.triggers.keep_log(NOBODY, "no cursor")
    async with made.running():
        lines = await eventually(
            lambda: lines_of(one.file.path), lambda found: "meanwhile" in found
        )
    assert lines.count("first") == 1
    assert NOBODY in await store.triggers.load_logs()  # another terminal's, perhaps


async def test_a_log_that_cannot_be_written_says_so_and_loses_no_session(
    logs: OutputLogs, terminal: FakeTerminal, session_id: SessionId, tmp_path: Path
) -> None:
    (tmp_path / "sessions").write_text("no folder")
    one = await logs.switch(session_id, on=True)
    for number in range(2):
        await terminal.send_text(session_id, f"echo {number}\r")
        await eventually(lambda: one.problem)
    assert one.lines == 0


async def test_an_end_that_cannot_be_kept_is_an_end(
    logs: OutputLogs, terminal: FakeTerminal, session_id: SessionId, store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    await logs.switch(session_id, on=True)
    await eventually(lambda: terminal.watched() == 1)

    async def fail(_self: object, _session: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(type(store.triggers), "remove_log", fail)
    await terminal.close_session(session_id)
    await eventually(lambda: terminal.watched() == 0)


async def test_there_must_be_a_session_room_and_a_daemon_that_stays(
    made: OutputLogs, session_id: SessionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RefusedError) as error:
        await made.switch(session_id, on=True)
    assert error.value.code == "stopping"
    with pytest.raises(NotFoundError):
        await made.switch(NOBODY, on=True)
    monkeypatch.setattr(output_logs, "MAX_LOGS", 0)
    with pytest.raises(RefusedError) as error:
        await made.switch(session_id, on=True)
    assert error.value.code == "too_many_logs"


async def test_a_full_screen_program_is_not_logged_and_lost_lines_are_counted(
    logs: OutputLogs, terminal: FakeTerminal, session_id: SessionId
) -> None:
    terminal.set_fact(session_id, "showingAlternateScreen", value=True)
    one = await logs.switch(session_id, on=True)
    await terminal.send_text(session_id, "echo drawn\r")
    terminal.set_fact(session_id, "showingAlternateScreen", value=False)
    for number in range(6000):
        terminal.shell(session_id).type(f"echo {number}\r")

    lines = await eventually(lambda: lines_of(one.file.path), lambda found: "5999" in found)

    assert any(one.endswith("lines are missing here]") for one in lines)


def test_a_large_log_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "one.log"), max_bytes=4, kept_files=3)
    for text in ("first", "second", "third", "fourth"):
        log.append([text])

    assert [lines_of(f"{log.path}{end}") for end in ("", ".1", ".2", ".3")] == [
        ["fourth"], ["third"], ["second"], [],
    ]  # fmt: skip


def test_a_log_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "one.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        LogFile(str(tmp_path / "one.log")).append(["x"])
    assert not (tmp_path / "elsewhere").exists()
