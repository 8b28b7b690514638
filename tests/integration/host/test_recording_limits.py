"""Recordings through full disks and crashes, and how much of them is kept."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import psutil
import pytest
from tests.integration.homes import open_home
from tests.integration.host.wire_client import open_wire
from tests.waiting import eventually

from iterm_mcp.host.recording.asciicast import Header
from iterm_mcp.host.recording.folder import find_recordings
from iterm_mcp.host.recording.reader import read_cast
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient


from tests.integration.host.recordings import AUTOMATIC, Said, call, events, host_pid, said, verb


@pytest.mark.skipif(sys.platform == "darwin", reason="there no limit can be set from outside")
async def test_a_full_disk_ends_no_session_and_the_recording_says_what_is_missing(
    own_home: Home, own_wire: WireClient
) -> None:
    opened = await own_wire.open_window(**AUTOMATIC)
    one = opened.session_id
    await own_wire.feed(one, b"before\r\n")
    status = await call(own_wire, one, "record", on=True)
    size = (await anyio.Path(status["path"]).stat()).st_size
    host = psutil.Process(host_pid(own_home))
    before = host.rlimit(psutil.RLIMIT_FSIZE)
    host.rlimit(psutil.RLIMIT_FSIZE, (size, before[1]))

    await own_wire.feed(one, b"x" * 500)

    async def held_up() -> Any:  # noqa: ANN401
        return await call(own_wire, one, "record")

    held = await eventually(held_up, lambda found: found["missing_bytes"])
    assert (held["missing_bytes"], held["problem"]) == (500, "File too large")
    shown = await verb(own_home, "record", one, "status")
    assert "held up: File too large; 500 bytes are missing" in shown.out
    host.rlimit(psutil.RLIMIT_FSIZE, before)
    await own_wire.feed(one, b"\r\nafter")
    await call(own_wire, one, "record", on=False)

    happened = events(own_home, one)
    assert said(happened, "m") == "500 bytes of output are missing: File too large"
    drawn = [event.data for event in happened if event.code == "o"][-2]
    assert drawn.count("x") == 500
    assert said(happened).endswith("after")


async def test_a_folder_that_cannot_be_written_is_named(
    own_home: Home, own_wire: WireClient
) -> None:
    await anyio.Path(own_home.paths.recordings).write_text("in the way")
    opened = await own_wire.open_window("/bin/sh -c 'echo hello; exec cat'", **AUTOMATIC)
    one = opened.session_id
    await eventually(lambda: own_wire.text(one), lambda lines: "hello" in lines)
    await call(own_wire, one, "record", on=False)

    refused = await call(own_wire, one, "record", on=True)

    assert refused.endswith("cannot be written: Not a directory")
    assert await call(own_wire, one, "record") == {"on": False}


async def test_a_killed_host_leaves_a_recording_that_plays_and_the_next_one_mends_it(
    own_home: Home,
) -> None:
    async with open_wire(own_home) as wire:
        opened = await wire.open_window(**AUTOMATIC)
        one = opened.session_id
        await wire.feed(one, b"kept")
        await eventually(lambda: said(events(own_home, one)), lambda text: text == "kept")
        path = anyio.Path((await call(wire, one, "record"))["path"])
        os.kill(host_pid(own_home), signal.SIGKILL)
    await eventually(lambda: lock_holder(own_home.paths.host_lock) is None)
    whole = await path.read_bytes()
    await path.write_bytes(whole + b'[0.100, "o", "to')
    assert said(events(own_home, one)) == "kept"
    listed = await verb(own_home, "recordings", "list")
    assert listed.out.rstrip().endswith("cut off")

    await own_home.start("host")

    assert await path.read_bytes() == whole


async def test_a_recording_is_bounded_and_its_latest_parts_stay() -> None:
    async with open_home("headless") as home:
        home.environ["ITERM_MCP_RECORDING_SESSION_BYTES"] = "40000"
        await home.start("host")
        async with open_wire(home) as wire:
            opened = await wire.open_window(**AUTOMATIC)
            one = opened.session_id
            for number in range(40):
                await wire.feed(one, b"%03d %s\r\n" % (number, b"x" * 5000))
                await call(wire, one, "record")
            await call(wire, one, "record", on=False)

        (found,) = find_recordings(Path(home.paths.recordings))
        happened = list(read_cast(found.parts).events)

    assert len(found.parts) == 4
    assert found.size < 80_000
    assert "039 xxx" in said(happened)
    assert "001 xxx" not in said(happened)


def leave(folder: Path, name: str) -> Path:
    """Leave a recording of long ago."""
    folder.mkdir(exist_ok=True)
    path = folder / f"20200101-000000-000-{name}.cast"
    path.write_bytes(Header(80, 24).line())
    os.utime(path, (1_600_000_000, 1_600_000_000))
    return path


async def test_old_recordings_go_when_the_host_starts_and_when_one_begins() -> None:
    async with open_home("headless") as home:
        folder = Path(home.paths.recordings)
        leave(folder, "A")
        await home.start("host")
        assert [one.name for one in find_recordings(folder)] == []
        async with open_wire(home) as wire:
            at_recording = leave(folder, "B")
            opened = await wire.open_window()
            await call(wire, opened.session_id, "record", on=True)
            left = {one.name for one in find_recordings(folder)}
            assert len(left - {at_recording.stem}) == len(left) == 1
            by_hand = leave(folder, "C")
            pruned = await verb(home, "recordings", "prune")
        assert pruned == Said(0, f"{by_hand.stem}\n", "1 removed\n")
        assert len(find_recordings(folder)) == 1


@pytest.mark.parametrize("words", [["run"], ["recordings", "prune"]])
async def test_a_limit_that_is_none_is_named(home: Home, words: list[str]) -> None:
    home.environ["ITERM_MCP_RECORDING_DAYS"] = "never"
    told = await verb(home, *words)
    assert (told.code, "ITERM_MCP_RECORDING_DAYS is 'never'" in told.words) == (1, True)
