"""When an agent that crashed is started again, and when no more. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How patient we are. Durations are seconds.

    Attributes:
        first: The wait after the first crash; each further one waits twice as long.
        longest: The longest wait.
        crashes: So many crashes within `window` end in quarantine.
        stable: After running for so long, former crashes count for nothing.
    """

    first_seconds: float = 30.0
    longest_seconds: float = 600.0
    crashes: int = 5
    window_seconds: float = 900.0
    stable_seconds: float = 1800.0


@dataclass(frozen=True, slots=True)
class RestartAt:
    """Start it again then."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Do not start it again."""

    crashes: int


def after_crash(
    crashes: Sequence[datetime], now: datetime, policy: RestartPolicy
) -> RestartAt | Quarantine:
    """Return what is to be done.

    Args:
        crashes: When it crashed, oldest first, this time included; those that were forgiven or
            are older than `stable` are not among them.
    """
    recent = [one for one in crashes if now - one < timedelta(seconds=policy.window_seconds)]
    if len(recent) >= policy.crashes:
        return Quarantine(len(recent))
    doublings = min(max(0, len(crashes) - 1), 32)
    wait = min(policy.first_seconds * 2**doublings, policy.longest_seconds)
    return RestartAt(now + timedelta(seconds=wait))
