"""The daemon's side of a bridge, against a real one."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread
from tests.integration.lives.panes import open_pane
from tests.integration.lives.test_bridge import ECHO, python

from iterm_mcp.agents import bridge, bridged
from iterm_mcp.agents.bridged import BridgeError, BridgeVoice, Record, open_link
from iterm_mcp.errors import AgentError, AgentGoneError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.lives.panes import Pane

    from iterm_mcp.agents.bridged import BridgeLink, Greeting

SECONDS = 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose path is longer than a socket's may be."""
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    return deep


@pytest.fixture
def pane(folder: Path) -> Iterator[Pane]:
    with open_pane(folder, bridge) as one:
        yield one


def begin(greeting: Greeting) -> int:
    return greeting.base


async def until(link: BridgeLink, mark: bytes, text: bytes) -> Record:
    """Read on until a record has a text in it."""
    with anyio.fail_after(SECONDS):
        while True:
            for record in await link.next():
                if record.mark == mark and text in record.said:
                    return record


async def test_a_bridge_in_a_deep_folder_is_reached_and_spoken_to(pane: Pane, folder: Path) -> None:
    status = await to_thread.run_sync(python, pane, ECHO)
    async with open_link(folder, 1.0, begin) as (link, greeting):
        start = (await until(link, b"=", b'"pid"')).message()
        assert start is not None
        voice = BridgeVoice(link, "one", status["pid"])
        voice.send({"text": "good \ud800 day"})
        told = await until(link, b">", b"good")
        voice.confirmed(told.said)
        await voice.handed_over()
        heard = await until(link, b"<", b"good")
        link.taken(heard.place)
        voice.finish()
        await until(link, b"=", b"ended")
        voice.ended()
        await voice.stop(1.0)
        with pytest.raises(AgentGoneError):
            voice.send({})

    assert (start["pid"], greeting.base, voice.pid) == (status["pid"], 0, status["pid"])
    async with open_link(folder, 2.0, lambda one: one.taken) as (_, again):
        assert again.taken == heard.place


async def test_what_is_not_confirmed_is_told_as_such(
    pane: Pane, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridged, "HANDED_OVER_SECONDS", 0.1)
    await to_thread.run_sync(python, pane, ECHO)
    async with open_link(folder, 1.0, begin) as (link, _):
        voice = BridgeVoice(link, "one", 1)
        voice.complained(b"oh \xff")
        voice.send({"n": 1})
        with pytest.raises(AgentError, match="did not say"):
            await voice.handed_over()
        voice.ended()
        with pytest.raises(AgentGoneError):
            await voice.handed_over()
        assert voice.complaints == "oh \ufffd"
    other = BridgeVoice(link, "one", 1)
    with pytest.raises(BridgeError, match="not connected"):
        other.send({})
    other.finish()
    link.taken(1)
    await other.wait_ended()


async def test_an_agent_that_reads_nothing_is_told_no_more(pane: Pane, folder: Path) -> None:
    await to_thread.run_sync(python, pane, "import time\ntime.sleep(600)")
    async with open_link(folder, 1.0, begin) as (link, _):
        voice = BridgeVoice(link, "one", 1)

        async def say_on() -> None:
            with anyio.fail_after(SECONDS):
                while True:
                    voice.send({"x": "y" * (1 << 20)})
                    await anyio.lowlevel.checkpoint()

        with pytest.raises(AgentError, match="reads nothing"):
            await say_on()


async def test_a_bridge_that_is_not_there_or_none_or_goes_is_told_as_such(
    pane: Pane, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(BridgeError, match="no bridge"):
        async with open_link(tmp_path, 1.0, begin):
            pytest.fail("there is none")
    await to_thread.run_sync(python, pane, ECHO)
    async with open_link(folder, 5.0, begin) as (link, _):
        with pytest.raises(BridgeError, match="newer"):
            async with open_link(folder, 4.0, begin):
                pytest.fail("an older one is served")
        os.kill(pane.process.pid, signal.SIGKILL)
        with pytest.raises(BridgeError, match="gone"):
            await until(link, b"<", b"never")


@pytest.mark.parametrize("says", [b"what?\n", b"[]\n", b'{"base": 1}\n', b""])
async def test_who_does_not_greet_as_a_bridge_is_none(
    tmp_path: Path, says: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridged, "GREETING_SECONDS", 0.2)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(tmp_path / "talk"))
        stranger.listen()

        def answer() -> socket.socket:
            connection, _ = stranger.accept()
            with suppress(OSError):  # who has been answered may be gone
                connection.sendall(says)
            return connection

        async with anyio.create_task_group() as group:
            made: list[socket.socket] = []

            async def serve() -> None:
                made.append(await to_thread.run_sync(answer))

            group.start_soon(serve)
            with pytest.raises(BridgeError):
                async with open_link(tmp_path, 1.0, begin):
                    pytest.fail("it is no bridge")
        made[0].close()


def test_a_record_that_is_no_message_is_none() -> None:
    for said in (b"what", b"[1]", b"[" * 100_000):
        assert Record(1, b"<", 0.0, said).message() is None
