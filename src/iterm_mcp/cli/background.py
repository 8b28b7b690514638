"""Starting and stopping the programs that run in the background."""

from __future__ import annotations

import errno
import gc
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from shutil import disk_usage
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar

import typer

from iterm_mcp.paths import find_paths, make_private_folder
from iterm_mcp.processes import last_words, lock_holder, log_size, start_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

E = TypeVar("E", bound=BaseException)

START_SECONDS = 15.0
STOP_SECONDS = 15.0
UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}
"""A disk that is full, or that is not to be written to."""
LEAST_BYTES = 1 << 20
"""With less a disk is full: a database that was left amid a write wants room to be read."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Import what a process keeps to its end, without looking for garbage in it.

    That is an eighth of a daemon's start, and a part of each later look.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def leaves(errors: BaseExceptionGroup[E]) -> Iterator[E]:
    """Yield the errors of which a group is made, however deep they lie."""
    for one in errors.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from leaves(one)
        else:
            yield one


@dataclass(frozen=True, slots=True)
class Background:
    """A program of which each home has one.

    Attributes:
        name: Also its verb: ``iterm-mcp <name> run``.
        answers: Tells whether it can be spoken to.
    """

    name: str
    lock: str
    spawn_lock: str
    answers: Callable[[], bool]

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers; exit with 1 when it does not."""
        paths = find_paths()
        log = f"{paths.logs}/{self.name}.log"
        before = log_size(log)
        try:
            make_private_folder(paths.state)
            up = start_once(
                lambda: self.answers() or None,
                lock=self.lock,
                spawn_lock=self.spawn_lock,
                arguments=[self.name, "run"],
                log=log,
                within_seconds=START_SECONDS,
            )
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            typer.echo(
                f"it cannot be started in {paths.state}: {error.strerror or error};"
                " make room on that disk, or permit yourself to write there",
                err=True,
            )
            raise typer.Exit(1) from None
        if not up:
            words = last_words(log, before)
            if not words and disk_usage(paths.state).free < LEAST_BYTES:
                words = f"the disk of {paths.state} is full; make room on it"
            reason = f": {words.rstrip('.')}" if words else ""
            typer.echo(f"it did not come up{reason}; its log is {log}", err=True)
            raise typer.Exit(1)

    def stop(self) -> None:
        """Ask it to end, and wait until it has; exit with 1 when it does not."""
        pid = lock_holder(self.lock)
        if not pid:
            typer.echo(f"no {self.name} runs")
            return
        os.kill(pid, signal.SIGTERM)
        deadline = monotonic() + STOP_SECONDS
        while lock_holder(self.lock) == pid:
            if monotonic() > deadline:
                typer.echo(f"process {pid} is still there after {STOP_SECONDS:.0f} s", err=True)
                raise typer.Exit(1)
            sleep(0.02)
        typer.echo("stopped")
