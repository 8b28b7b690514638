"""Brings one agent its messages, one after the other, and follows what becomes of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.agents.kind import has_screen
from iterm_mcp.agents.silent import Silent
from iterm_mcp.errors import InvalidRequestError, ItermMcpError, NotFoundError, RefusedError
from iterm_mcp.models.agent_states import ENDED, AgentState
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.services.deliveries.following import Following
from iterm_mcp.services.deliveries.guard import Seen, Verdict, judge
from iterm_mcp.services.deliveries.means import SERVER_ENDED, SESSION_ENDED, SHELL, NotNowError
from iterm_mcp.services.deliveries.protocol import ProtocolRoute
from iterm_mcp.services.deliveries.queue import DeliveryQueue
from iterm_mcp.services.deliveries.shell import TERMINAL_AWAY
from iterm_mcp.services.deliveries.terminal import TerminalRoute
from iterm_mcp.services.deliveries.writing import look

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.deliveries import Delivery, DeliveryId
    from iterm_mcp.models.ids import AgentName, SessionId
    from iterm_mcp.models.observations import Observation
    from iterm_mcp.models.output import PromptId
    from iterm_mcp.services.deliveries.means import Means
    from iterm_mcp.services.deliveries.shell import ShellRoute

log = structlog.get_logger()

HOLD_SECONDS = 1.0
"""How often to look again at an agent that cannot take a message, besides when it changes."""

FOLLOW_SECONDS = 2.0
"""How often to see whether an agent is still there of whose messages the end is not known."""

RECALLED = 500
"""How much of a ledger is read at once."""

DOUBT_SECONDS = 0.3
"""How often to look for evidence of a message that may have been typed."""

SETTLED = timedelta(seconds=2)
"""How long after a message's turn began an agent that is ready has ended it, if its kind tells of
no end, or we have missed it."""

AT_REST = frozenset({AgentState.READY, AgentState.DRAFT})

LAST_WORDS = timedelta(seconds=2)
"""How long after an agent's end it may still be told what it did last."""

COMING_BACK = timedelta(seconds=15)
"""How long an agent's end is waited upon: one that shall run is about to be started again then."""

NO_AGENT = "there is no such agent any more"


