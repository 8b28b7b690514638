"""Which terminal there is to speak to, and starting ours when there is none."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio
import anyio.to_thread
import structlog

from iterm_mcp.errors import TerminalUnavailableError
from iterm_mcp.paths import make_private_folder
from iterm_mcp.processes import last_words, log_size, start_once

if TYPE_CHECKING:
    from iterm_mcp.config import Settings
    from iterm_mcp.paths import Paths

HOST_START_SECONDS = 15.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A terminal's address.

    Attributes:
        kind: iTerm2 itself, or our own host.
        cookie: What opens the door; empty where the library must ask for one.
    """

    kind: Literal["iterm2", "headless"]
    socket_path: str
    cookie: str = ""

    @property
    def name(self) -> str:
        """Return the terminal's name for people."""
        return "iTerm2" if self.kind == "iterm2" else "the headless host"

    @property
    def absence_hint(self) -> str:
        """Return what to do when nothing answers."""
        if self.kind == "iterm2":
            return "Start iTerm2 and enable Settings > General > Magic > Enable Python API."
        return "Run `iterm-mcp host status`; its log stands in the state folder's logs/host.log."

    @property
    def refusal_hint(self) -> str:
        """Return what to do when it answers, but will not let us in."""
        if self.kind == "iterm2":
            return "Allow automation in Settings > General > Magic, or approve the dialog."
        return "Another user's host may hold the socket; run `iterm-mcp host status`."


async def find_endpoint(settings: Settings, paths: Paths) -> Endpoint:
    """Return the terminal to use; start the host if it is ours and none runs.

    ``auto`` takes iTerm2 on macOS when its API socket accepts connections, else our host.

    Raises:
        TerminalUnavailableError: iTerm2 was asked for by name and is not there, or the host
            cannot be started.
    """
    if settings.terminal != "headless" and sys.platform == "darwin":
        app = Endpoint("iterm2", _iterm2_socket(), os.environ.get("ITERM2_COOKIE", ""))
        if await anyio.to_thread.run_sync(_accepts, app.socket_path):
            return app
        if settings.terminal == "iterm2":
            raise TerminalUnavailableError("iTerm2's API does not answer", hint=app.absence_hint)
    elif settings.terminal == "iterm2":
        raise TerminalUnavailableError(
            "iTerm2 runs on macOS only",
            hint="Unset ITERM_MCP_TERMINAL to use the headless host.",
        )
    return await _host_endpoint(paths)


async def _host_endpoint(paths: Paths) -> Endpoint:
    if not await anyio.to_thread.run_sync(_accepts, paths.host_socket):
        log.info("host_starting", state=paths.state)
        await anyio.to_thread.run_sync(_start_host, paths, abandon_on_cancel=True)
    try:
        cookie = await anyio.Path(paths.host_cookie).read_text()
    except OSError as error:
        raise TerminalUnavailableError(
            f"the headless host's cookie cannot be read: {error}",
            hint="Run `iterm-mcp host stop`; the next call starts it afresh.",
        ) from None
    return Endpoint("headless", paths.host_socket, cookie.strip())


def _start_host(paths: Paths) -> None:
    host_log = f"{paths.logs}/host.log"
    before = log_size(host_log)
    try:
        make_private_folder(paths.state)
        up = start_once(
            lambda: _accepts(paths.host_socket) or None,
            lock=paths.host_lock,
            spawn_lock=paths.host_spawn_lock,
            arguments=["host", "run"],
            log=host_log,
            within_seconds=HOST_START_SECONDS,
        )
    except OSError as error:
        raise TerminalUnavailableError(
            f"the headless host cannot be started: {error}",
            hint="Mend that, or choose another place with ITERM_MCP_HOME.",
        ) from None
    if not up:
        words = last_words(host_log, before)
        raise TerminalUnavailableError(
            f"the headless host did not come up{': ' if words else ''}{words}",
            hint=f"Its log is {host_log}; `iterm-mcp host run` shows why it ends.",
        )


def _iterm2_socket() -> str:
    suite = os.environ.get("IT2_SUITE", "iTerm2")
    return str(Path(f"~/Library/Application Support/{suite}/private/socket").expanduser())


def _accepts(path: str) -> bool:
    """Tell whether something listens there: a stale socket file does not."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(path)
        except OSError:
            return False
        return True
