"""What the system tells of the processes that run in a session."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = (psutil.Error, OSError)
"""What asking about a process may raise: it is gone, or no descriptor is left to ask with."""


_HAS_PROC = sys.platform == "linux"
_CUT_BYTES = 15
"""Linux keeps no more of a name; psutil finds the rest."""
_DELETED = " (deleted)"


def find(*pids: int | None) -> psutil.Process | None:
    """Return the first of these processes that is there."""
    for pid in pids:
        if pid:
            try:
                return psutil.Process(pid)
            except UNKNOWN:
                continue
    return None


def name(process: psutil.Process | None) -> str:
    """Return a process's name; empty when it is gone, as below."""
    try:
        return "" if process is None else as_text(process.name())
    except UNKNOWN:
        return ""


def name_of(*pids: int | None) -> str:
    """Return the name of the first of these processes that is there; empty when none is.

    A list of sessions asks for many, so where the system has a file for it nothing else is asked.
    """
    for pid in filter(None, pids) if _HAS_PROC else ():
        try:
            with open(f"/proc/{pid}/comm", errors="surrogateescape") as file:  # noqa: PTH123
                found = file.read().removesuffix("\n")
        except OSError:
            continue
        if len(os.fsencode(found)) < _CUT_BYTES:
            return as_text(found)
        break
    return name(find(*pids))


def directory_of(*pids: int | None) -> str:
    """Return where the first of these processes is of which that is known; see `name_of`."""
    for pid in filter(None, pids):
        if found := _directory_in_proc(pid) if _HAS_PROC else directory(find(pid)):
            return found
    return ""


def _directory_in_proc(pid: int) -> str:
    try:
        found = os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115 - a Path costs more than this
    except OSError:
        return ""
    if found.endswith(_DELETED) and not os.path.exists(found):  # noqa: PTH110 - no Path for each
        found = found.removesuffix(_DELETED)
    return as_text(found)


def arguments(process: psutil.Process | None) -> list[str]:
    """Return the words of the command that a process was started with."""
    try:
        return [] if process is None else [as_text(one) for one in process.cmdline()]
    except UNKNOWN:
        return []


def directory(process: psutil.Process | None) -> str:
    """Return where a process is."""
    try:
        return "" if process is None else as_text(process.cwd())
    except UNKNOWN:
        return ""


def deepest(process: psutil.Process | None) -> str:
    """Return the name of the youngest descendant of the youngest child, and so on."""
    try:
        while process is not None:
            children = process.children()
            if not children:
                break
            process = max(children, key=lambda one: one.create_time())
    except UNKNOWN:
        pass
    return name(process)


def ancestors(process: psutil.Process | None, root: int) -> list[str]:
    """Return the names of the processes from the one with this id down to another."""
    return [name(one) for one in reversed(list(_up(process, root)))]


def _up(process: psutil.Process | None, root: int) -> Iterator[psutil.Process]:
    while process is not None:
        yield process
        if process.pid == root:
            return
        try:
            process = process.parent()
        except UNKNOWN:
            return


def as_text(raw: str) -> str:
    """Return a name of the system's, which may hold any bytes, such that it can be sent."""
    return raw.encode(errors="replace").decode()
