"""Observations, short to write: so many seconds after the start, by whom, and what."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

ANN, BEN = AgentName("ann"), AgentName("ben")
PROTOCOL, REGISTRY, HOOK, TRANSCRIPT, TITLE, SCREEN, QUIET, PROCESS = ObservationSource


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sees(
    source: ObservationSource, fact: Fact, told: dict[str, Json] | None = None, /, **value: Json
) -> Sighting:
    return Sighting(fact, {**(told or {}), **value}, source)


def does(source: ObservationSource, what: str, /, **more: Json) -> Sighting:
    return sees(source, Fact.ACTIVITY, {"is": what}, **more)


def saw(at: float, sighting: Sighting, *, agent: AgentName = ANN, epoch: int = 1) -> Observation:
    return Observation(agent, epoch, sighting, moment(at))
