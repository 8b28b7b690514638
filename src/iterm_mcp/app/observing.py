"""What metrics are told of the daemon itself, and of the host beside it."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.services.background import beside
from iterm_mcp.telemetry.daemon_metrics import DaemonFigures
from iterm_mcp.telemetry.loop_lag import LoopLag
from iterm_mcp.terminal.host_watch import HostWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.clock import Clock
    from iterm_mcp.config import Settings
    from iterm_mcp.paths import Paths
    from iterm_mcp.telemetry import Metrics
    from iterm_mcp.terminal.link import TerminalLink


@asynccontextmanager
async def observing(
    metrics: Metrics, link: TerminalLink, settings: Settings, paths: Paths, clock: Clock
) -> AsyncIterator[None]:
    """Have the metrics of daemon and host told for the length of the block."""
    ours = {"auto": sys.platform != "darwin", "headless": True, "iterm2": False}
    watch, lag = HostWatch(link, clock, expected=ours[settings.terminal]), LoopLag()

    def figures() -> DaemonFigures:
        return DaemonFigures(link.kind is not None, lag.worst(), database_bytes(paths.database))

    metrics.host.begin(watch.report)
    metrics.host.fresh = watch.fresh
    metrics.daemon.begin(figures)
    with lag.watching():
        async with beside(watch.run):
            yield


def database_bytes(path: str) -> int:
    """Return the size of a database, with what was written ahead of it."""
    found = 0
    for name in (path, f"{path}-wal"):
        try:
            found += Path(name).stat().st_size
        except FileNotFoundError:
            continue
    return found
