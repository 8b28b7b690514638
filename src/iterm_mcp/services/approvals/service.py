"""Approvals: every dialog of an agent is one record, and the first answer to it holds.

A dialog comes to our knowledge by a hook that waits for it, or by the agent's state. It is answered
through the hook, or by keystrokes into the very dialog; the user's rules may answer first. When a
dialog goes that we have not answered, a person has answered it at the terminal.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.agents.kind import has_screen
from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import (
    ConflictError,
    InvalidRequestError,
    ItermMcpError,
    NotFoundError,
    RefusedError,
)
from iterm_mcp.models.agent_states import ENDED
from iterm_mcp.models.approvals import Channel
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.services.approvals.book import UNKNOWN, already_answered
from iterm_mcp.services.approvals.following import PERSON
from iterm_mcp.services.approvals.held_hooks import HeldHook, HookDecision
from iterm_mcp.services.approvals.policies import Decision
from iterm_mcp.services.deliveries.means import NoConversations
from iterm_mcp.services.turns import Turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from iterm_mcp.agents.driver import Conversation
    from iterm_mcp.models.agents import Agent, Registry
    from iterm_mcp.models.approvals import Approval, ApprovalId
    from iterm_mcp.models.ids import AgentName, LockId, SessionId
    from iterm_mcp.services.approvals.book import ApprovalBook
    from iterm_mcp.services.approvals.dialogs import Dialog
    from iterm_mcp.services.approvals.following import ApprovalFollower
    from iterm_mcp.services.approvals.keys import KeyAnswerer
    from iterm_mcp.services.approvals.policies import Verdict
    from iterm_mcp.services.approvals.policy_file import PolicyFile
    from iterm_mcp.services.approvals.rivals import Rivals
    from iterm_mcp.services.deliveries.means import Conversations
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.store.agents import AgentStore

MESSAGE_CHARACTERS = 2000
CHOICE_CHARACTERS = 500

log = structlog.get_logger()


class ApprovalService:
    """Keeps approvals as agents' dialogs come and go, and answers them.

    Nothing is noticed unless `running` is entered.
    """

    def __init__(
        self,
        book: ApprovalBook,
        follower: ApprovalFollower,
        states: States,
        agents: AgentStore,
        keys: KeyAnswerer,
        policies: PolicyFile,
        rivals: Rivals,
        conversations: Conversations | None = None,
    ) -> None:
        self.book = book
        self.policies = policies
        self._follower = follower
        self._states = states
        self._agents = agents
        self._keys = keys
        self._rivals = rivals
        self._conversations: Conversations = conversations or NoConversations()
        self._turns: Turns[ApprovalId] = Turns()

    @asynccontextmanager
    async def running(self, changed: Callable[[], None] | None = None) -> AsyncIterator[None]:
        """Follow all agents for the length of the block; at its end waiting hooks are let go.

        Args:
            changed: Called at every change of an approval; must not wait.

        Raises:
            StoreError: The approvals cannot be read.
        """
        await self.book.load(changed)
        background = self._follower.background
        async with background.running():
            background.start(self._follower.follow, self._apply_rules)
            background.start(self._rivals.run)
            try:
                yield
            finally:
                self.let_go()

    def let_go(self) -> None:
        """Let all hooks go that wait, since the daemon ends; their dialogs stand on."""
        for held in self._follower.held.values():
            held.decide(HookDecision(again=True))

    async def answer(
        self,
        approval_id: ApprovalId,
        choice: str,
        *,
        by: str,
        agent: AgentName | None = None,
        message: str = "",
        lock_id: LockId | None = None,
    ) -> Approval:
        """Answer an approval, and return it with the answer when the agent has it.

        Of several answers at once the first that comes through holds. If somebody pressed keys at
        the terminal at the same time, the answer is ``unknown``: the agent does not tell.

        Args:
            choice: ``allow``, ``deny``, ``allow_always``, an option's text, or its number from 1.
            by: Who answers, as it is written down.
            agent: The agent that answers, if it is one: none may answer what it asks itself.
            message: What the agent is told with a denial; keystrokes cannot tell it.
            lock_id: The lock that the caller holds on the agent's session.

        Raises:
            InvalidRequestError: The dialog has no such option, or a text is too long.
            NotFoundError: There is no such approval.
            ConflictError: It was answered (``already_answered``), or its dialog is not on the
                screen (``dialog_gone``).
            RefusedError: An agent's own dialog, or its session is locked or typed into.
            AgentError: It was typed, and the dialog still stands (``answer_not_taken``).
            TerminalError: The terminal does not answer.
        """
        _check_texts(choice, message)
        async with self._turns.take(approval_id):
            approval = await self.book.require(approval_id)
            if agent == approval.agent:
                raise RefusedError(
                    f"{agent} cannot answer what it asks itself",
                    hint="A person or another agent has to.",
                    code="own_approval",
                )
            held = self._follower.held.get(approval_id)
            if held is not None and held.open and choice in held.choices:
                return await self._by_hook(approval, held, choice, by, message)
            conversation = self._conversations.find(approval.agent)
            if conversation is not None:
                return await self._by_protocol(approval, conversation, choice, by, message)
            await self._refuse_unreachable(approval)
            return await self._by_keys(approval, choice, by, message, lock_id)

    @asynccontextmanager
    async def hold(
        self, name: AgentName, dialog: Dialog, choices: tuple[str, ...], cwd: str = ""
    ) -> AsyncIterator[HeldHook]:
        """Have a hook wait for the answer to a dialog, for the length of the block.

        The rules are asked first, and may have decided when the block begins.

        Args:
            choices: What the hook can be answered.
            cwd: The agent's working directory, for rules with paths.
        """
        held = HeldHook(choices)
        approval = await self._follower.open_for_hook(name, dialog, held)
        ruled: Approval | None = None
        try:
            ruled = await self._rule_hook(approval, dialog, held, cwd)
            yield held
        finally:
            held.close()
            self._follower.let_go(approval, held)
            if ruled is not None and not held.reached_it:
                with anyio.CancelScope(shield=True):  # bounded by the store's times
                    await self.book.amend(ruled, "the hook had gone before the answer")

    # Answering.

    async def _by_hook(
        self, approval: Approval, held: HeldHook, choice: str, by: str, message: str
    ) -> Approval:
        with anyio.CancelScope(shield=True):  # bounded: the store, and the hook's delivery
            agent = _find(await self._agents.load(), approval.agent)
            since = 0.0 if agent is None else await self._rivals.begin(agent.session_id)
            settled = await self.book.settle(
                approval.approval_id, choice, by, Channel.HOOK, message
            )
            held.decide(HookDecision(choice, message))
            if not await held.reached():
                amended = await self.book.amend(settled, PERSON)
                if amended.answer is not None:
                    raise already_answered(amended, amended.answer)
            await self._note_answered(settled)
            if agent is None:
                return settled
            if await self._rivals.touched(agent.session_id, since, typed=True):
                return await self.book.amend(settled, _or_person(by), Channel.HOOK)
            self._follower.background.start(self._look_back, settled, agent.session_id, since)
        return settled

    async def _look_back(self, settled: Approval, session_id: SessionId, since: float) -> None:
        """Take back whose answer it was, if a key came that the agent may have taken first."""
        if await self._rivals.look_back(session_id, since) and settled.answer is not None:
            try:
                await self.book.amend(settled, _or_person(settled.answer.by), Channel.HOOK)
            except ItermMcpError as error:
                approval_id = settled.approval_id
                log.warning("approval_not_amended", approval=approval_id, reason=str(error))

    async def _by_protocol(
        self, approval: Approval, conversation: Conversation, choice: str, by: str, message: str
    ) -> Approval:
        with anyio.CancelScope(shield=True):  # bounded by the conversation's own times
            await conversation.answer(approval.dialog, choice, message)
            settled = await self.book.settle(
                approval.approval_id, choice, by, Channel.PROTOCOL, message
            )
        self._follower.lately[approval.agent] = settled
        return settled

    async def _refuse_unreachable(self, approval: Approval) -> None:
        """See that no keys are typed where nobody hears them.

        Raises:
            ConflictError: The agent is spoken to, and cannot be reached now.
        """
        agent = _find(await self._agents.load(), approval.agent)
        if agent is not None and approval.answer is None and not has_screen(find_kind(agent.kind)):
            raise ConflictError(
                f"agent {approval.agent!r} cannot be reached now",
                hint="Try again in a few seconds; explain_agent says why.",
                code="not_reached",
            )

    async def _by_keys(
        self, approval: Approval, choice: str, by: str, message: str, lock_id: LockId | None
    ) -> Approval:
        agent = _find(await self._agents.load(), approval.agent)
        view = await self._states.look(approval.agent)
        if agent is None or view.epoch != approval.epoch or view.state in ENDED:
            await self._follower.review(approval.agent)
            approval = await self.book.require(approval.approval_id)  # raises when it has closed
            raise NotFoundError("agent", approval.agent, hint="Call list_agents.")
        settled: list[Approval] = []
        since = await self._rivals.begin(agent.session_id)

        async def settle() -> None:
            given = choice, by, message
            if await self._rivals.touched(agent.session_id, since):
                given = UNKNOWN, _or_person(by), ""
            what, who, told = given
            settled.append(
                await self.book.settle(approval.approval_id, what, who, Channel.KEYS, told)
            )

        held = self._follower.held.get(approval.approval_id)
        if held is not None:
            held.decide(HookDecision())  # what is typed decides; the hook has no say any more
        self._follower.answering.add(approval.approval_id)
        try:
            await self._keys.answer(agent, approval, choice, then=settle, lock_id=lock_id)
        finally:
            self._follower.answering.discard(approval.approval_id)
            self._follower.look_again(approval.agent, 0)
        self._follower.lately[approval.agent] = settled[0]
        return settled[0]

    async def _rule_hook(
        self, approval: Approval, dialog: Dialog, held: HeldHook, cwd: str
    ) -> Approval | None:
        """Answer a hook as the user's rules say; return the approval if they said anything."""
        verdict = await self._verdict(approval, dialog, cwd)
        if verdict is None:
            return None
        choice = verdict.decision.value
        async with self._turns.take(approval.approval_id):
            try:
                settled = await self.book.settle(
                    approval.approval_id, choice, _by_rule(verdict), Channel.HOOK, verdict.message
                )
            except ConflictError:
                return None
            held.decide(HookDecision(choice, verdict.message))
            await self._note_answered(settled)
            return settled

    async def _apply_rules(self, approval: Approval, dialog: Dialog) -> None:
        """Begin to answer by keys as the user's rules say, if they say anything."""
        verdict = await self._verdict(approval, dialog, "")
        if verdict is not None:
            self._follower.background.start(self._answer_quietly, approval.approval_id, verdict)

    async def _verdict(self, approval: Approval, dialog: Dialog, cwd: str) -> Verdict | None:
        registry = await self._agents.load()
        agent = _find(registry, approval.agent)
        if agent is None:
            return None
        verdict = await self.policies.decide(agent, registry, dialog, cwd)
        return None if verdict.decision is Decision.ASK else verdict

    async def _answer_quietly(self, approval_id: ApprovalId, verdict: Verdict) -> None:
        by = _by_rule(verdict)
        try:
            await self.answer(approval_id, verdict.decision.value, by=by, message=verdict.message)
        except ItermMcpError as error:
            log.warning("approval_rule_failed", approval=approval_id, by=by, reason=str(error))

    async def _note_answered(self, approval: Approval) -> None:
        """Tell what follows the agent's state what no hook will tell: that the dialog is over."""
        self._follower.lately[approval.agent] = approval
        evidence = f"answered as {approval.approval_id}"
        source = ObservationSource.HOOK
        try:
            await self._states.record(
                approval.agent,
                [
                    Sighting(Fact.DIALOG, {}, source, evidence),
                    Sighting(Fact.ACTIVITY, {"is": "busy"}, source, evidence),
                ],
                epoch=approval.epoch,
            )
        except ItermMcpError as error:
            log.warning("approval_not_noted", agent=approval.agent, reason=str(error))


def _or_person(by: str) -> str:
    return f"{by} or {PERSON}"


def _by_rule(verdict: Verdict) -> str:
    return f"rule {verdict.rule!r}"


def _find(registry: Registry, name: AgentName) -> Agent | None:
    return next((one for one in registry.agents if one.name == name), None)


def _check_texts(choice: str, message: str) -> None:
    if not choice.strip() or len(choice) > CHOICE_CHARACTERS:
        raise InvalidRequestError(
            f"a choice has 1 to {CHOICE_CHARACTERS} characters",
            hint="Choose allow, deny, allow_always, an option's text, or its number.",
        )
    if len(message) > MESSAGE_CHARACTERS:
        raise InvalidRequestError(
            f"the message has {len(message)} characters",
            hint=f"Use at most {MESSAGE_CHARACTERS}.",
        )
