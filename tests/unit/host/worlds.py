"""A world whose sessions have screens but no programs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from iterm_mcp.host import profiles
from iterm_mcp.host.notifier import Notifier
from iterm_mcp.host.pty import Pty
from iterm_mcp.host.session import Session
from iterm_mcp.host.starter import Starter
from iterm_mcp.host.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from iterm_mcp.host.session_observer import SessionObserver


class QuietPty(Pty):
    """A terminal at whose other end is nobody; what is typed into it is kept in `typed`."""

    def __init__(self) -> None:
        super().__init__(0, -1, "/dev/pts/none")
        self.typed = bytearray()
        self.closed_after: float | None = None

    def start(
        self, on_output: Callable[[bytes], None], on_end: Callable[[int | None], None]
    ) -> None:
        self.say, self.end = on_output, on_end

    def write(self, data: bytes, *, answers: bool = False) -> None:  # noqa: ARG002 - as the real
        self.typed += data

    async def aclose(self, *, grace_seconds: float) -> None:
        """Nothing is to be ended."""
        self.closed_after = grace_seconds


class QuietStarter(Starter):
    """Starts nothing; sessions are called S1, S2 and so on."""

    def __init__(self) -> None:
        super().__init__({}, "cookie", "suite")
        self.started = 0

    async def start(
        self,
        profile: dict[str, Any],
        columns: int,
        rows: int,
        at: str,
        observer: SessionObserver,
        directory: str | None = None,
    ) -> Session:
        assert at
        self.started += 1
        return Session(
            f"S{self.started}",
            dict(profile),
            QuietPty(),
            columns,
            rows,
            profiles.scrollback(profile),
            observer,
            directory or "/",
        )

    async def spawn(self, *_args: object, **_named: object) -> Pty:
        return QuietPty()


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """Open a world whose notifier has no clients; everything in it is closed at the end."""
    notifier = Notifier()
    async with anyio.create_task_group() as closers:
        world = notifier.world = World(notifier, closers, QuietStarter())
        try:
            yield world
        finally:
            await world.close_all()


async def open_session(world: World, **profile: object) -> Session:
    """Open a session in a window of its own."""
    _, _, session = await world.open_tab(profiles.DEFAULT | profile, None, None, select=True)
    return session
