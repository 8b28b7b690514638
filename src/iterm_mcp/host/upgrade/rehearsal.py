"""Trying in another process whether new code can go on with a state, before anything is risked."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from typing import Any, cast

from anyio import create_task_group, to_thread

from iterm_mcp import __version__
from iterm_mcp.errors import ItermMcpError
from iterm_mcp.host.ghostty import EmulatorError, emulator_build
from iterm_mcp.host.notifier import Notifier
from iterm_mcp.host.selfcheck import SelfCheckError, check_emulator
from iterm_mcp.host.starter import Starter
from iterm_mcp.host.upgrade.envelope import StateError, unpack
from iterm_mcp.host.upgrade.worlds import read_world
from iterm_mcp.host.world import World

SECONDS = 60.0
_TAIL = 500

UNREADABLE = (EmulatorError, StateError, LookupError, TypeError, ValueError, AttributeError)
"""What reading a state of another version may raise."""


class UpgradeError(ItermMcpError):
    """The host was not upgraded, and goes on as it is; the message says why."""

    default_code = "upgrade_failed"


def keep(*parts: bytes) -> int:
    """Return a descriptor from which a state can be read; it has no name, and nobody else has it.

    Args:
        parts: The state, in parts that follow each other.

    Raises:
        OSError: There is no room for it.
    """
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("iterm-mcp-state", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    try:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(fd, view) :]
    except OSError:
        os.close(fd)
        raise
    return fd


def recall(fd: int) -> bytes:
    """Return what `keep` has kept."""
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(os.dup(fd), "rb") as file:
        return file.read()


async def rehearse(python: str, *parts: bytes) -> dict[str, Any]:
    """Have the code that a Python has installed read a state; return its version.

    Args:
        parts: The state, in parts that follow each other.

    Raises:
        UpgradeError: It could not be started, or cannot go on with this state.
    """
    return await to_thread.run_sync(_rehearse, python, *parts)


def _rehearse(python: str, *parts: bytes) -> dict[str, Any]:
    try:
        fd = keep(*parts)
        try:
            done = subprocess.run(
                [python, "-m", "iterm_mcp", "host", "rehearse", str(fd)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                pass_fds=[fd],
                timeout=SECONDS,
                check=False,
            )
        finally:
            os.close(fd)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise UpgradeError(
            f"the new version cannot be tried: {error}", hint="The host goes on as it was."
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-_TAIL:]
        raise UpgradeError(
            f"the new version cannot go on with what is open: {said or 'it said nothing'}",
            hint="The host goes on as it was.",
        )
    try:
        return cast("dict[str, Any]", json.loads(done.stdout))
    except ValueError:
        raise UpgradeError("the new version gave no answer that makes sense") from None


async def try_state(data: bytes) -> dict[str, Any]:
    """Read a state as if to go on with it, and touch nothing that it speaks of.

    Raises:
        UpgradeError: It cannot be gone on with.
    """
    notifier = Notifier()
    async with create_task_group() as group:
        notifier.world = World(notifier, group, Starter({}, "", ""))
        failed = _read(notifier.world, data)
    if failed is not None:
        raise UpgradeError(_reason(failed, data)) from failed
    return {"version": __version__, "sessions": len(notifier.world.sessions)}


def _reason(failed: Exception, data: bytes) -> str:
    """Say why a state could not be read."""
    reason = str(failed) or repr(failed)
    if not isinstance(failed, EmulatorError):
        return reason
    before, here = unpack(data)[0].get("emulator", "another emulator"), emulator_build()
    if before == here:
        return reason
    return (
        f"its screens are in the form of {before}, which {here} cannot read ({reason}). Install"
        f" this version with {before}, or start the host anew when nothing in it is needed"
    )


def _read(world: World, data: bytes) -> Exception | None:
    try:
        check_emulator()
        body, pieces = unpack(data)
        for told in body["sessions"]:
            # Whatever happens here, no program of the host's may be hung up on.
            told["pty"] |= {"pid": 0, "master": -1, "exited": True, "ended": True}
        read_world(world, body, pieces)
    except (*UNREADABLE, SelfCheckError) as error:
        return error
    return None
