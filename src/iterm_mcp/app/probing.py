"""The probe over the services."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from iterm_mcp.services.agents.placing import PanePlacer
from iterm_mcp.services.probing.journey import Hands, Way
from iterm_mcp.services.probing.service import Probe

if TYPE_CHECKING:
    from iterm_mcp.app.services import Services
    from iterm_mcp.clock import Clock
    from iterm_mcp.paths import Paths
    from iterm_mcp.services.tasks.service import TaskService
    from iterm_mcp.terminal.protocol import Terminal

NAME = "iterm-mcp-probe"


def make_probe(
    services: Services,
    terminal: Terminal,
    tasks: TaskService,
    paths: Paths,
    clock: Clock,
    every_seconds: float,
) -> Probe:
    """Return what tries the way from a session to a task.

    Args:
        every_seconds: 0 for only when it is asked for.
    """
    hands = Hands(
        panes=PanePlacer(terminal, services.sessions, services.agents),
        sessions=services.sessions,
        search=services.search,
        ender=services.ender,
        commands=services.commands,
        reader=services.reader,
        waits=services.waits,
        agents=services.agents,
        messages=services.messages,
        deliveries=services.deliveries,
        letters=services.dead_letters,
        tasks=tasks,
    )
    mark = f"{NAME}-{crc32(paths.state.encode()):08x}"
    return Probe(Way(hands, clock, mark), clock, Path(paths.probe), every_seconds)
