"""What an agent runs on its events: it hands them on, waits if that is worth it, disturbs never."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread
from anyio.abc import SocketAttribute
from tests.waiting import eventually

from iterm_mcp import hook_relay
from iterm_mcp.hook_relay import hook_command
from iterm_mcp.services.events.spool import Spool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from anyio.abc import SocketStream

ASKS = {"hook_event_name": "PermissionRequest", "tool_name": "Bash"}
TELLS = {"hook_event_name": "Stop", "said": '{"hook_event_name": "PermissionRequest"}'}


@dataclass
class Daemon:
    """A daemon's HTTP side that answers as the test says.

    Attributes:
        answers: One for each connection: raw bytes; empty hangs up at once.
        heard: The requests.
    """

    answers: list[bytes] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    port: int = 0

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            request = b""
            while b"\r\n\r\n" not in request or not request.endswith(b"}"):
                request += await stream.receive()
            self.heard.append(request)
            answer = self.answers.pop(0)
            if answer:
                await stream.send(answer)


def http(status: str, body: bytes = b"{}") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def open_daemon(state: Path, *answers: bytes) -> AsyncIterator[Daemon]:
    daemon = Daemon(list(answers))
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, daemon.serve)
        daemon.port = listener.extra(SocketAttribute.local_port)
        write(state, daemon.port)
        yield daemon
        group.cancel_scope.cancel()


def write(state: Path, port: int) -> None:
    (state / "token").write_text("secret\n")
    (state / "daemon.json").write_text(json.dumps({"pid": 1, "http": f"http://127.0.0.1:{port}"}))


async def run(state: Path, event: object, **environ: str) -> str:
    """Run it as an agent does; return what it printed."""

    def work() -> str:
        done = subprocess.run(
            [*hook_command(str(state)), "claude"],
            input=json.dumps(event),
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            env={**os.environ, **environ},
        )
        assert done.stderr == ""
        return done.stdout

    return await to_thread.run_sync(work)


async def test_an_event_goes_to_the_daemon_with_whose_it_is(tmp_path: Path) -> None:
    async with open_daemon(tmp_path, http("200 OK", b'{"a": 1}')) as daemon:
        told = await run(
            tmp_path, TELLS, ITERM_MCP_AGENT="ann", ITERM_MCP_EPOCH="3",
            ITERM_SESSION_ID="w0t0p0:AB", TERM_SESSION_ID="other",
        )  # fmt: skip
    assert told == '{"a": 1}'
    head, _, body = daemon.heard[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v1/hooks/claude HTTP/1.1"
    assert {
        "Authorization: Bearer secret", "X-Iterm-Mcp-agent: ann", "X-Iterm-Mcp-epoch: 3",
        "X-Iterm-Mcp-session: w0t0p0:AB",
    } <= set(lines)  # fmt: skip
    assert json.loads(body) == TELLS


async def test_a_request_for_permission_waits_for_the_next_daemon(tmp_path: Path) -> None:
    stopping = http("503 Service Unavailable")
    async with open_daemon(tmp_path, b"", stopping, http("200 OK", b"yes")) as daemon:
        assert await run(tmp_path, ASKS, ITERM_MCP_AGENT="") == "yes"
    assert len(daemon.heard) == 3


async def test_an_error_of_the_daemon_says_nothing_to_the_agent(tmp_path: Path) -> None:
    async with open_daemon(tmp_path, http("401 Unauthorized", b"{}")):
        assert await run(tmp_path, ASKS) == ""


@contextmanager
def given(event: object) -> Iterator[None]:
    """Have an event on stdin for the block."""
    read, written = os.pipe()
    os.write(written, json.dumps(event).encode())
    os.close(written)
    kept = os.dup(0)
    os.dup2(read, 0)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(read)


@pytest.mark.parametrize("info", [None, "{}", '{"http": "http://x"}'])
async def test_without_a_daemon_other_events_end_soon_and_quietly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, info: str | None
) -> None:
    if info is not None:
        (tmp_path / "daemon.json").write_text(info)
    monkeypatch.setattr(hook_relay, "QUICK_SECONDS", 0.0)
    with given(TELLS):
        assert await to_thread.run_sync(hook_relay.main, [str(tmp_path), "claude"]) == 0


async def test_within_a_process_it_does_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hook_relay, "RETRY_SECONDS", 0.01)
    monkeypatch.setenv("ITERM_MCP_AGENT", "two\nlines")
    answers = (b"", b"HTTP", http("503 No"), http("200 OK", b"yes"), http("500 No", b"why"))
    async with open_daemon(tmp_path, *answers) as daemon:
        for event, printed in ((ASKS, "yes"), (TELLS, "")):
            with given(event):
                assert await to_thread.run_sync(hook_relay.main, [str(tmp_path), "claude"]) == 0
            assert capfd.readouterr().out == printed
    assert b"X-Iterm-Mcp-agent" not in daemon.heard[0]


async def test_an_event_that_is_too_large_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook_relay, "MAX_BYTES", 10)
    async with open_daemon(tmp_path) as daemon:
        with given(TELLS):
            assert await to_thread.run_sync(hook_relay.main, [str(tmp_path), "claude"]) == 0
    assert daemon.heard == []


async def test_it_ends_when_its_agent_has_ended(tmp_path: Path) -> None:
    (tmp_path / "event").write_text(json.dumps(ASKS))
    words = shlex.join([*hook_command(str(tmp_path)), "claude"])
    script = f"{words} < {tmp_path}/event > /dev/null 2>&1 & echo $!; read word"
    async with open_daemon(tmp_path, *[b""] * 99) as daemon:
        process = await anyio.open_process(["/bin/sh", "-c", script])
        async with process:
            assert process.stdout
            pid = int(await process.stdout.receive())
            await eventually(lambda: daemon.heard, within_seconds=20)
            process.terminate()
            await process.wait()
        await eventually(lambda: not _runs(pid), within_seconds=20)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_an_event_that_no_daemon_took_waits_in_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook_relay, "QUICK_SECONDS", 0.0)
    spool = Spool(str(tmp_path / "spool"))
    await to_thread.run_sync(spool.make)
    monkeypatch.setenv("ITERM_MCP_AGENT", "ann")
    monkeypatch.setenv("ITERM_SESSION_ID", "w0t0p0:s-1")
    for full in (False, True):
        if full:
            os.truncate(tmp_path / "spool" / ".count", hook_relay.MAX_SPOOLED)
        with given(TELLS):
            assert await to_thread.run_sync(hook_relay.main, [str(tmp_path), "claude"]) == 0
    (file,) = await to_thread.run_sync(spool.claim, 4e9)
    (event,) = file.events
    assert (event.payload, event.agent, event.session) == (TELLS, "ann", "w0t0p0:s-1")
    assert event.delivery
