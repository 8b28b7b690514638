"""Messages for agents that are spoken to by their own protocol: no keys, and exact answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.errors import AgentGoneError, ItermMcpError
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.services.deliveries.guard import Seen, Verdict, judge
from iterm_mcp.services.deliveries.means import NotNowError, newest, shown_lock

if TYPE_CHECKING:
    from iterm_mcp.agents.driver import Conversation
    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.services.deliveries.following import Following
    from iterm_mcp.services.deliveries.means import Means


UNREACHED = "its bridge is not connected"
NEVER_TOLD = "the agent was never told it"


class ProtocolRoute:
    """Hands messages over to one agent's conversation."""

    def __init__(self, means: Means, following: Following) -> None:
        self._means = means
        self._following = following

    async def deliver(
        self, agent: Agent, kind: AgentKind, delivery: Delivery, conversation: Conversation | None
    ) -> None:
        """Hand a message over under its own id, if the agent can take it now.

        Args:
            conversation: None while the agent cannot be reached.

        Raises:
            NotNowError: It waits on.
            RefusedError: Others have locked its session.
            ItermMcpError: The agent did not answer; what became of the message is doubtful.
        """
        view = await self._means.states.view(agent.name)
        judgement = judge(view.state, view.reason, Seen(), delivery.policy, kind.while_busy)
        if judgement.verdict in {Verdict.HOLD, Verdict.REFUSE}:
            raise NotNowError(judgement.reason)
        if conversation is None:
            raise NotNowError(UNREACHED)
        wanted = delivery.delivery_id
        await self._means.writers.check(agent.session_id, shown_lock(delivery))
        async with self._means.leases.hold(agent.session_id) as lease:
            if judgement.verdict is Verdict.INTERRUPT:
                await conversation.interrupt()
            details = {"lease": lease.epoch, "epoch": view.epoch, "seen": newest(view)}
            await self._following.begin(delivery, details, amid_turn=judgement.amid_turn)
            try:
                await conversation.tell(wanted, delivery.text)
            except AgentGoneError as error:
                await self._following.move(wanted, Stage.UNKNOWN, str(error))
            except ItermMcpError:
                self._following.doubt(wanted)
                raise
            else:
                await self._following.take_in()
                if self._following.stage(wanted) is Stage.LEASED:  # its answer may be quicker
                    await self._following.move(wanted, Stage.WRITTEN)

    async def finish(self, delivery: Delivery, conversation: Conversation | None) -> bool:
        """Take back a message that was never handed over, as the agent's own journal says.

        Returns:
            Whether it is known by now what became of it.
        """
        wanted = delivery.delivery_id
        never = conversation is not None and not conversation.was_told(wanted)
        if not never or self._following.stage(wanted) is not Stage.LEASED:
            return False
        await self._following.move(wanted, Stage.ACCEPTED, NEVER_TOLD)
        return True
