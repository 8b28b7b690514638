"""Copies of all events: made while they are written, and put in their place again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from iterm_mcp.errors import ConflictError, InvalidRequestError, StoreError
from iterm_mcp.processes import AlreadyRunningError, InstanceLock
from iterm_mcp.store.events.partition import (
    DAMAGED_SUFFIX,
    LOCK,
    PartitionState,
    damaged_partition,
    partition_files,
    partition_path,
    read_partition,
)
from iterm_mcp.store.events.schema import create, explained, open_for_reading, sync
from iterm_mcp.store.events.verifying import verify_events

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

MANIFEST = "backup.json"
FORM = 1


@dataclass(frozen=True, slots=True)
class Backup:
    """What a copy holds.

    Attributes:
        newest: Its newest number: it holds what was kept up to that.
        missing: Damaged files, which are not in it.
    """

    form: int
    at: str
    newest: int
    files: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put in place.

    Attributes:
        before: Where that which stood there is now; None when there was nothing.
    """

    newest: int
    events: int
    before: Path | None


def back_up_events(folder: Path, target: Path, at: datetime) -> Backup:
    """Copy all events into a new folder, whole or not at all; they may be written meanwhile.

    Raises:
        ConflictError: There is something at the target.
        StoreError: A file cannot be read, or the copy cannot be written.
    """
    if target.exists():
        raise ConflictError(f"{target} is there already", hint="Give a new folder.")
    part = target.with_name(f"{target.name}.part")
    with explained(target):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700, parents=True)
        try:
            backup = _copy_all(folder, part, at)
            part.rename(target)
            sync(target.parent)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    return backup


def restore_events(folder: Path, source: Path, at: datetime) -> Restored:
    """Put a copy in the place of the events that are there, which are kept beside it.

    Numbers go on behind the newest that was ever given, so that nobody who follows misses any.

    Raises:
        ConflictError: A daemon is running.
        InvalidRequestError: The folder is no copy, or not a sound one.
        StoreError: It cannot be written.
    """
    backup = _read_manifest(source)
    report = verify_events(source)
    if report.problems:
        raise InvalidRequestError(
            f"the copy in {source} is damaged: {report.problems[0]}",
            hint="Take another copy; nothing was changed.",
            code="backup_damaged",
        )
    with explained(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock = InstanceLock(str(folder / LOCK)).acquire()
        except AlreadyRunningError as error:
            raise ConflictError(
                f"the events are in use by process {error.pid}",
                hint="Stop the daemon first: iterm-mcp daemon stop.",
            ) from None
        try:
            given = _newest_given(folder)
            fresh = folder.with_name(f"{folder.name}.restoring")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            for name in backup.files:
                _copy_file(source / name, fresh / name)
            if given > backup.newest:
                create(partition_path(fresh, at.strftime("%Y%m%d"), given + 1))
            before = folder.with_name(f"{folder.name}.before-{at:%Y%m%dT%H%M%S}")
            folder.rename(before)
            fresh.rename(folder)
            sync(folder.parent)
        finally:
            lock.release()
    return Restored(backup.newest, report.events, before)


def _copy_all(folder: Path, target: Path, at: datetime) -> Backup:
    """Copy each file as it is at one moment, the newest first.

    What is kept in newer files meanwhile is not in the copy; what is in the older ones does not
    change but by being forgotten.
    """
    names, missing, newest = [], [], 0
    for path in reversed(partition_files(folder)):
        if path.name.endswith(DAMAGED_SUFFIX):
            missing.append(path.name)
            continue
        try:
            with (
                closing(open_for_reading(path)) as connection,
                closing(sqlite3.connect(target / path.name)) as copy,
            ):
                (target / path.name).chmod(0o600)
                connection.backup(copy)
        except sqlite3.OperationalError:
            if path.exists():
                raise
            (target / path.name).unlink(missing_ok=True)  # forgotten meanwhile
            continue
        sync(target / path.name)
        newest = max(newest, read_partition(target / path.name).last)
        names.append(path.name)
    backup = Backup(FORM, at.isoformat(), newest, tuple(reversed(names)), tuple(missing))
    (target / MANIFEST).write_text(json.dumps(asdict(backup), indent=2), encoding="utf-8")
    sync(target / MANIFEST)
    sync(target)
    return backup


def _read_manifest(source: Path) -> Backup:
    try:
        told = json.loads((source / MANIFEST).read_text("utf-8"))
        backup = Backup(
            int(told["form"]), str(told["at"]), int(told["newest"]), tuple(told["files"])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequestError(
            f"{source} is no copy of events: {error}",
            hint="Give a folder that `iterm-mcp events backup` made.",
        ) from None
    there = {path.name for path in partition_files(source)}
    if backup.form != FORM or there != set(backup.files):
        raise InvalidRequestError(
            f"the copy in {source} is not whole, or a newer version's",
            hint="Take another copy; nothing was changed.",
            code="backup_damaged",
        )
    return backup


def _newest_given(folder: Path) -> int:
    newest = 0
    for path in partition_files(folder):
        try:
            newest = max(newest, read_partition(path).last)
        except (sqlite3.Error, StoreError):
            newest = max(newest, damaged_partition(path, PartitionState.DAMAGED).last)
    return newest


def _copy_file(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)
    sync(target)
