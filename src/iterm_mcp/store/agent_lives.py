"""What agents shall be, so that they are it again after a restart, and what their ends left."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.agent_lives import AgentOrder, Desired, Forensics, Life, Limits, Phase, Spare
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.task_limits import OverLimit, ResourceLimits
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from datetime import datetime

    from iterm_mcp.store.database import Database

KEPT = 20
"""Ends of one agent that are kept, the newest."""

# Every life, by agent.
SELECT_LIVES = "SELECT life FROM agent_lives ORDER BY agent"
# One agent's.
SELECT_LIFE = "SELECT life FROM agent_lives WHERE agent = ?"
# What an agent shall be, and where it stands.
UPSERT_LIFE = "INSERT OR REPLACE INTO agent_lives (agent, desired, phase, life) VALUES (?, ?, ?, ?)"
# An agent that nobody wants any more.
DELETE_LIFE = "DELETE FROM agent_lives WHERE agent = ?"
# What was found when an agent's process was gone.
INSERT_FORENSICS = (
    "INSERT INTO agent_forensics (agent, epoch, at, crash, found) VALUES (?, ?, ?, ?, ?)"
)
# All but the newest of an agent's.
DELETE_OLD_FORENSICS = """
    DELETE FROM agent_forensics WHERE agent = ?1 AND number NOT IN (
        SELECT number FROM agent_forensics WHERE agent = ?1 ORDER BY number DESC LIMIT ?2
    )
"""
# An agent's, the newest first.
SELECT_FORENSICS = """
    SELECT epoch, at, crash, found FROM agent_forensics WHERE agent = ?
    ORDER BY number DESC LIMIT ?
"""
# When an agent crashed since.
SELECT_CRASHES = """
    SELECT at FROM agent_forensics WHERE agent = ? AND crash = 1 AND at >= ? ORDER BY number
"""
# An agent's crashes count for nothing any more; what was found stays.
FORGIVE_CRASHES = "UPDATE agent_forensics SET crash = 0 WHERE agent = ?"


class AgentLifeStore:
    """Lives by agent, and the forensics of their ends."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> tuple[Life, ...]:
        """Return every life, by agent."""
        return await self._database.read(
            lambda connection: tuple(_life(text) for (text,) in connection.execute(SELECT_LIVES))
        )

    async def find(self, agent: AgentName) -> Life | None:
        """Return an agent's life; None for one that was not started by us."""
        row = await self._database.read(
            lambda connection: connection.execute(SELECT_LIFE, (agent,)).fetchone()
        )
        return None if row is None else _life(row[0])

    async def save(self, life: Life) -> None:
        """Keep a life, instead of what was kept of its agent before."""
        row = _life_row(life)
        await self._database.write(lambda connection: connection.execute(UPSERT_LIFE, row))

    async def hand_over(self, former: AgentName, life: Life) -> None:
        """Keep a life under another name than it had, and nothing under the former: at once."""
        row = _life_row(life)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(DELETE_LIFE, (former,))
            connection.execute(UPSERT_LIFE, row)

        await self._database.write(work)

    async def remove(self, agent: AgentName) -> None:
        """Forget an agent's life; its forensics stay. One that is not kept is no matter."""
        await self._database.write(lambda connection: connection.execute(DELETE_LIFE, (agent,)))

    async def end(self, life: Life, found: Forensics, *, forgiven: bool = False) -> None:
        """Keep a life after its end, and what was found at it: both or nothing.

        So however often an end is handled, until this returns once, it counts once.

        Args:
            found: The newest `KEPT` of an agent are kept.
            forgiven: Its former crashes count for nothing from now on.
        """
        content = {
            "reason": found.reason,
            "code": found.code,
            "signal": found.signal,
            "screen": found.screen,
            "lines": found.lines,
            "processes": found.processes,
        }
        values = found.agent, found.epoch, to_text(found.at), int(found.crash), json.dumps(content)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(UPSERT_LIFE, _life_row(life))
            connection.execute(INSERT_FORENSICS, values)
            connection.execute(DELETE_OLD_FORENSICS, (found.agent, KEPT))
            if forgiven:
                connection.execute(FORGIVE_CRASHES, (life.agent,))

        await self._database.write(work)

    async def forensics(self, agent: AgentName, limit: int = KEPT) -> tuple[Forensics, ...]:
        """Return what was found at an agent's ends, the newest first."""
        return await self._database.read(
            lambda connection: tuple(
                _forensics(agent, *row)
                for row in connection.execute(SELECT_FORENSICS, (agent, limit))
            )
        )

    async def crashes(self, agent: AgentName, since: datetime) -> tuple[datetime, ...]:
        """Return when an agent crashed since, oldest first."""
        return await self._database.read(
            lambda connection: tuple(
                from_text(at)
                for (at,) in connection.execute(SELECT_CRASHES, (agent, to_text(since)))
            )
        )

    async def forgive(self, agent: AgentName) -> None:
        """Let an agent's crashes count for nothing from now on."""
        await self._database.write(lambda connection: connection.execute(FORGIVE_CRASHES, (agent,)))


def _life_row(life: Life) -> tuple[str, str, str, str]:
    return life.agent, life.desired.value, life.phase.value, _life_text(life)


def _life_text(life: Life) -> str:
    plain = replace(life.order, environment={}, limits=Limits())
    content: dict[str, Any] = asdict(replace(life, order=plain)) | {
        "order": write_order(life.order)
    }
    for name in ("ordered_at", "begun_at", "restart_at"):
        content[name] = None if content[name] is None else to_text(content[name])
    return json.dumps(content)


def write_order(order: AgentOrder) -> dict[str, Any]:
    """Return an order as JSON keeps it."""
    content = asdict(replace(order, environment={}))
    return content | {"environment": dict(order.environment)}


def read_order(content: dict[str, Any]) -> AgentOrder:
    """Return an order as it was before `write_order`.

    Raises:
        TypeError, ValueError, LookupError: It is none.
    """
    order = dict(content)
    limits = Limits(**order.pop("limits"))
    resources = order.pop("resources", {})
    if resources:
        order["resources"] = ResourceLimits(**resources | {"over": OverLimit(resources["over"])})
    for name in ("keep", "options"):
        order[name] = tuple(order[name])
    order["teams"] = tuple(TeamName(one) for one in order["teams"])
    return AgentOrder(limits=limits, **order)


def _life(text: str) -> Life:
    content: dict[str, Any] = json.loads(text)
    order = read_order(content.pop("order"))
    spare = content.pop("spare", None)
    for name in ("ordered_at", "begun_at", "restart_at"):
        content[name] = None if content[name] is None else from_text(content[name])
    session_id = content.pop("session_id")
    return Life(
        agent=AgentName(content.pop("agent")),
        order=order,
        spare=None if spare is None else Spare(**spare),
        desired=Desired(content.pop("desired")),
        phase=Phase(content.pop("phase")),
        session_id=None if session_id is None else SessionId(session_id),
        **content,
    )


def _forensics(agent: AgentName, epoch: int, at: str, crash: int, found: str) -> Forensics:
    content: dict[str, Any] = json.loads(found)
    rows: Iterable[str] = ("screen", "lines", "processes")
    return Forensics(
        agent,
        epoch,
        from_text(at),
        content["reason"],
        crash=bool(crash),
        code=content["code"],
        signal=content["signal"],
        **{name: tuple(content[name]) for name in rows},
    )
