"""The daemon: one per user and machine, from its lock to its last answer."""

from __future__ import annotations

import json
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import to_thread

from iterm_mcp import __version__
from iterm_mcp.agents.reports import Reports, report_token
from iterm_mcp.app import open_app
from iterm_mcp.app.tracing import agent_traces
from iterm_mcp.paths import make_private_folder, write_private
from iterm_mcp.processes import InstanceLock
from iterm_mcp.tools.unix_server import open_unix_server
from iterm_mcp.web.routes import open_web
from iterm_mcp.web.security import load_token
from iterm_mcp.web.server import bind_loopback, open_http, url_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.config import Settings
    from iterm_mcp.paths import Paths

log = structlog.get_logger()


def prepare(paths: Paths) -> InstanceLock:
    """Make the state folder and take the daemon's lock.

    Raises:
        AlreadyRunningError: Another daemon has it.
    """
    make_private_folder(paths.state)
    return InstanceLock(paths.daemon_lock).acquire()


async def run(settings: Settings, paths: Paths) -> None:
    """Serve MCP and HTTP until SIGTERM or SIGINT, then drain and return.

    The caller holds the lock of `prepare`. The terminal's sessions are not touched: they
    belong to the terminal, and the next daemon finds them again.

    Raises:
        OSError: The HTTP port was asked for by name and is taken.
        StoreError: The database cannot be used.
    """
    token = await anyio.to_thread.run_sync(load_token, paths.token)
    listener = bind_loopback(settings.http_port, exact="http_port" in settings.model_fields_set)
    reports = Reports(
        url_of(listener), report_token(token), settings.agent_telemetry, agent_traces(settings)
    )
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with (
            open_app(settings, paths, reports) as app,
            open_web(
                app.server,
                app.metrics,
                app,
                token,
                app.calls.clients.enter_http,
                app.routes(),
                api=app.api,
                tokens=app.api.tokens,
                health=app,
                traced=app.tracing.tracer is not None,
            ) as web,
            open_http(web, listener) as url,
            open_unix_server(
                app.server,
                paths.daemon_socket,
                app.metrics.clients.labels("unix"),
                app.calls.clients,
                app.metrics.mcp,
            ),
            _announced(paths, url),
        ):
            log.info("daemon_up", version=__version__, socket=paths.daemon_socket, http=url)
            async for number in signals:
                log.info("daemon_stopping", signal=signal.Signals(number).name)
                break
            app.approvals.service.let_go()
            cut_off = await app.calls.drain(settings.drain_seconds)
            log.info("daemon_drained", calls_cut_off=cut_off)


@asynccontextmanager
async def _announced(paths: Paths, url: str) -> AsyncIterator[None]:
    """Write down where the daemon is, for people and scripts, as long as it is there."""
    info = {"pid": os.getpid(), "http": url, "version": __version__}
    await to_thread.run_sync(write_private, paths.daemon_info, json.dumps(info) + "\n")
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.Path(paths.daemon_info).unlink(missing_ok=True)