class Courier:
    """Serves one agent until nothing is left to do for it.

    Args:
        parallel: How many agents' messages are typed at once.
        follow_commands: Is called when a shell's message was typed.
    """

    def __init__(
        self,
        agent: AgentName,
        means: Means,
        shells: ShellRoute,
        parallel: anyio.CapacityLimiter,
        follow_commands: Callable[[SessionId, Delivery, frozenset[PromptId]], None],
    ) -> None:
        self._agent = agent
        self._means = means
        self._book = means.book
        self._shells = shells
        self._parallel = parallel
        self._follow_commands = follow_commands
        self._queue = DeliveryQueue()
        self._following = Following(means.book, means.clock)
        self._composer = TerminalRoute(means, self._following)
        self._protocol = ProtocolRoute(means, self._following)
        self._added: dict[DeliveryId, float] = {}
        self._event = anyio.Event()
        self._began = means.clock.now()

    @property
    def room(self) -> int:
        """How many more messages may wait."""
        return self._queue.room

    @property
    def idle(self) -> bool:
        """Tell whether nothing waits and nothing is followed."""
        return not len(self._queue) and not self._following.ids

    def add(self, delivery: Delivery) -> None:
        """Bring a message, or find out what became of one that may have been typed."""
        if delivery.stage is Stage.ACCEPTED:
            self._queue.add(delivery)
            self._added[delivery.delivery_id] = anyio.current_time()
        else:
            self._following.take_up(delivery)
        self.wake()

    def drop(self, delivery_id: DeliveryId) -> bool:
        """Bring a message no more, if nothing of it was typed; tell whether that is so."""
        self._added.pop(delivery_id, None)
        return self._queue.remove(delivery_id)

    def hear(self, observation: Observation) -> None:
        """Take note of what was seen of the agent."""
        if self._following.hear(observation):
            self._event.set()

    def wake(self) -> None:
        """Look again, for the agent is not what it was."""
        self._event.set()

    async def run(self) -> None:
        """Serve until nothing is left to do."""
        while not self.idle:
            self._event = anyio.Event()
            try:
                while await self._round():
                    pass
            except ItermMcpError as error:
                log.warning("delivery_held", agent=self._agent, reason=str(error))
                self._hold_all(str(error))
            if not self.idle:
                with anyio.move_on_after(self._pause()):
                    await self._event.wait()

    def _pause(self) -> float:
        if self._following.doubtful:
            return DOUBT_SECONDS
        ends = self._queue.next_end()
        if ends is None:
            return FOLLOW_SECONDS
        left = (ends - self._means.clock.now()).total_seconds()
        return max(0.01, min(HOLD_SECONDS, left))

    def _hold_all(self, why: str) -> None:
        for one in self._queue.in_order():
            self._book.explain(one.delivery_id, why)

    async def _round(self) -> bool:
        """Do what can be done now; tell whether there may be more."""
        await self._following.take_in()
        for one in self._queue.expired(self._means.clock.now()):
            why = self._book.why(one.delivery_id)
            await self._end(one, Stage.EXPIRED, f"its time was over: {why}" if why else "")
        registry = await self._means.agents.load()
        agent = next((one for one in registry.agents if one.name == self._agent), None)
        await self._look_after_followed(agent)
        if self._following.doubtful or not len(self._queue):
            return False
        if agent is None:
            for one in self._queue.in_order():
                await self._end(one, Stage.REFUSED, NO_AGENT)
            return False
        held = self._means.held(agent.name, agent.kind, agent.teams)
        if held:
            self._hold_all(held)
            return False
        return await self._deliver_next(agent)

    async def _end(self, delivery: Delivery, stage: Stage, reason: str) -> None:
        """End a message of which nothing was typed."""
        if self.drop(delivery.delivery_id):
            await self._book.move(delivery.delivery_id, stage, reason=reason or "its time was over")
            self._book.release(delivery.delivery_id)

    # What was typed, or may have been.

    async def _look_after_followed(self, agent: Agent | None) -> None:
        if not self._following.ids:
            return
        if (self._following.doubtful or self._following.behind) and agent is not None:
            await self._recall()
        gone = NO_AGENT if agent is None else await self._gone(agent)
        if gone:
            await self._following.lost(gone)
        else:
            await self._end_silent(agent)
        self._following.forget_old()
        for delivery_id, until in tuple(self._following.doubtful.items()):
            delivery = self._book.get(delivery_id)
            if delivery is None:
                self._following.forget(delivery_id)
                continue
            known = not gone and agent is not None and await self._finish(agent, delivery)
            if not known and (gone or anyio.current_time() >= until):
                await self._following.move(delivery_id, Stage.UNKNOWN, gone or SERVER_ENDED)

    async def _end_silent(self, agent: Agent | None) -> None:
        """End the messages whose turn must be over, because the agent has long been ready.

        Of kinds that tell nothing of themselves a message is submitted, and more is not heard.
        """
        stages = {Stage.STARTED, Stage.SUBMITTED} if self._is_silent(agent) else {Stage.STARTED}
        now = self._means.clock.now()
        found = [self._book.get(one) for one in self._following.ids]
        begun = [one for one in found if one is not None and one.stage in stages]
        old = [one for one in begun if one.moves[-1].at + SETTLED <= now]
        if not old or (await self._means.states.view(self._agent)).state not in AT_REST:
            return
        view = await self._means.states.look(self._agent)
        if view.state in AT_REST:
            sources = ", ".join(dict.fromkeys(one.sighting.source for one in view.winning))
            for one in old:
                evidence = f"{sources} {view.state} since"
                await self._following.move(one.delivery_id, Stage.ENDED, evidence=evidence)

    def _is_silent(self, agent: Agent | None) -> bool:
        try:
            return agent is not None and isinstance(self._means.find_kind(agent.kind), Silent)
        except NotFoundError:  # its description was taken away
            return False

    async def _recall(self) -> None:
        """Read what was recorded of the agent since the first message that was taken up."""
        more = True
        self._following.behind = False
        while more:
            found = await self._means.states.observations(
                self._agent, after=self._following.recalled, limit=RECALLED
            )
            self._following.recall(found)
            more = len(found) == RECALLED
        await self._following.take_in()

    async def _gone(self, agent: Agent) -> str:
        """Return why the agent can end no turn any more; empty when it may."""
        if agent.kind == SHELL:
            return ""
        view = await self._means.states.view(self._agent)
        if view.state not in ENDED | {AgentState.RESTARTING}:
            return ""
        if view.since is not None and self._means.clock.now() - view.since < LAST_WORDS:
            return ""
        return f"{view.state.value}: {view.reason}"

    async def _finish(self, agent: Agent, delivery: Delivery) -> bool:
        """Go on with a message that may have been typed; tell whether that can be known."""
        if agent.kind == SHELL:
            return False
        kind = self._means.find_kind(agent.kind)
        try:
            if self._is_spoken_to(kind):
                conversation = self._means.conversations.find(self._agent)
                done = await self._protocol.finish(delivery, conversation)
            else:
                done = await self._composer.finish(agent, kind, delivery)
        except RefusedError:  # others type, or have locked it: later, perhaps
            return False
        except NotFoundError as error:
            if error.kind != "session":
                raise
            return False
        again = self._book.get(delivery.delivery_id)
        if done and again is not None and again.stage is Stage.ACCEPTED:
            self._queue.add(again)
        return done

    def _just(self, view: StateView) -> bool:
        """Tell whether a state has begun only now, or we have."""
        since = self._began if view.since is None else max(view.since, self._began)
        return self._means.clock.now() - since < COMING_BACK

    def _is_spoken_to(self, kind: AgentKind) -> bool:
        """Tell whether nothing may be typed into the agent, and its screen tells nothing."""
        return not has_screen(kind) or self._means.conversations.find(self._agent) is not None

    # What is to be typed.

    async def _deliver_next(self, agent: Agent) -> bool:
        """Deliver the first message that can be; tell whether one was, or came to its end."""
        try:
            kind = self._means.find_kind(agent.kind)
            delivery = await self._choose(agent, kind)
            if delivery is None:
                return False
            async with self._parallel:
                return await self._deliver(agent, kind, delivery)
        except NotFoundError as error:
            if error.kind != "session":
                raise
            for one in self._queue.in_order():
                await self._end(one, Stage.REFUSED, SESSION_ENDED)
        return False

    async def _choose(self, agent: Agent, kind: AgentKind) -> Delivery | None:
        """Return the first message that can go by what is known; end those that never can.

        What is true at the very moment of typing is seen to then.
        """
        waiting = self._queue.in_order()
        if agent.kind == SHELL:
            return waiting[0]
        view = await self._means.states.look(self._agent)
        seen = Seen()
        if not self._is_spoken_to(kind):
            seen = await look(self._means.terminal, agent.session_id, kind)
        for delivery in waiting:
            judgement = judge(view.state, view.reason, seen, delivery.policy, kind.while_busy)
            if judgement.verdict is Verdict.REFUSE and view.state in ENDED and self._just(view):
                self._book.explain(delivery.delivery_id, judgement.reason)
            elif judgement.verdict is Verdict.REFUSE:
                await self._end(delivery, Stage.REFUSED, judgement.reason)
            elif judgement.verdict is Verdict.HOLD:
                self._book.explain(delivery.delivery_id, judgement.reason)
            else:
                return delivery
        return None

    async def _deliver(self, agent: Agent, kind: AgentKind, delivery: Delivery) -> bool:
        """Deliver a message; tell whether it needs no more of us than to be followed."""
        wanted = delivery.delivery_id
        try:
            if agent.kind == SHELL:
                await self._type_into_shell(agent, kind, delivery)
            elif self._is_spoken_to(kind):
                conversation = self._means.conversations.find(self._agent)
                await self._protocol.deliver(agent, kind, delivery, conversation)
            else:
                await self._composer.deliver(agent, kind, delivery)
        except NotNowError as error:
            self._book.explain(wanted, str(error))
            return False
        except (InvalidRequestError, RefusedError) as error:
            standing = self._book.get(wanted)
            if standing is None or standing.stage is not Stage.ACCEPTED:
                raise
            await self._end(delivery, Stage.REFUSED, str(error))
        finally:
            standing = self._book.get(wanted)
            if standing is None or standing.stage is not Stage.ACCEPTED:
                self.drop(wanted)
        return True

    async def _type_into_shell(self, agent: Agent, kind: AgentKind, delivery: Delivery) -> None:
        lost = self._shells.lost_at
        if lost is not None and self._added.get(delivery.delivery_id, lost) < lost:
            await self._end(delivery, Stage.REFUSED, TERMINAL_AWAY)
            return
        before = await self._shells.deliver(agent, kind, delivery)
        standing = self._book.get(delivery.delivery_id)
        if standing is not None and standing.stage is Stage.WRITTEN:
            self._follow_commands(agent.session_id, standing, before)
        else:
            self._book.release(delivery.delivery_id)
