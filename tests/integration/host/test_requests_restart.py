"""RestartSession: another program on the same screen, in the same session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.host.wire_client import open_wire
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

Restart = api_pb2.RestartSessionRequest
Status = api_pb2.RestartSessionResponse.Status

KEPT = {"Close Sessions On End": "0"}


async def restart(wire: WireClient, session_id: str, *, only_if_exited: bool = False) -> str:
    request = Restart(session_id=session_id, only_if_exited=only_if_exited)
    return str(Status.Name((await wire.ask(request)).status))


async def variable(wire: WireClient, session_id: str, name: str) -> str:
    response = await wire.ask(api_pb2.VariableRequest(session_id=session_id, get=[name]))
    return str(response.values[0])


async def shown(wire: WireClient, session_id: str, line: str) -> list[str]:
    """Wait until a line is on the screen; return the screen without its empty end."""
    lines = await eventually(lambda: wire.text(session_id), lambda found: line in found)
    return "\n".join(lines).rstrip("\n").split("\n")


async def watch(wire: WireClient, *topics: str) -> None:
    for topic in topics:
        await wire.ask(
            api_pb2.NotificationRequest(
                session="all",
                subscribe=True,
                notification_type=api_pb2.NotificationType.Value(topic),
            )
        )


def told_of(opened: Any) -> Any:  # noqa: ANN401
    return lambda event: event.session_id == opened.session_id


async def open_counter(wire: WireClient, folder: Path, rest: str) -> Any:  # noqa: ANN401
    """Open a session whose program says how often it was started, then does the rest."""
    script = folder / "count.sh"
    script.write_text(f"echo x >>runs\nprintf 'run '; wc -l <runs | tr -d ' '\n{rest}\n")
    return await wire.open_window(
        f"/bin/sh {script}",
        **KEPT,
        **{"Custom Directory": '"Yes"', "Working Directory": f'"{folder}"'},
    )


@pytest.mark.answers("restart_session_request", "OK", source="2.12")
@pytest.mark.behaves("same id", source="D")
async def test_a_program_that_ended_is_started_again_below_what_it_said(
    wire: WireClient, tmp_path: Path
) -> None:
    await watch(wire, "NOTIFY_ON_TERMINATE_SESSION", "NOTIFY_ON_NEW_SESSION")
    opened = await open_counter(wire, tmp_path, "printf tail")
    await wire.notified(told_of(opened), "terminate_session_notification")
    await shown(wire, opened.session_id, "tail")
    pid = await variable(wire, opened.session_id, "pid")
    assert await restart(wire, opened.session_id, only_if_exited=True) == "OK"
    await wire.notified(told_of(opened), "new_session_notification")
    await wire.notified(told_of(opened), "terminate_session_notification")
    assert await shown(wire, opened.session_id, "run 2") == ["run 1", "tail", "run 2", "tail"]
    assert await variable(wire, opened.session_id, "pid") != pid
    listing = await wire.ask(api_pb2.ListSessionsRequest())
    (window,) = [one for one in listing.windows if one.window_id == opened.window_id]
    assert window.tabs[0].root.links[0].session.unique_identifier == opened.session_id


@pytest.mark.answers("restart_session_request", "OK", "SESSION_NOT_RESTARTABLE", source="2.12")
async def test_a_running_program_is_ended_first_and_nobody_hears_of_an_end(
    wire: WireClient, tmp_path: Path
) -> None:
    await watch(wire, "NOTIFY_ON_TERMINATE_SESSION", "NOTIFY_ON_NEW_SESSION")
    opened = await open_counter(wire, tmp_path, "cat")
    await shown(wire, opened.session_id, "run 1")
    await wire.notified(told_of(opened), "new_session_notification")
    assert await restart(wire, opened.session_id, only_if_exited=True) == "SESSION_NOT_RESTARTABLE"
    assert await restart(wire, opened.session_id) == "OK"
    await shown(wire, opened.session_id, "run 2")
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="typed\n"))
    await shown(wire, opened.session_id, "typed")
    assert wire.seen("terminate_session_notification") == []
    assert wire.seen("new_session_notification") == []


async def test_a_session_that_closes_at_its_end_survives_its_restart(wire: WireClient) -> None:
    opened = await wire.open_window()
    assert await restart(wire, opened.session_id) == "OK"
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="alive\n"))
    await shown(wire, opened.session_id, "alive")


async def test_what_a_program_left_behind_is_reset(wire: WireClient, tmp_path: Path) -> None:
    opened = await open_counter(wire, tmp_path, r"printf '\033[?1049h\033[?1000h'; cat")
    session_id = opened.session_id
    await eventually(lambda: variable(wire, session_id, "mouseReportingMode"), lambda m: m == "0")
    assert await variable(wire, session_id, "showingAlternateScreen") == "true"
    (tmp_path / "count.sh").write_text("echo second; cat")
    assert await restart(wire, session_id) == "OK"
    assert await shown(wire, session_id, "second") == ["run 1", "second"]
    assert await variable(wire, session_id, "showingAlternateScreen") == "false"
    assert await variable(wire, session_id, "mouseReportingMode") == "-1"


async def test_a_session_that_was_resized_restarts_in_its_new_size(
    wire: WireClient, tmp_path: Path
) -> None:
    opened = await open_counter(wire, tmp_path, "stty size")
    await shown(wire, opened.session_id, "25 80")
    await wire.ask(
        api_pb2.SetPropertyRequest(
            session_id=opened.session_id,
            name="grid_size",
            json_value='{"width": 70, "height": 20}',
        )
    )
    assert await restart(wire, opened.session_id) == "OK"
    await shown(wire, opened.session_id, "20 70")


@pytest.mark.answers("restart_session_request", "SESSION_NOT_FOUND", source="2.12")
async def test_a_session_that_is_not_there_is_not_restarted(wire: WireClient) -> None:
    assert await restart(wire, "none") == "SESSION_NOT_FOUND"


@pytest.mark.answers(
    "restart_session_request", "SESSION_NOT_RESTARTABLE", "SESSION_NOT_FOUND", source="2.12"
)
@pytest.mark.parametrize("keep", [True, False])
async def test_a_program_that_cannot_start_again_leaves_its_session_as_ended(
    wire: WireClient, tmp_path: Path, *, keep: bool
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho here; exec cat\n")
    program.chmod(0o700)
    opened = await wire.open_window(str(program), **(KEPT if keep else {}))
    await shown(wire, opened.session_id, "here")
    await watch(wire, "NOTIFY_ON_TERMINATE_SESSION")
    program.unlink()
    assert await restart(wire, opened.session_id) == "SESSION_NOT_RESTARTABLE"
    await wire.notified(told_of(opened), "terminate_session_notification")
    again = await restart(wire, opened.session_id)
    assert again == ("SESSION_NOT_RESTARTABLE" if keep else "SESSION_NOT_FOUND")


@pytest.mark.parametrize("rest", ["", "cat"])
async def test_a_restart_within_a_transaction_shows_nothing_until_its_end(
    wire: WireClient, tmp_path: Path, rest: str
) -> None:
    opened = await open_counter(wire, tmp_path, rest)
    await shown(wire, opened.session_id, "run 1")
    await wire.ask(api_pb2.TransactionRequest(begin=True))
    assert await restart(wire, opened.session_id) == "OK"
    await eventually((tmp_path / "runs").read_text, lambda text: text == "x\nx\n")
    assert "run 2" not in await wire.text(opened.session_id)
    await wire.ask(api_pb2.TransactionRequest(begin=False))
    await shown(wire, opened.session_id, "run 2")


@pytest.mark.answers(
    "restart_session_request", "SESSION_NOT_RESTARTABLE", "SESSION_NOT_FOUND", source="2.12"
)
async def test_of_two_restarts_at_once_one_is_refused_and_a_close_meanwhile_wins(
    wire: WireClient, host_home: Home, tmp_path: Path
) -> None:
    stubborn = "trap 'echo hup >hung-up' HUP; echo ready; while :; do sleep 0.1; done"
    opened = await open_counter(wire, tmp_path, stubborn)
    await shown(wire, opened.session_id, "ready")
    async with open_wire(host_home) as other:
        first = await wire.send(Restart(session_id=opened.session_id))
        await eventually((tmp_path / "hung-up").exists)
        second = await other.send(Restart(session_id=opened.session_id))
        sessions = api_pb2.CloseRequest.CloseSessions(session_ids=[opened.session_id])
        closed = await other.send(api_pb2.CloseRequest(sessions=sessions))
        refused = (await other.whole_answer(second)).restart_session_response.status
        done = (await other.whole_answer(closed)).close_response.statuses
        outcome = (await wire.whole_answer(first)).restart_session_response.status
    assert refused == Status.SESSION_NOT_RESTARTABLE
    assert list(done) == [api_pb2.CloseResponse.OK]
    assert outcome == Status.SESSION_NOT_FOUND
    assert (tmp_path / "runs").read_text() == "x\n"
