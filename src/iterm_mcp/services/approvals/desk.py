"""Where approvals are looked at and answered, by whatever door somebody comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.approvals import Asks
from iterm_mcp.services.approvals.answers import approval_answer
from iterm_mcp.services.approvals.dialogs import Dialog
from iterm_mcp.services.names import not_found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.approvals import ApprovalId
    from iterm_mcp.models.ids import AgentName, LockId
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.approvals.service import ApprovalService
    from iterm_mcp.store.agents import AgentStore

MOST_SHOWN = 200
MOST_SECONDS = 600


class ApprovalDesk:
    """Lists and answers approvals as JSON, and explains the rules."""

    def __init__(self, approvals: ApprovalService, agents: AgentStore, clock: Clock) -> None:
        self._approvals = approvals
        self._agents = agents
        self._clock = clock

    async def listed(
        self,
        *,
        agent: str = "",
        answered: int = 0,
        since: int = -1,
        wait_seconds: float = 0,
    ) -> dict[str, Json]:
        """Return what waits for an answer, the oldest first, and what was answered last.

        Args:
            agent: Only what this one asks; empty for all.
            answered: How many of those that were answered; the newest first.
            since: The revision of an earlier list; with `wait_seconds`, wait for a later one.

        Raises:
            InvalidRequestError: A number is too small or too large.
        """
        _check_range("answered", answered, MOST_SHOWN)
        _check_range("wait_seconds", wait_seconds, MOST_SECONDS)
        book = self._approvals.book
        revision = await book.wait_changed(since, wait_seconds) if wait_seconds else book.revision
        await self._approvals.policies.current()  # it may have been written badly since
        now = self._clock.now()
        standing = [one for one in book.standing() if agent in {"", one.agent}]
        answer: dict[str, Json] = {
            "revision": revision,
            "approvals": [approval_answer(one, now) for one in standing[:MOST_SHOWN]],
        }
        if len(standing) > MOST_SHOWN:
            answer["left_out"] = len(standing) - MOST_SHOWN
        if answered:
            past = await book.answered(answered, agent)
            answer["answered"] = [approval_answer(one, now) for one in past]
        if self._approvals.policies.problem:
            answer["rules_problem"] = self._approvals.policies.problem
        return answer

    async def answer(
        self,
        approval_id: ApprovalId,
        choice: str,
        *,
        by: str,
        agent: AgentName | None = None,
        message: str = "",
        lock_id: LockId | None = None,
    ) -> dict[str, Json]:
        """Answer one; see `ApprovalService.answer`."""
        settled = await self._approvals.answer(
            approval_id, choice, by=by, agent=agent, message=message, lock_id=lock_id
        )
        return approval_answer(settled, self._clock.now())

    async def explain(
        self, agent: str, tool: str, given: Mapping[str, Json], directory: str = ""
    ) -> dict[str, Json]:
        """Say what the rules would decide, and why; nothing is asked or answered.

        Args:
            given: The tool's input, as the agent would give it.

        Raises:
            NotFoundError: There is no such agent.
        """
        registry = await self._agents.load()
        found = next((one for one in registry.agents if one.name == agent), None)
        if found is None:
            raise not_found("agent", agent, (one.name for one in registry.agents))
        dialog = Dialog(Asks.PERMISSION, "", tool, given, exact=True)
        policies = self._approvals.policies
        verdict = await policies.decide(found, registry, dialog, directory)
        answer: dict[str, Json] = {
            "decision": verdict.decision.value,
            "rule": verdict.rule,
            "reason": verdict.reason,
            "passed": [{"rule": rule, "because": why} for rule, why in verdict.passed],
            "file": policies.path,
        }
        if policies.problem:
            answer["rules_problem"] = policies.problem
        return answer


def _check_range(what: str, number: float, most: float) -> None:
    if not 0 <= number <= most:
        raise InvalidRequestError(
            f"{what} cannot be {number:g}", hint=f"Give 0 to {most:g}.", code="bad_arguments"
        )
