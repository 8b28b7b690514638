"""Running commands of tasks: each in a pane of its own, with a keeper that outlives the daemon.

The keeper is the one that agents have (`iterm_mcp.agents.keeper`): it starts the command once, and
writes down how it ended, whoever looks on. What the command prints is kept by the recorder
between them (`iterm_mcp.services.tasks.command_recorder`).
"""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio import to_thread

from iterm_mcp.agents import keeper
from iterm_mcp.errors import AgentError, TerminalUnavailableError
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.sessions import Program
from iterm_mcp.models.tasks import Outcome
from iterm_mcp.services.agents.environment import KEEP, ORIGIN, SCRUB
from iterm_mcp.services.agents.life_files import ORDER, KeeperOrder
from iterm_mcp.services.agents.placing import Place as PanePlace
from iterm_mcp.services.agents.processes import ProcessId
from iterm_mcp.services.tasks import command_recorder
from iterm_mcp.services.tasks.prompts import environment
from iterm_mcp.services.tasks.supervising import Sight
from iterm_mcp.tasks.work import Ending, Running
from iterm_mcp.telemetry.trace_context import current

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.services.agents.launches import Origin
    from iterm_mcp.services.agents.life_files import KeeperStatus, LifeFiles
    from iterm_mcp.services.agents.placing import PlacedPane
    from iterm_mcp.services.agents.processes import AgentProcesses
    from iterm_mcp.services.tasks.folders import AttemptFolder, AttemptFolders
    from iterm_mcp.tasks.work import Order, Place

SHELL = "/bin/sh"
RUN = AgentName("run")
"""Under which a command's keeper has its files in the attempt's folder."""

STARTED_SECONDS = 20.0
"""How long a pane and the command in it may take to start."""

OPEN_TRIES = 4
COMES_UP_SECONDS = 3.0
"""How long a pane may take to come up whose opening the terminal did not answer any more."""

LEAVE_SECONDS = 8.0
"""How long a keeper, which first ends its command, may take to leave."""

SOONEST_SECONDS, LATEST_SECONDS = 0.02, 0.4
"""How often a keeper's file is looked at: at first, and when nothing has come of it for long."""


class Panes(Protocol):
    """Opens panes."""

    async def open(self, program: Program, place: PanePlace) -> PlacedPane:
        """Open a pane that runs a program."""


class CommandRuns:
    """Begins, watches and ends the commands of attempts.

    Args:
        started_seconds: How long a pane and the command in it may take to start.
    """

    def __init__(
        self,
        panes: Panes,
        processes: AgentProcesses,
        folders: AttemptFolders,
        origin: Origin,
        *,
        started_seconds: float = STARTED_SECONDS,
    ) -> None:
        self._panes = panes
        self._processes = processes
        self._folders = folders
        self._origin = origin
        self._started_seconds = started_seconds

    async def begin(self, order: Order, place: Place) -> Running:
        """Begin an attempt's command; one that was begun before is not begun again.

        Raises:
            AgentError: It did not start.
            TerminalError: No pane could be opened.
        """
        folder = self._folders.of(order.attempt_id)
        files = folder.keeping
        status = await files.status(RUN)
        if status is None or not status.life:
            await files.write_order(RUN, self._order(order, place, folder))
            if status is None or not await self._keeper_stands(status):
                await self._open(_pane(order, place, files.folder(RUN)), files)
            status = await self._started(order, folder)
        return Running(str(status.session_id or ""), started=status.life)

    async def _open(self, pane: Program, files: LifeFiles) -> None:
        """Open a pane; and again where the terminal went away meanwhile and none came up.

        Of two that come up all the same only one begins the command.
        """
        for _ in range(OPEN_TRIES - 1):
            try:
                await self._panes.open(pane, PanePlace(behind=True))
            except TerminalUnavailableError:
                if await self._comes_up(files):
                    return
            else:
                return
        await self._panes.open(pane, PanePlace(behind=True))

    async def _comes_up(self, files: LifeFiles) -> bool:
        with anyio.move_on_after(COMES_UP_SECONDS):
            while True:
                status = await files.status(RUN)
                if status is not None and status.life:
                    return True
                await anyio.sleep(LATEST_SECONDS)
        return False

    def _order(self, order: Order, place: Place, folder: AttemptFolder) -> KeeperOrder:
        here = current()
        traced = {} if here is None else here.environment()
        known = {ORIGIN: self._origin.state, **traced, **environment(order, folder)}
        if self._origin.home is not None:
            known["ITERM_MCP_HOME"] = self._origin.home
        recorder, log = str(command_recorder.__file__), str(folder.output)
        return KeeperOrder(
            order.attempt_id,
            order.number,
            sys.executable,
            ("-I", "-S", recorder, log, SHELL, "-c", order.spec.prompt),
            place.directory,
            known,
            SCRUB,
            KEEP,
        )

    async def _started(self, order: Order, folder: AttemptFolder) -> KeeperStatus:
        pause = SOONEST_SECONDS
        with anyio.move_on_after(self._started_seconds):
            while True:
                status = await folder.keeping.status(RUN)
                if status is not None and status.life:
                    return status
                await anyio.sleep(pause)
                pause = min(pause * 2, LATEST_SECONDS)
        raise AgentError(
            f"the command of task {order.task_id} did not start in {self._started_seconds:g} s",
            hint="See whether the terminal opens panes, with list_sessions.",
        )

    def watch(self, order: Order) -> CommandWatch:
        """Return what tells how an attempt's command stands."""
        return CommandWatch(order, self._folders.of(order.attempt_id), self._processes)

    async def root(self, attempt_id: str) -> ProcessId | None:
        """Return the process above all of an attempt's command; None when there is none."""
        status = await self._folders.of(attempt_id).keeping.status(RUN)
        return None if status is None or not status.pid else ProcessId(status.pid, status.started)

    async def end(self, attempt_id: str) -> None:
        """End an attempt's command, if it runs, and close its pane. May be asked for again."""
        files = self._folders.of(attempt_id).keeping
        order = files.folder(RUN) / ORDER  # a pane that comes up late starts nothing
        await to_thread.run_sync(partial(order.unlink, missing_ok=True))
        status = await files.status(RUN)
        if status is None:
            return
        one = ProcessId(status.keeper, status.keeper_started)
        if not await self._processes.signal(one, signal.SIGTERM):
            return
        if not await self._gone(one):
            await self._processes.signal(one, signal.SIGKILL)
            await self._gone(one)

    async def _gone(self, one: ProcessId) -> bool:
        pause = SOONEST_SECONDS
        with anyio.move_on_after(LEAVE_SECONDS):
            while await self._processes.stands(one):
                await anyio.sleep(pause)
                pause = min(pause * 2, LATEST_SECONDS)
            return True
        return False

    async def _keeper_stands(self, status: KeeperStatus) -> bool:
        return await self._processes.stands(ProcessId(status.keeper, status.keeper_started))


