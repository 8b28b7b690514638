"""What there is to know of a program on a pseudo-terminal, for another process image."""

from __future__ import annotations

from typing import NamedTuple


class PtyState(NamedTuple):
    """What `Pty.state` returns and `Pty.adopt` takes.

    Attributes:
        master: The descriptor of the terminal's master, -1 once closed.
        queue: Input that the program has not read.
        exited: The program has ended, and is reaped.
        code: As which code; None when that is unknown, or it has not ended.
        ended: That has been told.
    """

    pid: int
    name: str
    master: int
    queue: bytes
    exited: bool
    code: int | None
    ended: bool
