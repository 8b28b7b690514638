"""The link over real sockets: to a real host that is killed, and to peers that misbehave."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.homes import open_home
from tests.waiting import eventually

from iterm_mcp.config import Settings
from iterm_mcp.errors import TerminalTimeoutError, TerminalUnavailableError
from iterm_mcp.models.sessions import Program
from iterm_mcp.paths import find_paths
from iterm_mcp.processes import lock_holder
from iterm_mcp.telemetry import Metrics
from iterm_mcp.terminal import connection as connections
from iterm_mcp.terminal.connection import open_connection
from iterm_mcp.terminal.endpoint import Endpoint, find_endpoint
from iterm_mcp.terminal.iterm import ItermTerminal
from iterm_mcp.terminal.link import TerminalLink, open_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from tests.integration.homes import Home

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

pytestmark = pytest.mark.headless

SECONDS = 20
HEADLESS = Settings(terminal="headless")


@pytest.fixture
async def own(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Home]:
    """A home of its own, which this process' environment leads to."""
    async with open_home("headless") as one:
        for name in ("HOME", "ITERM_MCP_HOME"):
            monkeypatch.setenv(name, one.environ[name])
        yield one


@asynccontextmanager
async def linked(
    find: Callable[[], Awaitable[Endpoint]], metrics: Metrics, wait_seconds: float = SECONDS
) -> AsyncIterator[TerminalLink]:
    with anyio.fail_after(3 * SECONDS):
        async with open_link(find, metrics, wait_seconds) as link:
            yield link


def value(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"iterm_mcp_{name}")


@contextmanager
def stopped(home: Home) -> Iterator[int]:
    """Have the host hear and not answer for the length of the block; gives its process id."""
    host = lock_holder(home.paths.host_lock)
    assert host
    os.kill(host, signal.SIGSTOP)
    try:
        yield host
    finally:
        with suppress(ProcessLookupError):
            os.kill(host, signal.SIGCONT)


# A real host.


async def test_a_killed_host_is_noticed_replaced_and_counted(own: Home) -> None:
    metrics = Metrics()
    async with linked(partial(find_endpoint, HEADLESS, own.paths), metrics) as link:
        terminal = ItermTerminal(link, metrics.operations, SECONDS)
        await terminal.open_session(Program())
        first = lock_holder(own.paths.host_lock)
        assert first
        assert value(metrics, "terminal_connected") == 1

        os.kill(first, signal.SIGKILL)
        await eventually(
            lambda: value(metrics, "terminal_reconnects_total"),
            lambda count: count == 1,
            within_seconds=SECONDS,
        )

        assert await terminal.list_sessions() == ()
        assert lock_holder(own.paths.host_lock) not in {None, first}
    opened = value(metrics, "sessions_opened_total")
    assert (opened, value(metrics, "sessions_closed_total")) == (1, 1)
    assert value(metrics, "terminal_connected") == 0


async def test_a_request_in_flight_when_the_host_dies_is_told_so(own: Home) -> None:
    metrics = Metrics()
    async with linked(partial(find_endpoint, HEADLESS, own.paths), metrics) as link:
        terminal = ItermTerminal(link, metrics.operations, SECONDS)
        await terminal.list_sessions()

        async def ask() -> None:
            with pytest.raises(TerminalUnavailableError, match="may or may not have happened"):
                await terminal.list_sessions()

        with stopped(own) as host:
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                await eventually(lambda: in_flight(metrics, "list_sessions") == 1)
                os.kill(host, signal.SIGKILL)
        assert in_flight(metrics, "list_sessions") == 0


def in_flight(metrics: Metrics, operation: str) -> float | None:
    return metrics.registry.get_sample_value(
        "iterm_mcp_terminal_operations_in_flight", {"operation": operation}
    )


async def test_a_host_that_hangs_costs_a_request_its_time_and_no_more(own: Home) -> None:
    metrics = Metrics()
    async with linked(partial(find_endpoint, HEADLESS, own.paths), metrics) as link:
        terminal = ItermTerminal(link, metrics.operations, 0.2)
        await link.connected()
        with stopped(own), pytest.raises(TerminalTimeoutError, match=r"in 0\.2 s"):
            await terminal.list_sessions()
        await eventually(lambda: lists(terminal), within_seconds=SECONDS)


