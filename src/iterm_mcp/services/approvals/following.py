"""Following what agents show: which dialogs have come, and which have gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.agents.kind import has_screen
from iterm_mcp.agents.kinds import all_kinds
from iterm_mcp.errors import ConflictError, ItermMcpError, NotFoundError
from iterm_mcp.models.agent_states import ENDED, AgentState
from iterm_mcp.models.approvals import Channel
from iterm_mcp.services.approvals.book import NOBODY, UNKNOWN
from iterm_mcp.services.approvals.dialogs import same, shown_by
from iterm_mcp.services.approvals.held_hooks import HookDecision
from iterm_mcp.services.background import Background
from iterm_mcp.services.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.approvals import Approval, ApprovalId
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.approvals.book import ApprovalBook
    from iterm_mcp.services.approvals.dialogs import Dialog
    from iterm_mcp.services.approvals.held_hooks import HeldHook
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.store.agents import AgentStore

    Opened = Callable[[Approval, Dialog], Awaitable[None]]

GRACE_SECONDS = 2.0
"""How long after a hook an agent may still look as if it asked nothing."""

LINGER_SECONDS = 2.0
"""How long after an answer an agent may still look as if it asked, or look so again: a file that
was written before may be read after."""

SETTLE_SECONDS = 15.0
"""How long after a start what an earlier daemon knew may look answered: what agents wrote before is
read again first, and only then what they show now."""

PERSON = "the person at the terminal"
TAKEN_BACK = "the agent asks it no more"
SILENT = frozenset({AgentState.UNKNOWN, AgentState.SUSPENDED})
"""States that tell nothing of a dialog."""

log = structlog.get_logger()


class ApprovalFollower:
    """Opens and closes approvals as agents' states change.

    Attributes:
        answering: Approvals into whose dialogs somebody types: what happens to these is not a
            person's doing.
        lately: What was last answered of each agent.
        held: The hooks that wait.
        background: What goes on beside; the owner keeps it running.
    """

    def __init__(
        self,
        book: ApprovalBook,
        states: States,
        agents: AgentStore,
        clock: Clock,
        *,
        grace_seconds: float = GRACE_SECONDS,
        linger_seconds: float = LINGER_SECONDS,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._book = book
        self._states = states
        self._agents = agents
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._linger_seconds = linger_seconds
        self._settle_seconds = settle_seconds
        self._started_at = clock.now()
        self._turns: Turns[AgentName] = Turns()
        self._looked_at_again: set[AgentName] = set()
        self.background = Background()
        self.answering: set[ApprovalId] = set()
        self.lately: dict[AgentName, Approval] = {}
        self.held: dict[ApprovalId, HeldHook] = {}

    async def follow(self, opened: Opened) -> None:
        """Follow all agents until cancelled.

        Args:
            opened: Awaited with each new approval that no hook waits for, and its dialog.
        """
        self._opened = opened
        self._started_at = self._clock.now()
        async with self._states.watch() as changes:
            registry = await self._agents.load()
            known = {one.name for one in registry.agents}
            for name in sorted(known | {one.agent for one in self._book.standing()}):
                await self._review_quietly(name)
            while True:
                view = await changes.next()
                await self._review_quietly(view.agent)

    async def _review_quietly(self, name: AgentName) -> None:
        try:
            await self.review(name)
        except ItermMcpError as error:
            log.warning("approvals_not_reviewed", agent=name, reason=str(error))
            self.look_again(name, self._grace_seconds)

    async def review(self, name: AgentName) -> None:
        """Make the agent's approvals what its state says now."""
        async with self._turns.take(name):
            try:
                view = await self._states.view(name)
            except NotFoundError:
                await self._close_all(name, "the agent is not registered any more")
                return
            for one in self._book.standing(name):
                if one.epoch != view.epoch:
                    await self._close(one, NOBODY, "the agent was started anew", Channel.NONE)
            if view.state in SILENT:
                return
            if view.state in ENDED:
                await self._close_all(name, f"the agent has ended: {view.reason}")
                return
            shown = shown_by(view)
            if shown is not None:
                await self._see_dialog(name, view, shown)
                return
            for one in self._book.standing(name):
                await self._see_gone(one)

    async def _see_dialog(self, name: AgentName, view: StateView, shown: Dialog) -> None:
        standing = self._book.standing(name)
        match = next((one for one in standing if same(one, shown)), None)
        if match is not None:
            await self._book.enrich(match, shown)
            return
        for one in standing:
            if not one.exact or one.approval_id not in self.held:
                await self._see_gone(one)
        lately = self.lately.get(name)
        if lately is not None and self._is_young(lately) and same(lately, shown):
            self.look_again(name, self._linger_seconds)  # the state has not caught up yet
            return
        added = await self._book.add(name, view.epoch, shown)
        await self._opened(added, shown)

    async def _see_gone(self, approval: Approval) -> None:
        """Close what a person has answered, unless that may be a look too early."""
        if approval.approval_id in self.answering:
            return
        now = self._clock.now()
        if approval.exact and (now - approval.asked_at).total_seconds() < self._grace_seconds:
            self.look_again(approval.agent, self._grace_seconds)
            return
        running = (now - self._started_at).total_seconds()
        if approval.asked_at < self._started_at and running < self._settle_seconds:
            self.look_again(approval.agent, self._settle_seconds - running)
            return
        if await self._is_headless(approval.agent):
            await self._close(approval, NOBODY, TAKEN_BACK, Channel.NONE)
        else:
            await self._close(approval, UNKNOWN, PERSON, Channel.PERSON)

    async def _is_headless(self, name: AgentName) -> bool:
        """Tell whether nobody could have answered the agent at a terminal."""
        registry = await self._agents.load()
        kinds = all_kinds()
        return any(
            one.name == name and one.kind in kinds and not has_screen(kinds[one.kind])
            for one in registry.agents
        )

    async def _close_all(self, name: AgentName, why: str) -> None:
        for one in self._book.standing(name):
            await self._close(one, NOBODY, why, Channel.NONE)

    async def _close(self, approval: Approval, choice: str, by: str, channel: Channel) -> None:
        try:
            await self._book.settle(approval.approval_id, choice, by, channel)
        except ConflictError:
            return
        held = self.held.get(approval.approval_id)
        if held is not None:
            held.decide(HookDecision())

    async def open_for_hook(self, name: AgentName, dialog: Dialog, held: HeldHook) -> Approval:
        """Return the approval for a hook's dialog: the one that its state showed, or a new one."""
        async with self._turns.take(name):
            epoch = (await self._states.view(name)).epoch
            for one in self._book.standing(name):
                taken = one.approval_id in self.held or one.approval_id in self.answering
                if not taken and one.epoch == epoch and same(one, dialog):
                    approval = await self._book.enrich(one, dialog)
                    break
            else:
                approval = await self._book.add(name, epoch, dialog)
            self.held[approval.approval_id] = held
            return approval

    def let_go(self, approval: Approval, held: HeldHook) -> None:
        """Note that a hook waits no more, and look at its agent again."""
        if self.held.get(approval.approval_id) is held:
            del self.held[approval.approval_id]
        self.look_again(approval.agent, 0)

    def _is_young(self, approval: Approval) -> bool:
        if approval.answer is None:
            return False
        age = (self._clock.now() - approval.answer.at).total_seconds()
        return age < self._linger_seconds

    def look_again(self, name: AgentName, seconds: float) -> None:
        """Review an agent later, once for all who ask for it; not when the daemon stops."""
        if not self.background.is_open or (seconds and name in self._looked_at_again):
            return
        if seconds:
            self._looked_at_again.add(name)
        self.background.start(self._review_later, name, seconds)

    async def _review_later(self, name: AgentName, seconds: float) -> None:
        await anyio.sleep(seconds)
        if seconds:
            self._looked_at_again.discard(name)
        await self._review_quietly(name)
