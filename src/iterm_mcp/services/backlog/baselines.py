"""Whether a repository's tests pass before anybody changes it: asked once of each commit."""

from __future__ import annotations

import subprocess
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

import anyio

from iterm_mcp.agents.programs import open_program
from iterm_mcp.errors import ConflictError, ItermMcpError
from iterm_mcp.models.backlog import Baseline
from iterm_mcp.services.worktrees.git import git_environ
from iterm_mcp.services.worktrees.service import Wish

if TYPE_CHECKING:
    from anyio.abc import ByteReceiveStream

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.backlog import Scan
    from iterm_mcp.models.worktrees import Worktree

TEST_SECONDS = 1800.0
CLEAN_SECONDS = 120.0
TAIL_BYTES = 2000
OWNER = "backlog"


class Room(Protocol):
    """Makes worktrees, and takes them away."""

    async def create(self, wish: Wish) -> Worktree:
        """Make one."""

    async def remove(self, name: str, *, force: bool = False) -> Worktree:
        """Take one away."""


class Kept(Protocol):
    """Remembers how tests went."""

    async def baseline(
        self, repository: str, commit: str, commands: tuple[str, ...]
    ) -> Baseline | None:
        """Return how they went; None when they were not run."""

    async def keep_baseline(self, baseline: Baseline) -> None:
        """Remember it."""


class Baselines:
    """Runs tests in a worktree of their own, and remembers how they went."""

    def __init__(
        self, room: Room, kept: Kept, clock: Clock, *, seconds: float = TEST_SECONDS
    ) -> None:
        self._room = room
        self._kept = kept
        self._clock = clock
        self._seconds = seconds
        self._turn = anyio.Lock()

    async def of(self, scan: Scan, commands: tuple[str, ...], *, again: bool = False) -> Baseline:
        """Return how tests go in the commit of a scan.

        Args:
            again: Run them, even if it is known.

        Raises:
            ConflictError: They did not end in time, or the worktree's set-up failed; nothing is
                known then.
        """
        async with self._turn:
            known = await self._kept.baseline(scan.repository, scan.commit, commands)
            if known is not None and not again:
                return known
            wish = Wish(f"tests-{scan.commit[:12]}-{token_hex(3)}", scan.top, OWNER, scan.commit)
            began = self._clock.monotonic()
            made = await self._room.create(wish)
            try:
                if made.problem:
                    raise ConflictError(
                        f"the set-up of a worktree failed: {made.problem}",
                        hint="Mend worktrees.toml.",
                    )
                problem = await self._run(made.path, commands)
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(CLEAN_SECONDS):
                    await self._take_away(wish.name)
            seconds = self._clock.monotonic() - began
            found = Baseline(
                scan.repository, scan.commit, commands, problem, seconds, self._clock.now()
            )
            await self._kept.keep_baseline(found)
            return found

    async def _take_away(self, name: str) -> None:
        try:
            await self._room.remove(name, force=True)
        except ItermMcpError:
            return  # it is clean and merged: the next collection of worktrees takes it

    async def _run(self, directory: str, commands: tuple[str, ...]) -> str:
        """Return which command failed, and what it said at its end; empty when none did."""
        try:
            with anyio.fail_after(self._seconds):
                for command in commands:
                    code, tail = await run_command(command, directory)
                    if code:
                        return f"{command!r} ended with {code}: {tail}"
        except TimeoutError:
            raise ConflictError(
                f"the tests took longer than {self._seconds:g} s",
                hint="Name quicker ones, or none.",
            ) from None
        return ""


async def run_command(command: str, directory: str) -> tuple[int, str]:
    """Run a command line; return its exit code, and the end of what it printed on both outputs."""
    async with open_program(
        ["/bin/sh", "-c", command],
        {**git_environ(), "CI": "1"},
        directory=directory,
        stderr=subprocess.STDOUT,
    ) as process:
        tail = await _tail(process.stdout) if process.stdout else b""
        code = await process.wait()
    return code, tail.decode("utf-8", "replace").strip()


async def _tail(stream: ByteReceiveStream) -> bytes:
    kept = b""
    async for piece in stream:
        kept = (kept + piece)[-TAIL_BYTES:]
    return kept
