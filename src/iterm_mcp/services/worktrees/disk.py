"""How much room worktrees take, and who has a directory in them. Everything here reads the disk."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import psutil

from iterm_mcp.errors import RefusedError
from iterm_mcp.services.worktrees.settings import GIGABYTE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.services.worktrees.settings import WorktreeSettings


def size_of(path: str) -> int:
    """Return the bytes that a folder takes on the disk, as far as it can be read."""
    total, folders = 0, [path]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for one in entries:
                    try:
                        total += one.stat(follow_symlinks=False).st_blocks * 512
                        if one.is_dir(follow_symlinks=False):
                            folders.append(one.path)
                    except OSError:  # gone meanwhile
                        continue
        except OSError:
            continue
    return total


def users_of(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return which processes have their directory below each path, as ``pid name``.

    Processes of other users cannot be asked.
    """
    wanted = {path: f"{os.path.realpath(path)}{os.sep}" for path in paths}
    found: dict[str, list[str]] = {path: [] for path in wanted}
    for process in psutil.process_iter():
        try:
            directory = f"{process.cwd()}{os.sep}"
            for path, prefix in wanted.items():
                if directory.startswith(prefix):
                    found[path].append(f"{process.pid} {process.name()}")
        except (psutil.Error, OSError):
            continue
    return {path: tuple(users) for path, users in found.items()}


def check_room(folder: str, taken: int, settings: WorktreeSettings) -> None:
    """See that another worktree may be made.

    Raises:
        RefusedError: All together take too much, or the disk is nearly full.
    """
    hint = "Remove some: iterm-mcp worktrees gc; or change the limits in worktrees.toml."
    if taken >= settings.most_gigabytes * GIGABYTE:
        raise RefusedError(
            f"worktrees take {taken / GIGABYTE:.1f} GB of {settings.most_gigabytes:g} GB",
            hint=hint,
            code="worktrees_too_large",
        )
    free = shutil.disk_usage(folder).free
    if free < settings.least_free_gigabytes * GIGABYTE:
        raise RefusedError(
            f"the disk has {free / GIGABYTE:.1f} GB left", hint=hint, code="disk_nearly_full"
        )