async def lists(terminal: ItermTerminal) -> bool:
    try:
        await terminal.list_sessions()
    except TerminalTimeoutError:
        return False
    return True


async def test_however_many_find_a_host_at_once_one_is_started(own: Home) -> None:
    found: list[Endpoint] = []

    async def find() -> None:
        found.append(await find_endpoint(HEADLESS, own.paths))

    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(find)
    assert len(found) == 5
    assert len(set(found)) == 1
    log = await eventually(
        (Path(own.paths.logs) / "host.log").read_text,
        lambda text: '"host_up"' in text,
        within_seconds=SECONDS,
    )
    assert log.count('"host_up"') == 1
    assert "runs already" not in log


async def test_a_host_whose_cookie_is_gone_is_unavailable_and_no_crash(own: Home) -> None:
    await find_endpoint(HEADLESS, own.paths)
    await anyio.Path(own.paths.host_cookie).unlink()
    with pytest.raises(TerminalUnavailableError, match="cookie") as caught:
        await find_endpoint(HEADLESS, own.paths)
    assert "host stop" in caught.value.hint


async def test_a_wrong_cookie_is_refused_with_a_hint(own: Home) -> None:
    endpoint = await find_endpoint(HEADLESS, own.paths)
    wrong = Endpoint("headless", endpoint.socket_path, "wrong")
    with pytest.raises(TerminalUnavailableError, match="status 401") as caught:
        async with open_connection(wrong, lambda _notification: None):
            pass
    assert caught.value.hint == wrong.refusal_hint


async def test_a_home_where_no_host_can_be_started_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    paths = find_paths({"HOME": str(tmp_path), "ITERM_MCP_HOME": str(tmp_path / "file")})
    with pytest.raises(TerminalUnavailableError, match="cannot be started") as caught:
        await find_endpoint(HEADLESS, paths)
    assert "ITERM_MCP_HOME" in caught.value.hint


async def test_a_host_that_ends_at_once_is_not_waited_for(
    own: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITERM_MCP_LOG_LEVEL", "nonsense")
    with pytest.raises(TerminalUnavailableError, match="did not come up") as caught:
        await find_endpoint(HEADLESS, own.paths)
    assert f"{own.paths.logs}/host.log" in caught.value.hint


# Peers that misbehave.


@pytest.fixture
def path() -> Iterator[str]:
    folder = tempfile.mkdtemp(dir="/tmp", prefix="im-")
    yield f"{folder}/socket"
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def serving(path: str, serve: Serve) -> AsyncIterator[Endpoint]:
    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        writer.close()

    server = await asyncio.start_unix_server(serve_and_close, path)
    try:
        yield Endpoint("headless", path, "cookie")
    finally:
        server.close()


async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    pass


async def speak_something_else(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()


@pytest.mark.parametrize("serve", [hang_up, speak_something_else])
async def test_what_is_no_terminal_is_unavailable(path: str, serve: Serve) -> None:
    async with serving(path, serve) as endpoint:
        with pytest.raises(TerminalUnavailableError, match="does not answer") as caught:
            async with open_connection(endpoint, lambda _notification: None):
                pass
    assert caught.value.hint == endpoint.absence_hint


async def test_a_socket_file_that_nobody_serves_is_unavailable(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
    for stale in (path, f"{path}.missing"):
        with pytest.raises(TerminalUnavailableError, match="does not answer"):
            async with open_connection(Endpoint("headless", stale), lambda _notification: None):
                pass


async def test_a_peer_that_never_finishes_the_handshake_is_given_up(path: str) -> None:
    bound = connections.CONNECT_SECONDS
    async with serving(path, say_nothing) as endpoint:
        with anyio.fail_after(bound + SECONDS):
            with pytest.raises(TerminalUnavailableError, match="TimeoutError"):
                async with open_connection(endpoint, lambda _notification: None):
                    pass


async def test_callers_wait_for_a_terminal_that_is_away_no_longer_than_they_may(path: str) -> None:
    async def find() -> Endpoint:
        return Endpoint("headless", path)

    metrics = Metrics()
    async with linked(find, metrics, wait_seconds=0.3) as link:
        with pytest.raises(TerminalUnavailableError, match="does not answer on its socket"):
            await link.connected()
        assert link.kind is None
    assert value(metrics, "terminal_connected") == 0
