"""The tools for what became of messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.deliveries import DeliveryId, Stage
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.deliveries.receipts import receipt_of
from iterm_mcp.services.deliveries.service import has_come
from iterm_mcp.tools import answers
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.tool import READS, TYPES, ToolRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.services.deliveries.dead_letters import DeadLetters
    from iterm_mcp.services.deliveries.service import DeliveryService

IdsArgument = Annotated[list[str], Field(description="From receipts.", max_length=200)]


class DeliveryTools:
    """The tools over `DeliveryService` and `DeadLetters`."""

    def __init__(self, deliveries: DeliveryService, letters: DeadLetters) -> None:
        self._deliveries = deliveries
        self._letters = letters

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(
                self.wait_receipts, "Wait for receipts", READS, "delivered answered started ended"
            ),
            ToolRow(
                self.manage_messages, "Manage messages", TYPES, "queue dead letters retry cancel"
            ),
        ]

    async def wait_receipts(
        self,
        delivery_ids: IdsArgument,
        until: Annotated[
            Literal["written", "submitted", "started", "ended"], Field(description="How far.")
        ] = "ended",
        any_one: Annotated[bool, Field(description="One is enough.")] = False,
        timeout_seconds: Annotated[float, Field(description="At most 600.", ge=0, le=600)] = 60,
    ) -> Json:
        """Wait until messages have come so far, or cannot; return their receipts.

        ended: the agent's turn is over, not: its work is good.
        """
        ids = _ids(delivery_ids)
        stage = Stage(until)
        found = await self._deliveries.wait(ids, stage, timeout_seconds, every=not any_one)
        return {
            "arrived": all(has_come(one, stage) for one in found.values()),
            "receipts": self._receipts(found.values()),
        }

    async def manage_messages(
        self,
        action: Annotated[
            Literal["list", "waiting", "show", "retry", "purge", "cancel"],
            Field(description="list: those refused, expired or unknown."),
        ],
        delivery_ids: IdsArgument = [],
        agent: Annotated[str | None, Field(description="Of this one only.")] = None,
        confirm_unknown: Annotated[
            bool, Field(description="You looked: what is unknown did not arrive.")
        ] = False,
    ) -> Json:
        """List, show, retry, purge or cancel messages.

        retry sends under new ids; purge without ids forgets all that list shows; cancel takes back
        what was not typed yet.
        """
        of_one = None if agent is None else AgentName(agent)
        if action == "list":
            return {"messages": self._receipts(await self._letters.dead(of_one))}
        if action == "waiting":
            return {"messages": self._receipts(await self._letters.waiting(of_one))}
        if action == "purge":
            purged = await self._letters.purge([DeliveryId(one) for one in delivery_ids], of_one)
            return {"purged": purged}
        ids = _ids(delivery_ids)
        if action == "show":
            return {"messages": [_history(one) for one in await self._letters.show(ids)]}
        if action == "cancel":
            return {"cancelled": await self._deliveries.cancel(ids)}
        sent = await self._letters.retry(ids, confirm_unknown=confirm_unknown)
        return {"messages": self._receipts(sent)}

    def _receipts(self, deliveries: Iterable[Delivery]) -> list[Json]:
        return [
            answers.receipt(receipt_of(one, self._deliveries.why(one.delivery_id)))
            for one in deliveries
        ]


def _ids(given: list[str]) -> tuple[DeliveryId, ...]:
    if not given:
        raise InvalidRequestError("there are no delivery_ids", hint="Give ids from receipts.")
    return tuple(DeliveryId(one) for one in dict.fromkeys(given))


def _history(delivery: Delivery) -> Json:
    """Return a message with its whole text and all that became of it."""
    return {
        "delivery_id": delivery.delivery_id,
        "agent": delivery.agent,
        "text": delivery.text,
        "policy": delivery.policy.value,
        "priority": delivery.priority,
        "not_after": delivery.not_after.isoformat(),
        "moves": [
            {
                key: value
                for key, value in (
                    ("stage", move.stage.value),
                    ("at", move.at.isoformat()),
                    ("reason", move.reason),
                    ("evidence", move.evidence),
                )
                if value
            }
            for move in delivery.moves
        ],
    }
