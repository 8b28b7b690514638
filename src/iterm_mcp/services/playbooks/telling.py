"""The tell step: nobody is told twice, and who was not told is told by the next try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.deliveries import DeliveryId, Stage
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.models.messages import Cascade, ReceiptState
from iterm_mcp.services.deliveries.service import has_come
from iterm_mcp.services.playbooks.tasks import Outcome, StepError, UndecidedError

if TYPE_CHECKING:
    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.services.deliveries.messages import MessageService
    from iterm_mcp.services.deliveries.service import DeliveryService
    from iterm_mcp.services.playbooks.document import TellPart
    from iterm_mcp.services.playbooks.tasks import Detail, Task

TTL_SECONDS = 7 * 24 * 3600.0

LOST = {Stage.REFUSED, Stage.EXPIRED}


class Telling:
    """Sends the texts of a step under a key of their own, and waits for what becomes of them."""

    def __init__(self, messages: MessageService, deliveries: DeliveryService) -> None:
        self._messages = messages
        self._deliveries = deliveries

    async def tell(self, task: Task, part: TellPart) -> Outcome:
        """Tell those that an earlier try has not told, and wait as long as the step says.

        Raises:
            StepError: Somebody was not told, or it did not come so far in time.
            UndecidedError: Nobody knows whether it has reached somebody.
        """
        before = task.before or {}
        left, sent = before.get("left"), before.get("sent")
        ids = {str(name): str(one) for name, one in sent.items()} if isinstance(sent, dict) else {}
        if not ids or left:
            await task.note(before)
            cascade = _cascade(part)
            if isinstance(left, dict):  # an earlier try has told the others
                texts = {AgentName(name): str(text) for name, text in left.items()}
                cascade = Cascade(agents=texts)
            await self._send(task, cascade, ids)
        if part.until is None:
            return Outcome(task.known, {"sent": {**ids}})
        return await self._follow(task, part, ids)

    async def _send(self, task: Task, cascade: Cascade, ids: dict[str, str]) -> None:
        """Send texts, and note under which ids."""
        result = await self._messages.cascade(
            cascade,
            idempotency_key=f"playbook-{task.run.run_id}-{task.number}-{task.attempt}",
            ttl_seconds=TTL_SECONDS,
        )
        refused = [one for one in result.receipts if one.state is ReceiptState.REFUSED]
        unknown = [one for one in result.receipts if one.state is ReceiptState.UNKNOWN]
        for one in result.receipts:
            if one not in refused:
                ids[str(one.agent)] = str(one.delivery_id or "")
        if unknown:
            names = ", ".join(one.agent for one in unknown)
            raise UndecidedError(f"nobody knows whether the message has reached {names}")
        if refused:
            why = "; ".join(f"{one.agent}: {one.reason}" for one in refused)
            left = {str(one.agent): one.text for one in refused}
            raise StepError(f"not everybody was told: {why}", {"sent": {**ids}, "left": {**left}})
        await task.note({"sent": {**ids}})

    async def _follow(self, task: Task, part: TellPart, ids: dict[str, str]) -> Outcome:
        """Wait until all have come so far."""
        until = Stage(part.until or Stage.WRITTEN)
        wanted = {DeliveryId(one): name for name, one in ids.items() if one}
        found = await self._deliveries.wait([*wanted], until, part.timeout, every=True)
        stages = {wanted[one]: delivery.stage.value for one, delivery in found.items()}
        detail: Detail = {"sent": {**ids}, "stages": {**stages}}
        if lost := [one for one in found.values() if one.stage in LOST]:
            detail["left"] = {str(one.agent): one.text for one in lost}
            raise StepError(f"not everybody was told: {_listed(lost)}", detail)
        if unknown := [one for one in found.values() if one.stage is Stage.UNKNOWN]:
            raise UndecidedError(f"nobody knows what became of it: {_listed(unknown)}")
        if late := [one for one in found.values() if not has_come(one, until)]:
            what = f"not {until.value} after {part.timeout:g} s"
            raise StepError(f"{what}: {_listed(late)}", detail)
        return Outcome(task.known, detail)


def _cascade(part: TellPart) -> Cascade:
    return Cascade(
        part.everybody,
        {TeamName(name): text for name, text in part.teams.items()},
        {AgentName(name): text for name, text in part.agents.items()},
    )


def _listed(deliveries: list[Delivery]) -> str:
    return "; ".join(
        f"{one.agent}: {one.stage.value} {one.moves[-1].reason}".rstrip() for one in deliveries
    )
