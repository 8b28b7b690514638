"""Orders from outside: lines appended to a file, or written to a FIFO. The grammar is `steps`."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.testing.fake_agent.steps import StepError, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.testing.fake_agent.steps import Step
    from iterm_mcp.testing.fake_agent.truth import Truth

LOOK_SECONDS = 0.1
READ_BYTES = 1 << 16


async def follow(path: str, do: Callable[[Step], None], truth: Truth) -> None:
    """Do each line that comes, until cancelled; what is there already counts too.

    The file may come into being later. A line that is no order is written down, and left.
    """
    file = await _open(path)
    rest = b""
    try:
        while True:
            try:
                data = os.read(file, READ_BYTES)
            except BlockingIOError:
                data = b""
            rest += data
            *lines, rest = rest.split(b"\n")
            for line in lines:
                order = line.decode("utf-8", "replace").strip()
                if order:
                    _do(order, do, truth)
            if not data:
                await asyncio.sleep(LOOK_SECONDS)
    finally:
        os.close(file)


async def _open(path: str) -> int:
    """Return a descriptor, as soon as the file is there."""
    while True:
        try:
            return _open_now(path)
        except FileNotFoundError:
            await asyncio.sleep(LOOK_SECONDS)


def _open_now(path: str) -> int:
    """Return a descriptor; a FIFO is opened for writing too, so that it never comes to its end."""
    mode = os.O_RDWR if stat.S_ISFIFO(Path(path).stat().st_mode) else os.O_RDONLY
    return os.open(path, mode | os.O_NONBLOCK | os.O_CLOEXEC)


def _do(order: str, do: Callable[[Step], None], truth: Truth) -> None:
    try:
        step = parse(order)
    except StepError as error:
        truth.note("not_understood", why=str(error), order=order)
        return
    truth.note("fault", order=order, by="control")
    do(step)
