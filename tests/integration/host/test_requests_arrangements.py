"""SavedArrangement: saving windows, and opening them again with real programs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.homes import mode_of
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

Request = api_pb2.SavedArrangementRequest
Status = api_pb2.SavedArrangementResponse.Status


def kept_in(home: Home) -> Path:
    return Path(home.paths.arrangements)


async def ask(wire: WireClient, action: str, name: str = "", window_id: str = "") -> str:
    request = Request(action=Request.Action.Value(action), name=name)
    if window_id:
        request.window_id = window_id
    return str(Status.Name((await wire.ask(request)).status))


async def names(wire: WireClient) -> list[str]:
    return list((await wire.ask(Request(action=Request.LIST))).names)


async def windows(wire: WireClient) -> list[Any]:
    return list((await wire.ask(api_pb2.ListSessionsRequest())).windows)


def sizes(window: Any) -> list[Any]:  # noqa: ANN401
    def node(one: Any) -> Any:  # noqa: ANN401
        return [
            node(link.node)
            if link.HasField("node")
            else (link.session.grid_size.width, link.session.grid_size.height)
            for link in one.links
        ]

    return [node(tab.root) for tab in window.tabs]


async def shown(wire: WireClient, session_id: str, line: str) -> None:
    """Wait for a line of output, which may stand behind a prompt."""
    await eventually(
        lambda: wire.text(session_id),
        lambda lines: any(re.fullmatch(rf"(.*[#$%] )?{re.escape(line)}", one) for one in lines),
    )


async def close_all(wire: WireClient) -> None:
    ids = [one.window_id for one in await windows(wire)]
    await wire.ask(api_pb2.CloseRequest(windows=api_pb2.CloseRequest.CloseWindows(window_ids=ids)))


async def open_work(wire: WireClient, folder: Path) -> None:
    """Open a window with two panes, the second in a folder of its own."""
    opened = await wire.open_window("/bin/cat", Columns="91", Rows="30")
    properties = {"Custom Directory": "Yes", "Working Directory": str(folder)}
    command = {"Custom Command": "Yes", "Command": "/bin/sh -c 'pwd; exec cat'"}
    response = await wire.ask(
        api_pb2.SplitPaneRequest(
            session=opened.session_id,
            split_direction=api_pb2.SplitPaneRequest.VERTICAL,
            custom_profile_properties=[
                api_pb2.ProfileProperty(key=key, json_value=json.dumps(value))
                for key, value in (properties | command).items()
            ],
        )
    )
    assert response.status == response.OK


@pytest.mark.answers("saved_arrangement_request", "OK", source="2.18")
async def test_windows_are_opened_again_with_their_panes_programs_and_folders(
    own_wire: WireClient, own_home: Home, tmp_path: Path
) -> None:
    await open_work(own_wire, tmp_path)
    (before,) = await windows(own_wire)
    assert await ask(own_wire, "SAVE", "work") == "OK"
    assert await names(own_wire) == ["work"]
    assert mode_of(own_home.paths.arrangements) == 0o600
    await close_all(own_wire)
    assert await ask(own_wire, "RESTORE", "work") == "OK"
    (after,) = await windows(own_wire)
    assert sizes(after) == sizes(before) == [[(45, 30), (45, 30)]]
    assert after.window_id != before.window_id
    second = after.tabs[0].root.links[1].session.unique_identifier
    await eventually(lambda: own_wire.text(second), lambda lines: str(tmp_path) in "".join(lines))
    await own_wire.ask(api_pb2.SendTextRequest(session=second, text="typed\n"))
    await eventually(lambda: own_wire.text(second), lambda lines: "typed" in lines)


async def test_where_a_shell_has_gone_is_where_it_starts_again(
    own_wire: WireClient, tmp_path: Path
) -> None:
    opened = await own_wire.open_window("/bin/sh")
    await own_wire.ask(
        api_pb2.SendTextRequest(session=opened.session_id, text=f"cd {tmp_path}; echo there\n")
    )
    await shown(own_wire, opened.session_id, "there")
    await ask(own_wire, "SAVE", "gone")
    await close_all(own_wire)
    await ask(own_wire, "RESTORE", "gone")
    (window,) = await windows(own_wire)
    session = window.tabs[0].active_session_id
    await own_wire.ask(api_pb2.SendTextRequest(session=session, text="pwd\n"))
    await shown(own_wire, session, str(tmp_path))


@pytest.mark.answers("saved_arrangement_request", "OK", source="2.18")
async def test_one_window_is_saved_and_becomes_tabs_of_another(own_wire: WireClient) -> None:
    first = await own_wire.open_window()
    second = await own_wire.open_window()
    assert await ask(own_wire, "SAVE", "one", first.window_id) == "OK"
    assert await ask(own_wire, "SAVE", "both") == "OK"
    assert await ask(own_wire, "RESTORE", "both", second.window_id) == "OK"
    assert [len(one.tabs) for one in await windows(own_wire)] == [1, 3]
    assert await ask(own_wire, "SAVE", "one", second.window_id) == "OK"  # in place of the first
    assert await ask(own_wire, "RESTORE", "one") == "OK"
    assert [len(one.tabs) for one in await windows(own_wire)] == [1, 3, 3]
    assert await names(own_wire) == ["one", "both"]


@pytest.mark.answers(
    "saved_arrangement_request",
    "REQUEST_MALFORMED",
    "WINDOW_NOT_FOUND",
    "ARRANGEMENT_NOT_FOUND",
    source="2.18",
)
async def test_what_cannot_be_saved_or_restored_is_answered_so(
    own_wire: WireClient, own_home: Home
) -> None:
    await own_wire.open_window()
    assert await ask(own_wire, "SAVE", "") == "REQUEST_MALFORMED"
    assert await ask(own_wire, "SAVE", "x" * 1001) == "REQUEST_MALFORMED"
    assert await ask(own_wire, "SAVE", "new", "pty-none") == "WINDOW_NOT_FOUND"
    assert await ask(own_wire, "RESTORE", "none", "pty-none") == "WINDOW_NOT_FOUND"
    assert await ask(own_wire, "RESTORE", "none") == "ARRANGEMENT_NOT_FOUND"
    assert await names(own_wire) == []
    kept_in(own_home).write_text('{"bad": {"windows": 1}}')
    assert await names(own_wire) == ["bad"]
    assert await ask(own_wire, "RESTORE", "bad") == "ARRANGEMENT_NOT_FOUND"
    assert len(await windows(own_wire)) == 1


async def test_arrangements_outlive_the_host_and_a_file_that_somebody_broke_is_put_aside(
    own_wire: WireClient, own_home: Home
) -> None:
    file = kept_in(own_home)
    file.write_text("not JSON")
    assert await names(own_wire) == []
    assert await ask(own_wire, "SAVE", "new") == "OK"
    assert json.loads(file.read_text()) == {"new": {"windows": []}}
    assert file.with_name("arrangements.json.broken").read_text() == "not JSON"


async def test_when_nothing_can_be_written_the_request_says_so_and_nothing_is_lost(
    own_wire: WireClient, own_home: Home
) -> None:
    assert await ask(own_wire, "SAVE", "kept") == "OK"
    file = kept_in(own_home)
    aside = file.rename(file.with_suffix(".aside"))
    file.symlink_to(Path("/proc/self/arrangements.json"))  # a folder in which nobody can write
    request = Request(action=Request.SAVE, name="lost")
    answer = await own_wire.whole_answer(await own_wire.send(request))
    assert answer.error.startswith("could not write arrangements.json")
    assert "Internal" not in answer.error
    file.unlink()
    aside.rename(file)
    assert await names(own_wire) == ["kept"]


async def test_when_no_program_can_be_started_the_request_says_so(
    own_wire: WireClient, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec cat\n")
    program.chmod(0o700)
    await own_wire.open_window(str(program))
    await ask(own_wire, "SAVE", "work")
    program.unlink()
    request = Request(action=Request.RESTORE, name="work")
    answer = await own_wire.whole_answer(await own_wire.send(request))
    assert answer.error.startswith("nothing could be restored")
