"""All recordings of one host: begins and ends them, and has one thread write them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.host.recording.asciicast import Header
from iterm_mcp.host.recording.cast_file import CastFile
from iterm_mcp.host.recording.folder import name_for
from iterm_mcp.host.recording.recorder import Recorder
from iterm_mcp.host.recording.retention import Limits, prune, repair
from iterm_mcp.paths import make_private_folder

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.host.recording.cast_file import Item
    from iterm_mcp.host.session import Session

log = structlog.get_logger()

PAUSE_SECONDS = 0.1
"""What happens in so short a time is written together, unless it is much."""

MUCH_BYTES = 1 << 18
CLOSE_SECONDS = 2.0
IDLE_SECONDS = 2.0
"""To what players shorten pauses, if nobody tells them otherwise."""

AUTOMATIC = "Automatically Log"
"""iTerm2's key of the profile for sessions that are recorded from their beginning."""


class Recordings:
    """Begins and ends recordings, on the event loop, while `run` writes them.

    Args:
        folder: Where they are kept; it is made when the first begins.
    """

    def __init__(self, folder: str, limits: Limits, clock: Clock) -> None:
        self._folder = Path(folder)
        self._limits = limits
        self._clock = clock
        self._waiting: dict[Recorder, None] = {}  # as a set that keeps its order
        self._wake = anyio.Event()
        self._hurry = anyio.Event()
        self._turn = anyio.Event()
        self._taken = 0
        self._written = 0
        self._begun = False  # since the folder was last pruned
        self._running = anyio.CancelScope()

    def opened(self, session: Session) -> None:
        """Record a session whose program has just been started, if its profile says so."""
        if session.profile.get(AUTOMATIC) and session.recorder is None:
            self.begin(session)

    def begin(self, session: Session, *, keeps_input: bool = False) -> Recorder:
        """Begin to record a session; what it shows already comes first."""
        now = self._clock.now()
        header = Header(
            session.columns,
            session.rows,
            str(session.profile.get("Terminal Type", "")),
            int(now.timestamp()),
            IDLE_SECONDS,
            session.name or str(session.profile.get("Name", "")),
            {"SHELL": os.environ.get("SHELL", "")},
        )
        name = name_for(session.session_id, now)
        limits = self._limits
        file = CastFile(self._folder, name, header, limits.part_bytes, limits.parts)
        self._begun = True
        session.recorder = Recorder(file, session.engine, self._queued, keeps_input=keeps_input)
        return session.recorder

    async def run(self) -> None:
        """Write what is queued, until `aclose`."""
        with self._running:
            while True:
                await self._wake.wait()
                with anyio.move_on_after(PAUSE_SECONDS):
                    await self._hurry.wait()
                self._wake, self._hurry = anyio.Event(), anyio.Event()
                await self._write()

    async def flush(self) -> None:
        """Wait until all that has happened so far is written, or could not be."""
        goal = self._taken + 1
        self._wake.set()
        self._hurry.set()
        while self._written < goal:
            await self._turn.wait()

    async def aclose(self) -> None:
        """Write what is queued, in a bounded time, and end `run`. Sessions have ended theirs."""
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await self.flush()
        self._running.cancel()

    def _queued(self, recorder: Recorder) -> None:
        self._waiting[recorder] = None
        self._wake.set()
        if recorder.queued > MUCH_BYTES:
            self._hurry.set()

    async def _write(self) -> None:
        batches = [(one, *one.take()) for one in self._waiting]
        self._waiting.clear()
        begun, self._begun = self._begun, False
        self._taken += 1
        goods = {one: one.file.problem for one, _, _ in batches}
        await to_thread.run_sync(
            self._write_batches,
            [(one.file, items, one.ended) for one, items, _ in batches],
            begun,
            abandon_on_cancel=True,  # a disk may never answer; the host ends all the same
        )
        self._written = self._taken
        for one, _, size in batches:
            one.written(size)
            if one.file.problem and one.file.problem != goods[one]:
                log.warning("recording_held_up", path=str(one.file.path), reason=one.file.problem)
        self._turn.set()
        self._turn = anyio.Event()

    def _write_batches(
        self,
        batches: list[tuple[CastFile, list[Item], bool]],
        begun: bool,  # noqa: FBT001
    ) -> None:
        if begun:
            self._make_room()
        for file, items, ended in batches:
            file.write(items)
            if ended:
                file.close()

    def _make_room(self) -> None:
        try:
            make_private_folder(str(self._folder))
        except OSError as error:  # what is written to it will fail, and say so
            log.warning("recordings_folder_missing", reason=str(error))
            return
        for one in prune(self._folder, self._limits, self._clock.now().timestamp()):
            log.info("recording_pruned", name=one.name, bytes=one.size)


def tidy(folder: str, limits: Limits, clock: Clock) -> None:
    """Mend and prune what earlier hosts have left. Blocks; for the host's start."""
    path = Path(folder)
    if mended := repair(path):
        log.info("recordings_mended", files=mended)
    prune(path, limits, clock.now().timestamp())
