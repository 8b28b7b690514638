"""What was seen of an agent, in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.waiting import eventually

from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.observations import Json, Sighting

SECONDS = 30.0


class Ledger:
    """What an agent was seen to do, in order."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []

    def add(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)

    def values(self, fact: Fact) -> list[Mapping[str, Json]]:
        return [one.value for one in self.sightings if one.fact is fact]

    def latest(self, fact: Fact) -> Mapping[str, Json]:
        return self.values(fact)[-1]

    def phases(self, message: str) -> list[str]:
        return [
            str(one["phase"]) for one in self.values(Fact.TURN) if one.get("message") == message
        ]

    async def until(self, fact: Fact, **wanted: Json) -> Mapping[str, Json]:
        """Wait until a fact is seen with these values."""

        def found() -> list[Mapping[str, Json]]:
            return [one for one in self.values(fact) if wanted.items() <= one.items()]

        return (await eventually(found, within_seconds=SECONDS))[-1]

    async def now(self, fact: Fact, **wanted: Json) -> Mapping[str, Json]:
        """Wait until the last word of the most trusted source of a fact has these values."""

        def found() -> list[Mapping[str, Json]]:
            told = [one for one in self.sightings if one.fact is fact]
            rank = min((one.source.rank for one in told), default=0)
            last = [one.value for one in told if one.source.rank == rank][-1:]
            return [one for one in last if wanted.items() <= one.items()]

        return (await eventually(found, within_seconds=SECONDS))[0]