class CommandWatch:
    """Tells how a command stands, by what its keeper has written."""

    def __init__(self, order: Order, folder: AttemptFolder, processes: AgentProcesses) -> None:
        self._order = order
        self._folder = folder
        self._processes = processes
        self._files = folder.keeping
        self._pause = SOONEST_SECONDS
        self._last: KeeperStatus | None = None

    async def look(self) -> Sight:
        """Return how it stands; it is heard whenever it prints."""
        status = self._last = await self._files.status(RUN)
        if status is not None and status.state != "ended":
            if await self._processes.stands(ProcessId(status.keeper, status.keeper_started)):
                return Sight(heard_at=await to_thread.run_sync(_changed_at, self._folder.output))
            status = await self._files.status(RUN)  # its last word
        return Sight(ended(self._order, status))

    async def stirred(self) -> None:
        """Wait until its keeper has written something, which rings no bell."""
        self._pause = SOONEST_SECONDS
        while await self._files.status(RUN) == self._last:
            await anyio.sleep(self._pause)
            self._pause = min(self._pause * 2, LATEST_SECONDS)


def ended(order: Order, status: KeeperStatus | None) -> Ending:
    """Return how a command ended, by the last word of its keeper. Pure."""
    if status is None:
        return Ending(Outcome.LOST, "nothing is left of its pane")
    if status.problem:
        return Ending(Outcome.FAILED, f"it could not be started: {status.problem}", status.code)
    if status.state == "ended" and status.code is not None:
        return _by_code(order, status.code)
    if status.hung_up == "pane":
        return Ending(Outcome.FAILED, "its pane was closed")
    if status.hung_up or status.state != "ended":
        return Ending(Outcome.LOST, "the terminal that it ran in has ended")
    return Ending(Outcome.FAILED, f"it was ended by signal {status.signal}")


def _by_code(order: Order, code: int) -> Ending:
    if code in order.spec.acceptance.exit_codes:
        return Ending(Outcome.SUCCEEDED, exit_code=code)
    return Ending(Outcome.FAILED, f"it ended with exit code {code}", code)


def _pane(order: Order, place: Place, folder: Path) -> Program:
    return Program(
        sys.executable,
        directory=place.directory,
        name=order.spec.name,
        arguments=("-I", "-S", str(keeper.__file__), str(folder)),
        tags=("task", str(order.task_id)),
    )


def _changed_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
