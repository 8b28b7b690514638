"""What agents asked people, and what was answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterm_mcp.models.approvals import Answer, Approval, ApprovalId, Asks, Channel
from iterm_mcp.models.ids import AgentName
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from iterm_mcp.store.database import Database

# What waits for an answer, the oldest first.
SELECT_OPEN = "SELECT * FROM approvals WHERE choice IS NULL ORDER BY asked_at, approval_id"
# One.
SELECT_APPROVAL = "SELECT * FROM approvals WHERE approval_id = ?"
# What was answered, the newest first.
SELECT_ANSWERED = """
    SELECT * FROM approvals WHERE answered_at IS NOT NULL AND (? = '' OR agent = ?)
    ORDER BY answered_at DESC, approval_id LIMIT ?
"""
# A new one.
INSERT_APPROVAL = """
    INSERT INTO approvals (approval_id, agent, epoch, asks, tool, input, text, options, dialog,
                           exact, asked_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# More is known of one that is open.
UPDATE_APPROVAL = """
    UPDATE approvals SET tool = ?, input = ?, text = ?, options = ?, dialog = ?, exact = ?
    WHERE approval_id = ? AND choice IS NULL
"""
# The first answer.
SETTLE_APPROVAL = """
    UPDATE approvals SET choice = ?, answered_by = ?, channel = ?, message = ?, answered_at = ?
    WHERE approval_id = ? AND choice IS NULL
"""
# What was answered after all.
AMEND_APPROVAL = """
    UPDATE approvals SET choice = ?, answered_by = ?, channel = ?, message = ?, answered_at = ?
    WHERE approval_id = ? AND choice IS NOT NULL
"""
# What was answered long ago.
DELETE_PAST = "DELETE FROM approvals WHERE answered_at < ?"


class ApprovalStore:
    """Keeps approvals. Who may answer, and how, is not its business."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self) -> tuple[Approval, ...]:
        """Return those that wait for an answer, the oldest first."""
        return await self._database.read(
            lambda connection: tuple(_approval(row) for row in connection.execute(SELECT_OPEN))
        )

    async def answered(self, limit: int, agent: str = "") -> tuple[Approval, ...]:
        """Return those that were answered last, the newest first.

        Args:
            agent: Only this one's; empty for all.
        """
        return await self._database.read(
            lambda connection: tuple(
                _approval(row) for row in connection.execute(SELECT_ANSWERED, (agent, agent, limit))
            )
        )

    async def find(self, approval_id: ApprovalId) -> Approval | None:
        """Return one; None when there is none of that id."""
        row = await self._database.read(
            lambda connection: connection.execute(SELECT_APPROVAL, (approval_id,)).fetchone()
        )
        return None if row is None else _approval(row)

    async def add(self, approval: Approval, *, forget_before: datetime) -> None:
        """Keep a new one, and forget those that were answered before a time."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(DELETE_PAST, (to_text(forget_before),))
            connection.execute(
                INSERT_APPROVAL,
                (
                    approval.approval_id,
                    approval.agent,
                    approval.epoch,
                    approval.asks,
                    *_known(approval),
                    to_text(approval.asked_at),
                ),
            )

        await self._database.write(work)

    async def enrich(self, approval: Approval) -> None:
        """Keep what is known by now of one that is open; of one that is answered, do nothing."""
        tool, *known = _known(approval)
        values = (tool, *known, approval.approval_id)
        await self._database.write(lambda connection: connection.execute(UPDATE_APPROVAL, values))

    async def settle(self, approval_id: ApprovalId, answer: Answer) -> bool:
        """Keep the answer of one that is open; False, with nothing changed, when it is not."""
        values = _answered(approval_id, answer)
        return await self._database.write(
            lambda connection: connection.execute(SETTLE_APPROVAL, values).rowcount == 1
        )

    async def amend(self, approval_id: ApprovalId, answer: Answer) -> None:
        """Keep another answer in place of one that did not come through."""
        values = _answered(approval_id, answer)
        await self._database.write(lambda connection: connection.execute(AMEND_APPROVAL, values))


def _answered(approval_id: ApprovalId, answer: Answer) -> tuple[object, ...]:
    at = to_text(answer.at)
    return (answer.choice, answer.by, answer.channel, answer.message, at, approval_id)


def _known(approval: Approval) -> tuple[object, ...]:
    return (
        approval.tool,
        json.dumps(dict(approval.input), ensure_ascii=True),
        approval.text.encode(errors="replace").decode(),
        json.dumps(approval.options),
        approval.dialog,
        int(approval.exact),
    )


def _approval(row: tuple[object, ...]) -> Approval:
    (
        approval_id, agent, epoch, asks, tool, given, text, options, dialog, exact, asked_at,
        choice, by, channel, message, answered_at,
    ) = row  # fmt: skip
    answer = None
    if choice is not None:
        at = from_text(str(answered_at))
        answer = Answer(str(choice), str(by), Channel(str(channel)), at, str(message))
    return Approval(
        ApprovalId(str(approval_id)),
        AgentName(str(agent)),
        int(str(epoch)),
        Asks(str(asks)),
        str(tool),
        json.loads(str(given)),
        str(text),
        tuple(json.loads(str(options))),
        from_text(str(asked_at)),
        answer,
        str(dialog),
        bool(exact),
    )
