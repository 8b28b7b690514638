"""What the system tells of the processes that run in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = (psutil.Error, OSError)
"""What asking about a process may raise: it is gone, or no descriptor is left to ask with."""


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
