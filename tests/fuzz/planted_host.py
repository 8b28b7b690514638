"""Starting a host, or one with a fault planted in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.__main__ import main
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from tests.integration.homes import Home

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0


async def started(home: Home, plant: str) -> None:
    """Start the home's host; with its log where it always stands."""
    if not plant:
        with anyio.fail_after(_START_SECONDS):
            await anyio.run_process(
                [sys.executable, "-m", "iterm_mcp", "host", "start"],
                env=home.environ,
                stdout=subprocess.DEVNULL,
            )
        return
    log = Path(home.paths.logs) / "host.log"
    await anyio.Path(log.parent).mkdir(parents=True, exist_ok=True)
    file = await anyio.to_thread.run_sync(log.open, "wb")
    with file:
        # The home ends it, by its lock.
        process = await anyio.open_process(
            [sys.executable, "-m", "tests.fuzz.planted_host", plant],
            cwd=_ROOT,
            env=home.environ,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        )
    with anyio.fail_after(_START_SECONDS):
        socket = anyio.Path(home.paths.host_socket)
        while not (lock_holder(home.paths.host_lock) and await socket.exists()):
            assert process.returncode is None
            await anyio.sleep(0.05)


def _plant(kind: str) -> None:
    from iterm_mcp.host.requests import HANDLERS  # noqa: PLC0415 - in the host's process alone

    async def crash(*_: Any) -> Any:  # noqa: ANN401 - as handlers are
        raise ZeroDivisionError("planted")

    async def sleep(*_: Any) -> Any:  # noqa: ANN401
        await anyio.sleep_forever()

    plants: dict[str, Callable[..., Awaitable[Any]]] = {"crashes": crash, "is-silent": sleep}
    HANDLERS["list_profiles_request"] = plants[kind]


if __name__ == "__main__":
    _plant(sys.argv.pop())
    sys.argv += ["host", "run"]
    main()
