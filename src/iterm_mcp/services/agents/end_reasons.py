"""How an agent's process came to be gone, by what its keeper wrote down. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.services.agents.life_files import KeeperStatus

CLOSED = "its pane was closed"
ASKED = frozenset({signal.SIGTERM, signal.SIGHUP})


@dataclass(frozen=True, slots=True)
class End:
    """How an agent's process came to be gone.

    Attributes:
        crash: It counts towards quarantine.
        wanted: Somebody wanted it, so it is not started again.
        asked: It was asked to end, which may be the beginning of closing its pane.
    """

    reason: str
    crash: bool = False
    wanted: bool = False
    asked: bool = False


def is_closed(status: KeeperStatus) -> bool:
    """Tell whether a person closed the pane, and with it the agent."""
    return status.dismissed or status.hung_up == "pane"


def end_of(status: KeeperStatus) -> End:
    """Return how an agent ended that its keeper says has ended."""
    if is_closed(status):
        return End(CLOSED, wanted=True)
    if status.hung_up == "terminal":
        return End("its terminal ended")
    if status.problem:
        return End(f"it could not be started: {status.problem}", crash=True)
    if status.signal is not None:
        how = f"it was ended by signal {status.signal}"
        return End(how, crash=True, asked=status.signal in ASKED)
    if status.code == 0:
        return End("it left by itself", wanted=True)
    asked = (status.code or 0) - 128 in ASKED
    return End(f"it ended with code {status.code}", crash=True, asked=asked)
