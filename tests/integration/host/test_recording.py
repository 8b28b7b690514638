"""Recordings of real sessions: by profile, by function, by verb; through full disks and crashes."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host.recordings import (
    AUTOMATIC,
    Said,
    call,
    events,
    log_filename,
    said,
    type_in,
    verb,
)
from tests.waiting import eventually

from iterm_mcp.host.recording.folder import find_recordings
from iterm_mcp.host.recording.reader import read_cast

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient


async def test_a_profile_has_a_session_recorded_from_its_first_byte_to_its_exit(
    wire: WireClient, host_home: Home
) -> None:
    opened = await wire.open_window("/bin/sh -c 'echo hello; exit 3'", **AUTOMATIC)

    happened = await eventually(
        lambda: events(host_home, opened.session_id), lambda seen: said(seen, "x")
    )

    # The system may hand on a line and its end one after the other.
    assert said(happened) == "hello\r\n"
    assert {event.code for event in happened[:-1]} == {"o"}
    assert (happened[-1].code, happened[-1].data) == ("x", "3")


async def test_a_recording_and_its_folder_are_for_their_owner_alone(
    wire: WireClient, host_home: Home
) -> None:
    opened = await wire.open_window(**AUTOMATIC)
    status = await call(wire, opened.session_id, "record", on=True)

    path = anyio.Path(status["path"])
    assert str(path.parent) == host_home.paths.recordings
    assert stat.S_IMODE((await path.stat()).st_mode) == 0o600
    assert stat.S_IMODE((await path.parent.stat()).st_mode) == 0o700
    header = json.loads((await path.read_text()).splitlines()[0])
    assert header["version"] == 3
    assert header["term"] == {"cols": 80, "rows": 25, "type": "xterm-256color"}


async def test_nobody_is_recorded_who_did_not_ask(wire: WireClient, host_home: Home) -> None:
    opened = await wire.open_window("/bin/sh -c 'echo hello; exec cat'")
    await eventually(lambda: wire.text(opened.session_id), lambda lines: "hello" in lines)

    assert await call(wire, opened.session_id, "record") == {"on": False}
    assert await log_filename(wire, opened.session_id) is None
    assert events(host_home, opened.session_id) == []


@pytest.mark.behaves("iterm_mcp.record", "iterm_mcp.mark", source="2.21")
async def test_a_recording_that_is_switched_on_later_begins_with_what_is_shown(
    wire: WireClient, host_home: Home
) -> None:
    opened = await wire.open_window("/bin/sh -c 'echo shown before; exec cat'")
    one = opened.session_id
    await eventually(lambda: wire.text(one), lambda lines: "shown before" in lines)

    status = await call(wire, one, "record", on=True)
    assert (status["on"], status["input"], status["missing_bytes"]) == (True, False, 0)
    assert await log_filename(wire, one) == status["path"]
    await wire.feed(one, b"later")
    assert await call(wire, one, "mark", label="here") is None
    assert await call(wire, one, "record", on=False) == {"on": False}
    await wire.feed(one, b"unseen")

    happened = events(host_home, one)
    assert [event.code for event in happened] == ["o", "o", "m"]
    assert "shown before" in happened[0].data
    assert [event.data for event in happened[1:]] == ["later", "here"]
    assert await log_filename(wire, one) is None


async def test_a_session_can_be_recorded_again_into_another_file(wire: WireClient) -> None:
    opened = await wire.open_window()
    paths = set()
    for _ in range(2):
        paths.add((await call(wire, opened.session_id, "record", on=True))["path"])
        await call(wire, opened.session_id, "record", on=False)
    assert len(paths) == 2


async def test_what_is_typed_is_recorded_only_on_request(wire: WireClient, host_home: Home) -> None:
    opened = await wire.open_window("/bin/sh -c 'stty -echo; echo ready; exec cat >/dev/null'")
    one = opened.session_id
    await eventually(lambda: wire.text(one), lambda lines: "ready" in lines)

    await call(wire, one, "record", on=True)
    await type_in(wire, one, "secret\n")
    assert (await call(wire, one, "record", input=True, on=True))["input"] is True
    await type_in(wire, one, "seen\n")
    assert (await call(wire, one, "record", input=False, on=True))["input"] is False
    await type_in(wire, one, "secret\n")
    await call(wire, one, "record", on=False)

    assert said(events(host_home, one), "i") == "seen\n"


async def test_sizes_are_recorded(wire: WireClient, host_home: Home) -> None:
    opened = await wire.open_window(**AUTOMATIC)
    request = api_pb2.SetPropertyRequest(
        session_id=opened.session_id,
        name="grid_size",
        json_value=json.dumps({"width": 90, "height": 30}),
    )
    assert (await wire.ask(request)).status == api_pb2.SetPropertyResponse.OK
    await call(wire, opened.session_id, "record", on=False)

    assert said(events(host_home, opened.session_id), "r") == "90x30"


async def test_a_character_that_the_program_writes_in_halves_is_recorded_whole(
    wire: WireClient, host_home: Home
) -> None:
    halves = r"printf '\\342'; sleep 0.3; printf '\\230\\203'"
    opened = await wire.open_window(f'/bin/sh -c \\"{halves}\\"', **AUTOMATIC)

    happened = await eventually(
        lambda: events(host_home, opened.session_id), lambda seen: said(seen, "x")
    )

    assert said(happened) == "☃"


async def test_a_restarted_session_goes_on_in_its_recording(
    wire: WireClient, host_home: Home
) -> None:
    opened = await wire.open_window("/bin/sh -c 'echo run; exec cat'", **AUTOMATIC)
    one = opened.session_id
    await eventually(lambda: said(events(host_home, one)), lambda text: "run" in text)

    await wire.ask(api_pb2.RestartSessionRequest(session_id=one))

    await eventually(lambda: said(events(host_home, one)), lambda text: text.count("run") == 2)
    assert said(events(host_home, one), "x") == ""


async def test_a_session_that_ended_is_recorded_anew_when_it_is_restarted(
    wire: WireClient, host_home: Home
) -> None:
    keep = {"Close Sessions On End": "0"}
    opened = await wire.open_window("/bin/sh -c 'echo run; exit 4'", **AUTOMATIC, **keep)
    one = opened.session_id
    await eventually(lambda: said(events(host_home, one), "x"))
    assert await call(wire, one, "record", on=True) == "the session's program has ended"

    await wire.ask(api_pb2.RestartSessionRequest(session_id=one))

    def recorded() -> int:
        folder = Path(host_home.paths.recordings)
        return sum(found.session_id == one for found in find_recordings(folder))

    await eventually(recorded, lambda count: count == 2)
    await eventually(lambda: said(events(host_home, one)), lambda text: text.count("run") == 2)


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("record", {"on": 1}, "on must be true or false"),
        ("record", {"on": True, "input": "yes"}, "input must be true or false"),
        ("mark", {"label": 1}, "label must be a string"),
        ("mark", {"label": "x" * 1001}, "label must not be longer than 1000 characters"),
        ("mark", {"label": "x"}, "the session is not being recorded"),
    ],
)
async def test_what_cannot_be_done_is_said(
    wire: WireClient, function: str, arguments: dict[str, object], reason: str
) -> None:
    opened = await wire.open_window()
    assert await call(wire, opened.session_id, function, **arguments) == reason


async def test_the_verb_switches_marks_and_tells(wire: WireClient, host_home: Home) -> None:
    opened = await wire.open_window("/bin/sh -c 'echo hello; exec cat'")
    one = opened.session_id

    assert await verb(host_home, "record", one) == Said(1, "not recorded\n", "")
    switched = await verb(host_home, "record", one, "on", "--input", "--mark", "go: ✓")
    again = await verb(host_home, "record", one, "status")
    off = await verb(host_home, "record", one, "off")
    unknown = await verb(host_home, "record", "none", "on")

    assert switched == again
    assert switched.out.startswith("recorded: output and input, to ")
    assert off == Said(0, "not recorded\n", "")
    assert said(events(host_home, one), "m") == "go: ✓"
    assert (unknown.code, "no session 'none'" in unknown.words) == (1, True)


async def test_recordings_are_listed_and_exported(
    wire: WireClient, host_home: Home, tmp_path: Path
) -> None:
    opened = await wire.open_window("/bin/sh -c 'echo hello; sleep 0.5; exit 5'", **AUTOMATIC)
    one = opened.session_id
    live = await wire.open_window(**AUTOMATIC)
    await eventually(lambda: said(events(host_home, one), "x"))
    file = tmp_path / "out.cast"

    stopped = (await wire.open_window(**AUTOMATIC)).session_id
    await verb(host_home, "record", stopped, "off")

    async def states_of() -> dict[str, tuple[str, str]]:
        listed = json.loads((await verb(host_home, "recordings", "list", "--json")).out)
        return {row["session"]: (row["name"], row["state"]) for row in listed}

    states = await eventually(states_of, lambda found: found[stopped][1] != "recording")
    table = await verb(host_home, "recordings", "list")
    exported = await verb(host_home, "recordings", "export", one, "-o", str(file))
    old = await verb(
        host_home, "recordings", "export", str(file), "--format", "v2", "--idle", "0.1"
    )
    text = await verb(
        host_home, "recordings", "export", states[one][0], "--format", "text", "--to", "0:01"
    )

    assert (states[one][1], states[live.session_id][1]) == ("exit 5", "recording")
    assert states[stopped][1] == "ended"
    assert f"{states[one][0]} " in table.out
    assert exported == Said(0, "", "")
    assert list(read_cast([file]).events) == events(host_home, one)
    header, *lines = [json.loads(line) for line in old.out.splitlines()]
    assert (header["version"], header["width"], header["height"]) == (2, 80, 25)
    assert [line[1:] for line in lines] == [["o", "hello\r\n"]]
    assert text == Said(0, "hello\n", "")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["none"], "no recording 'none'"),
        ([__file__], "it does not begin with the header"),
        (["none", "--from", "soon"], "'soon' is neither seconds nor"),
    ],
)
async def test_what_cannot_be_exported_is_named(
    host_home: Home, words: list[str], reason: str
) -> None:
    told = await verb(host_home, "recordings", "export", *words)
    assert told.code
    assert reason in " ".join(told.words.split())
