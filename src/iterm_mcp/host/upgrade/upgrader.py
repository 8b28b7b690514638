"""Replaces the host's code while its sessions run on."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import anyio
import structlog

from iterm_mcp import __version__
from iterm_mcp.host.ending_signals import hold_signals, let_signals_through
from iterm_mcp.host.upgrade.inheritance import become, set_inheritable
from iterm_mcp.host.upgrade.rehearsal import UpgradeError, keep, rehearse
from iterm_mcp.host.upgrade.sessions import descriptors
from iterm_mcp.host.upgrade.worlds import draft_world, resume_recordings, write_world

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from iterm_mcp.host.closers import Closers
    from iterm_mcp.host.front import Front
    from iterm_mcp.host.upgrade.inheritance import Inheritance
    from iterm_mcp.host.world import World

log = structlog.get_logger()

QUIET_SECONDS = 10.0
"""How long sessions that are being closed or restarted, and recordings, are waited for."""


_FAILING = (OSError, TimeoutError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)
"""After any of these the host goes on: every shell depends on it, and none on the upgrade."""


class Upgrader:
    """Upgrades one host.

    First another process rehearses with a copy of the state; only when it can read that, clients
    are sent away, output waits in the terminals, and this process becomes the new program, whose
    children the sessions' programs still are. When anything fails on the way, this host goes on.

    Args:
        tasks: Where it is done, once it was asked for.
        closers: What has to be over before.
        lock: The descriptor of the host's lock.
    """

    def __init__(
        self,
        world: World,
        front: Front,
        tasks: TaskGroup,
        closers: Closers,
        lock: int,
        inheritance: Inheritance | None,
    ) -> None:
        self._world = world
        self._front = front
        self._tasks = tasks
        self._closers = closers
        self._lock = lock
        self._running = False
        self._count = 0 if inheritance is None else inheritance.count
        self._problem = "" if inheritance is None else inheritance.problem

    def status(self) -> dict[str, Any]:
        """Return the version, how many upgrades there were, and why the last one failed."""
        return {
            "version": __version__,
            "count": self._count,
            "running": self._running,
            "problem": self._problem,
        }

    async def upgrade(self, python: str) -> dict[str, Any]:
        """Rehearse, then begin to become what a Python has installed; return what will be.

        Raises:
            UpgradeError: It will not be.
        """
        if self._running:
            raise UpgradeError("an upgrade is under way already", hint="Wait until it is over.")
        if not (os.path.isabs(python) and os.access(python, os.X_OK)):  # noqa: PTH117 - no other use
            raise UpgradeError(f"{python!r} is not the full path of a Python that can be run")
        self._running, self._problem = True, ""
        try:
            fits = await rehearse(python, *await draft_world(self._world, self._more({})))
        except BaseException:
            self._running = False
            raise
        self._tasks.start_soon(self._switch, python)
        return {
            "version": __version__,
            "new_version": fits["version"],
            "sessions": len(self._world.sessions),
            "count": self._count,
        }

    async def _switch(self, python: str) -> None:
        """Become the new program, or go on."""
        log.info("host_upgrading", python=python, sessions=len(self._world.sessions))
        recorded: dict[str, bool] = {}
        try:
            await self._front.shut()
            with anyio.fail_after(QUIET_SECONDS):
                await self._closers.quiet()
                self._rest()
                recorded = self._end_recordings()
                if recorded and self._world.recordings is not None:
                    await self._world.recordings.flush()
            self._become(python, recorded)
        except _FAILING as error:
            self._problem = str(error) or "something that was asked for before takes too long"
            log.warning("host_not_upgraded", reason=self._problem)
        resume_recordings(self._world, recorded)
        for session in self._world.sessions.values():
            session.pty.resume_reading()
        self._running = False
        await self._front.open()

    def _rest(self) -> None:
        """Read no more output: it waits in the terminals, and programs may wait with it."""
        for session in self._world.sessions.values():
            session.settle()
            session.pty.pause_reading()

    def _end_recordings(self) -> dict[str, bool]:
        """End all recordings; return those sessions, and whether what is typed was recorded."""
        recorded = {}
        for session in self._world.sessions.values():
            if session.recorder is not None:
                recorded[session.session_id] = session.recorder.keeps_input
                session.stop_recording()
        return recorded

    def _become(self, python: str, recorded: dict[str, bool]) -> None:
        """Hand everything over. Nothing may happen in between, so nothing is awaited."""
        fd = keep(write_world(self._world, self._more(recorded)))
        sessions = self._world.sessions.values()
        files = [fd, self._lock, self._front.descriptor]
        files += [one for session in sessions for one in descriptors(session)]
        set_inheritable(files, on=True)
        hold_signals()
        try:
            become(python, fd)
        finally:
            let_signals_through()
            set_inheritable(files, on=False)
            os.close(fd)

    def _more(self, recorded: dict[str, bool]) -> dict[str, Any]:
        """Return what is written down beside the world."""
        return {
            "version": __version__,
            "python": sys.executable,
            "upgrades": self._count,
            "lock": self._lock,
            "listening": self._front.descriptor,
            "recorded": recorded,
        }
