"""The folder of partitions: which there are, a new one, one set aside, one forgotten."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from iterm_mcp.paths import make_private_folder
from iterm_mcp.store.events.partition import (
    COMPANIONS,
    DAMAGED_SUFFIX,
    GAP,
    SUFFIX,
    Partition,
    PartitionState,
    damaged_partition,
    partition_files,
    partition_path,
    read_partition,
)
from iterm_mcp.store.events.schema import create, explained, is_damage, sync

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger()


class Catalogue:
    """All partitions, oldest first; the last one that is not damaged may be live.

    Its methods block; any thread may call them. What is read of it is always whole.

    Attributes:
        changes: How often a partition was begun, set aside or dropped.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changes = 0
        self._partitions: tuple[Partition, ...] = ()
        self._changing = threading.Lock()
        self.forgotten: Callable[[Partition], None] = lambda _partition: None
        """Told of a file that has another name now, or none."""

    def load(self) -> None:
        """Look through the folder, made where there is none.

        Raises:
            StoreError: It cannot be used, or a newer program has written there.
        """
        with explained(self.folder):
            make_private_folder(str(self.folder))
            for left in self.folder.glob("*.part"):  # of a partition that was not made whole
                left.unlink()
            for path in partition_files(self.folder):
                self._partitions += (self._read(path),)
        for older in self._partitions[:-1]:  # a crash may have come before it was marked
            if older.state is PartitionState.LIVE:
                older.state = PartitionState.SEALED

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """All, oldest first, as they are at this moment."""
        return self._partitions

    @property
    def live(self) -> Partition | None:
        """The one that is written to; None when there has to be a new one."""
        newest = self._partitions[-1] if self._partitions else None
        return newest if newest is not None and newest.state is PartitionState.LIVE else None

    @property
    def newest(self) -> int:
        """The newest number, 0 when there never was one."""
        return self._partitions[-1].last if self._partitions else 0

    def begin(self, day: str) -> Partition:
        """Make the next live partition; the one before it is sealed.

        Raises:
            OSError, sqlite3.Error: There is no room, or no right.
        """
        with self._changing:
            first = self.newest + 1
            path = partition_path(self.folder, day, first)
            create(path)
            live = self.live
            if live is not None:
                live.state = PartitionState.SEALED
                live.measure()
            partition = Partition(path, day, first, first - 1, PartitionState.LIVE)
            partition.measure()
            self._partitions += (partition,)
            self.changes += 1
        return partition

    def set_aside(self, partition: Partition, reason: str) -> None:
        """Rename a damaged partition, so that nobody writes to it again; it is read as it can be.

        Whoever has it open for writing has closed it before.
        """
        with self._changing:
            if partition.state is PartitionState.DAMAGED:
                return
            aside = partition.path.with_name(partition.path.name + DAMAGED_SUFFIX[len(SUFFIX) :])
            self.forgotten(partition)
            for companion in COMPANIONS:
                here = Path(f"{partition.path}{companion}")
                if here.exists():
                    here.rename(f"{aside}{companion}")
            sync(self.folder)
            if partition.state is PartitionState.LIVE:
                # Nobody knows what it was able to keep.
                partition.last = max(partition.last, partition.first) + GAP
            partition.path = aside
            partition.state = PartitionState.DAMAGED
            self.changes += 1
        log.error("events_damaged", file=aside.name, reason=reason)

    def drop(self, partition: Partition) -> None:
        """Forget a partition and all that is in it."""
        with self._changing:
            self._partitions = tuple(one for one in self._partitions if one is not partition)
            self.changes += 1
            self.forgotten(partition)
            for companion in COMPANIONS:  # the file itself first: companions alone mean nothing
                Path(f"{partition.path}{companion}").unlink(missing_ok=True)
            sync(self.folder)

    def _read(self, path: Path) -> Partition:
        try:
            return read_partition(path)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            partition = damaged_partition(path, PartitionState.SEALED)
            self.set_aside(partition, str(error))
            return partition
