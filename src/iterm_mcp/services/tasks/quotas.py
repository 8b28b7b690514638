"""When the services of models take orders again, by what agents have said of their limits."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.errors import StoreError
from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Json, Observation
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.store.agents import AgentStore

log = structlog.get_logger()

UNTOLD = timedelta(minutes=1)
"""How long nothing is begun where an agent was refused and not told until when."""

LONGEST = timedelta(days=8)
"""A week, as the longest limits there are, and a day for clocks: nothing later is believed."""

_WITHIN = re.compile(
    r"(?i)\b(\d{1,5}(?:\.\d+)?)\s*(d|h|m|s)(?:ays?|(?:ou)?rs?|in(?:ute)?s?|ec(?:ond)?s?)?\b"
)
_AT = re.compile(r"(?i)(?<![\d:])(\d{1,2})(?::(\d{2}))?\s*(am|pm)?(?![\d:])")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_EPOCH = re.compile(r"(?<!\d)(1[5-9]\d{8}|[2-9]\d{9})(?!\d)")
_NOON = 12


class Quotas:
    """Remembers until when nobody of a kind, and at whose cost, should be begun.

    Args:
        account_of: Returns at whose cost an agent runs; empty for unknown, then all of its kind
            count as one.
    """

    def __init__(self, account_of: Callable[[AgentName], str] = lambda _agent: "") -> None:
        self._account_of = account_of
        self._until: dict[tuple[str, str], datetime] = {}

    @asynccontextmanager
    async def following(self, states: States, agents: AgentStore) -> AsyncIterator[None]:
        """Listen to what is seen of agents for the length of the block."""
        async with states.watch_observations() as seen, anyio.create_task_group() as group:

            async def follow() -> None:
                while True:
                    observation = await seen.next()
                    if observation.sighting.fact is Fact.TROUBLE:
                        await self._take(observation, agents)

            group.start_soon(follow)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    def refused(self, kind: str, account: str, value: dict[str, Json], at: datetime) -> None:
        """Note what an agent met: a limit, or that there is none any more."""
        place = kind, account
        if not value:
            self._until.pop(place, None)
        elif value.get("what") == "rate_limited":
            until = limit_ends(value, at) or at + UNTOLD
            self._until[place] = max(until, self._until.get(place, until))

    def until(self, kind: str, account: str, now: datetime) -> datetime | None:
        """Return until when nobody should be begun; None where nothing is known against it.

        What is known of a kind without an account holds for every account of it.
        """
        places = {(kind, account), (kind, "")}
        known = [self._until[one] for one in places if one in self._until]
        last = max(known, default=None)
        return last if last is not None and last > now else None

    async def _take(self, observation: Observation, agents: AgentStore) -> None:
        try:
            found = _find((await agents.load()).agents, observation.agent)
        except StoreError as error:
            log.warning("quota_not_noted", agent=observation.agent, reason=str(error))
            return
        if found is not None:
            account = self._account_of(found.name)
            self.refused(found.kind, account, dict(observation.sighting.value), observation.at)


def _find(agents: tuple[Agent, ...], name: AgentName) -> Agent | None:
    return next((one for one in agents if one.name == name), None)


def limit_ends(value: dict[str, Json], at: datetime) -> datetime | None:
    """Return when a limit ends, as an agent told it; None where that means nothing to us.

    Agents tell seconds since 1970, an ISO time, ``in 5 minutes``, ``3pm`` or ``15:30`` of this
    machine's day; ``at`` is when they did.
    """
    told = value.get("until")
    if told is None:
        found = _EPOCH.search(str(value.get("text") or ""))
        told = int(found[1]) if found else None
    if isinstance(told, bool) or told is None:
        return None
    if isinstance(told, int | float):
        return _believed(_from_epoch(float(told)), at)
    text = str(told).strip()
    return _believed(_from_iso(text) or _from_words(text, at), at)


def _believed(until: datetime | None, at: datetime) -> datetime | None:
    return until if until is not None and at < until <= at + LONGEST else None


def _from_epoch(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _from_iso(text: str) -> datetime | None:
    if len(text) < len("2026-01-01T00:00"):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC)


def _from_words(text: str, at: datetime) -> datetime | None:
    within = _WITHIN.findall(text)
    if within:
        return at + timedelta(seconds=sum(float(count) * _UNITS[unit.lower()]
                                          for count, unit in within))  # fmt: skip
    found = _AT.search(text)
    if found is None or not (found[2] or found[3]):
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        hour = hour % _NOON + (_NOON if found[3].lower() == "pm" else 0)
    try:
        same_day = at.astimezone().replace(hour=hour, minute=minute, second=0, microsecond=0)
    except ValueError:
        return None
    return (same_day if same_day > at else same_day + timedelta(days=1)).astimezone(UTC)
