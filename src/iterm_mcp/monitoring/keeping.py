"""The keeper: starts Prometheus and Alertmanager, starts them again, and ends with both ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from iterm_mcp.monitoring.asking import is_healthy, is_ready
from iterm_mcp.monitoring.bounded_log import BoundedLog
from iterm_mcp.monitoring.configuration import (
    USUAL_DAEMON,
    alertmanager_arguments,
    daemon_url,
    install,
    point_at,
    prometheus_arguments,
)
from iterm_mcp.monitoring.places import HOST
from iterm_mcp.monitoring.programs import PROMETHEUS, end_all, find_ours
from iterm_mcp.paths import write_private

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import Process

    from iterm_mcp.clock import Clock
    from iterm_mcp.monitoring.places import Options, Places
    from iterm_mcp.monitoring.programs import Program

READY_SECONDS = 10.0
"""How long a program may take until it has read its data; one that answers then may go on."""
END_SECONDS = 10.0
FIRST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 1.0, 60.0
"""Before a program that has ended is started again."""
STEADY_SECONDS = 60.0
"""One that ran for so long has begun well."""
LOOK_SECONDS = 2.0
"""How often the keeper looks where the daemon is."""
PAUSE_SECONDS = 0.05


class NotKeptError(Exception):
    """A program did not come up; the text has its last words."""


@dataclass(slots=True)
class Kept:
    """A program under a keeper."""

    program: Program
    arguments: Sequence[str]
    port: int
    log: BoundedLog
    process: Process | None = None
    restarts: int = 0
    started_at: str = ""
    up: anyio.Event = field(default_factory=anyio.Event)


class Keeper:
    """Keeps programs up for as long as it runs.

    The caller holds the lock of `Places`, so there is one for an installation.
    """

    def __init__(
        self, places: Places, options: Options, programs: Sequence[Program], clock: Clock
    ) -> None:
        self._places = places
        self._options = options
        self._clock = clock
        self._daemon = ""
        self._ending = False
        self._kept = [self._kept_of(one) for one in programs]

    def _kept_of(self, program: Program) -> Kept:
        places, options = self._places, self._options
        log = BoundedLog(places.log(program.name))
        if program.name == PROMETHEUS:
            arguments = prometheus_arguments(
                options, str(places.prometheus_config), str(places.prometheus_data)
            )
            return Kept(program, arguments, options.prometheus_port, log)
        arguments = alertmanager_arguments(
            options, str(places.alertmanager_config), str(places.alertmanager_data)
        )
        return Kept(program, arguments, options.alertmanager_port, log)

    async def run(self) -> None:
        """Keep the programs up until SIGTERM or SIGINT.

        What an earlier keeper left behind is ended first.

        Raises:
            NotKeptError: One did not come up.
            OSError: The folder cannot be written.
        """
        await to_thread.run_sync(self._prepare)
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            try:
                async with anyio.create_task_group() as group:
                    for one in self._kept:
                        group.start_soon(self._keep, one)
                    group.start_soon(self._announce)
                    group.start_soon(self._follow_daemon)
                    async for _ in signals:
                        break
                    self._ending = True
                    await to_thread.run_sync(self._end)  # kindly; what is cancelled is killed
                    group.cancel_scope.cancel()
            finally:
                with anyio.CancelScope(shield=True):
                    await to_thread.run_sync(self._end)

    def _prepare(self) -> None:
        end_all([*find_ours(self._places).values()])
        self._daemon = daemon_url(self._places) or USUAL_DAEMON
        install(self._places, self._options, self._daemon)

    def _end(self) -> None:
        self._places.info.unlink(missing_ok=True)
        end_all([*find_ours(self._places).values()], END_SECONDS)

    async def _keep(self, one: Kept) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = anyio.current_time()
            try:
                words = f"ended with {await self._run_once(one)}"
            except OSError as error:  # it may be replaced by another version just now
                words = f"could not be started: {error.strerror or error}"
            if self._ending:
                return
            if not one.up.is_set():
                last = " ".join(await to_thread.run_sync(one.log.last_lines, 3))
                raise NotKeptError(f"{one.program.name} did not come up: {last or words}")
            steady = anyio.current_time() - began > STEADY_SECONDS
            pause = FIRST_PAUSE_SECONDS if steady else min(pause * 2, MOST_PAUSE_SECONDS)
            one.restarts += 1
            line = f"{one.program.name} {words}; it is started again in {pause:g} s\n"
            await to_thread.run_sync(one.log.write, line.encode())
            await self._write_info()
            await anyio.sleep(pause)

    async def _run_once(self, one: Kept) -> int:
        """Run a program to its end; return its exit code."""
        async with await anyio.open_process(
            [one.program.path, *one.arguments],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=self._places.folder,
        ) as process:
            one.process = process
            one.started_at = self._clock.now().isoformat()
            assert process.stdout is not None  # noqa: S101 - asked for
            async for told in process.stdout:
                await to_thread.run_sync(one.log.write, told)
            return await process.wait()

    async def _announce(self) -> None:
        """Say what runs, once all of it answers."""
        for one in self._kept:
            with anyio.move_on_after(READY_SECONDS):
                while not await to_thread.run_sync(is_ready, HOST, one.port):  # noqa: ASYNC110
                    await anyio.sleep(PAUSE_SECONDS)
                one.up.set()
            if one.up.is_set() or await to_thread.run_sync(is_healthy, HOST, one.port):
                one.up.set()  # where there is much to read, it goes on reading
            else:
                last = " ".join(await to_thread.run_sync(one.log.last_lines, 3))
                raise NotKeptError(
                    f"{one.program.name} does not answer on port {one.port}: {last or 'no words'}"
                )
        await self._write_info()

    async def _write_info(self) -> None:
        told = {
            "pid": os.getpid(),
            "programs": {
                one.program.name: {
                    "pid": one.process.pid if one.process is not None else None,
                    "version": one.program.version,
                    "url": f"http://{HOST}:{one.port}",
                    "started_at": one.started_at,
                    "restarts": one.restarts,
                }
                for one in self._kept
            },
        }
        text = json.dumps(told, indent=2) + "\n"
        await to_thread.run_sync(write_private, self._places.info, text)

    async def _follow_daemon(self) -> None:
        """Have both know where the daemon is, wherever it is started anew."""
        while True:
            await anyio.sleep(LOOK_SECONDS)
            found = await to_thread.run_sync(daemon_url, self._places)
            if found is None or found == self._daemon:
                continue
            with suppress(OSError):  # a full disk: looked at again
                await to_thread.run_sync(point_at, self._places, found)
                self._daemon = found
                for one in self._kept:
                    if one.program.name != PROMETHEUS and one.process is not None:
                        with suppress(ProcessLookupError):
                            one.process.send_signal(signal.SIGHUP)
