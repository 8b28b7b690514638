"""What a headless host counts of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostFigures:
    """How a host is, and what it has done since it was started or upgraded.

    Attributes:
        clients: Connections to its API.
        paused_sessions: Sessions whose output is not read just now, though there may be some.
        echo_bounds: Upper bounds in seconds of the counts of `echoes`; one more has no bound.
        echoes: How often input was followed by output within so long, bound by bound.
        echo_seconds: The sum of these times.
        loop_lag_seconds: The worst of the last one to two minutes.
    """

    sessions: int
    clients: int
    paused_sessions: int
    pauses: int
    output_bytes: int
    input_bytes: int
    echo_bounds: tuple[float, ...]
    echoes: tuple[int, ...]
    echo_seconds: float
    loop_lag_seconds: float
    memory_bytes: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class HostReport:
    """What is known of the host.

    Attributes:
        up: It answers.
        figures: None while they are not known.
    """

    up: bool
    figures: HostFigures | None = None
