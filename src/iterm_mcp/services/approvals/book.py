"""The approvals that stand, what became of each, and who is told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

from iterm_mcp.errors import ConflictError, NotFoundError, RefusedError
from iterm_mcp.models.approvals import Answer, Approval, ApprovalId, Channel
from iterm_mcp.services.approvals.dialogs import enriched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.approvals.dialogs import Dialog
    from iterm_mcp.store.approvals import ApprovalStore

KEPT = timedelta(days=30)
"""How long it is known what was answered; the audit log knows it for longer."""

MOST_STANDING = 1000

UNKNOWN, NOBODY = "unknown", "none"
"""Choices of a person whom we could not see, and of nobody."""

log = structlog.get_logger()


class Audit(Protocol):
    """Where decisions are written down."""

    def record(self, entry: Mapping[str, object], arguments: Mapping[str, object]) -> None:
        """Take an entry, never waiting; of the arguments only a digest is kept."""


class ApprovalObserver(Protocol):
    """Is told what agents ask, and how it ends."""

    def approvals_standing(self, count: int) -> None:
        """Note how many wait for an answer. Must not raise."""

    def approval_answered(self, choice: str, channel: str, waited_seconds: float) -> None:
        """Note an answer: ``allow``, ``deny``, ``option``, ``unknown`` or ``none``.

        Must not raise.
        """


class SilentAudit:
    """Writes nothing down."""

    def record(self, entry: Mapping[str, object], arguments: Mapping[str, object]) -> None:
        """Do nothing."""


class SilentApprovalObserver:
    """Notes nothing."""

    def approvals_standing(self, count: int) -> None:
        """Do nothing."""

    def approval_answered(self, choice: str, channel: str, waited_seconds: float) -> None:
        """Do nothing."""


class ApprovalBook:
    """All approvals. Those that stand are kept in memory too: this is the only writer.

    Attributes:
        revision: Grows with every change; it begins anew with the process.
    """

    def __init__(
        self,
        store: ApprovalStore,
        clock: Clock,
        audit: Audit | None = None,
        observer: ApprovalObserver | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._audit = audit or SilentAudit()
        self._observer = observer or SilentApprovalObserver()
        self._standing: dict[ApprovalId, Approval] = {}
        self._changed = anyio.Event()
        self._listener: Callable[[], None] | None = None
        self._told: Callable[[Approval], None] | None = None
        self.revision = 0

    def tell(self, listener: Callable[[Approval], None]) -> None:
        """Have a listener called with what is asked, and again once answered; it must not wait."""
        self._told = listener

    async def load(self, listener: Callable[[], None] | None = None) -> None:
        """Read those that stand.

        Args:
            listener: Called at every change from now on; must not wait.
        """
        found = await self._store.standing()
        self._standing = {one.approval_id: one for one in found}
        self._listener = listener
        self._observer.approvals_standing(len(self._standing))

    def standing(self, agent: AgentName | None = None) -> tuple[Approval, ...]:
        """Return those that wait for an answer, the oldest first. Any thread may ask."""
        standing = tuple(self._standing.values())
        return tuple(one for one in standing if agent in {None, one.agent})

    async def answered(self, limit: int, agent: str = "") -> tuple[Approval, ...]:
        """Return those that were answered last, the newest first."""
        return await self._store.answered(limit, agent)

    async def require(self, approval_id: ApprovalId) -> Approval:
        """Return one that waits for an answer.

        Raises:
            NotFoundError: There is none of that id.
            ConflictError: It was answered (``already_answered``); the text says by whom.
        """
        standing = self._standing.get(approval_id)
        if standing is not None:
            return standing
        past = await self._store.find(approval_id)
        if past is None or past.answer is None:
            raise NotFoundError(
                "approval", approval_id, hint="Call list_approvals to see which there are."
            )
        raise already_answered(past, past.answer)

    async def add(self, agent: AgentName, epoch: int, dialog: Dialog) -> Approval:
        """Add what an agent asks now.

        Raises:
            RefusedError: Too many stand.
        """
        if len(self._standing) >= MOST_STANDING:
            raise RefusedError(
                f"{MOST_STANDING} approvals wait for an answer", hint="Answer some first."
            )
        now = self._clock.now()
        approval = Approval(
            ApprovalId(token_hex(4)),
            agent,
            epoch,
            dialog.asks,
            dialog.tool,
            dialog.input,
            dialog.text,
            dialog.options,
            now,
            None,
            dialog.dialog,
            dialog.exact,
        )
        await self._store.add(approval, forget_before=now - KEPT)
        self._standing[approval.approval_id] = approval
        self._tell(approval)
        return approval

    async def enrich(self, approval: Approval, dialog: Dialog) -> Approval:
        """Add what another source tells of it, and return it as it is now."""
        known = self._standing.get(approval.approval_id)
        if known is None:
            return approval
        better = enriched(known, dialog)
        if better != known:
            self._standing[approval.approval_id] = better
            await self._store.enrich(better)
            self._tell()
        return better

    async def settle(
        self, approval_id: ApprovalId, choice: str, by: str, channel: Channel, message: str = ""
    ) -> Approval:
        """Write down the first answer.

        Raises:
            ConflictError: It was answered before.
            NotFoundError: There is none of that id.
        """
        approval = await self.require(approval_id)
        answer = Answer(choice, by, channel, self._clock.now(), message)
        if not await self._store.settle(approval_id, answer):
            await self.require(approval_id)
        settled = replace(self._standing.pop(approval_id, approval), answer=answer)
        waited = (answer.at - approval.asked_at).total_seconds()
        self._write_down(settled, answer, waited)
        named = choice in {"allow", "allow_always", "deny", UNKNOWN, NOBODY}
        self._observer.approval_answered(choice if named else "option", channel, waited)
        log.info(
            "approval_answered", approval=approval_id, agent=settled.agent, tool=settled.tool,
            choice=choice, by=by, channel=channel.value,
        )  # fmt: skip
        self._tell(settled)
        return settled

    async def amend(
        self, approval: Approval, by: str, channel: Channel = Channel.PERSON
    ) -> Approval:
        """Write down that it is not known which answer the agent took, after all.

        Args:
            by: Who answered, or may have.
            channel: How; by default somebody at the terminal was first.
        """
        answer = Answer(UNKNOWN, by, channel, self._clock.now())
        await self._store.amend(approval.approval_id, answer)
        amended = replace(approval, answer=answer)
        self._write_down(amended, answer, (answer.at - approval.asked_at).total_seconds())
        self._tell(amended)
        return amended

    async def wait_changed(self, revision: int, seconds: float) -> int:
        """Wait until there was a change since a revision, or the time is over; return the newest.

        A revision of a former process counts as old.
        """
        with anyio.move_on_after(seconds):
            while self.revision == revision:
                await self._changed.wait()
        return self.revision

    def _tell(self, changed_one: Approval | None = None) -> None:
        self.revision += 1
        if changed_one is not None and self._told is not None:
            self._told(changed_one)
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
        self._observer.approvals_standing(len(self._standing))
        if self._listener is not None:
            self._listener()

    def _write_down(self, approval: Approval, answer: Answer, waited_seconds: float) -> None:
        entry: dict[str, object] = {
            "client": answer.by[:100],
            "version": "",
            "door": answer.channel.value,
            "tool": f"approval:{approval.tool or approval.asks}"[:100],
            "tier": "",
            "outcome": answer.choice[:100],
            "seconds": round(waited_seconds, 3),
            "target": approval.agent,
            "approval": approval.approval_id,
        }
        self._audit.record(entry, {"input": dict(approval.input), "text": approval.text})


def already_answered(approval: Approval, answer: Answer) -> ConflictError:
    """Return the error for whoever comes second."""
    how = {
        Channel.PERSON: "somebody answered it at the terminal",
        Channel.NONE: f"nobody can answer it any more: {answer.by}",
    }.get(answer.channel, f"{answer.by} answered {answer.choice!r}")
    return ConflictError(
        f"the approval {approval.approval_id} is closed since {answer.at:%H:%M:%S} UTC: {how}",
        hint="Nothing was done. Call list_approvals to see what is asked now.",
        code="already_answered",
    )
