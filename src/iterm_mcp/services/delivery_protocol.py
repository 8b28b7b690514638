"""Messages for agents that are spoken to by their own protocol: no keys, and exact answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.errors import AgentGoneError, ItermMcpError
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.services.delivery_guard import Seen, Verdict, judge
from iterm_mcp.services.delivery_means import NotNowError, newest

if TYPE_CHECKING:
    from iterm_mcp.agents.driver import Conversation
    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.services.delivery_following import Following
    from iterm_mcp.services.delivery_means import Means


class ProtocolRoute:
    """Hands messages over to one agent's conversation."""

    def __init__(self, means: Means, following: Following) -> None:
        self._means = means
        self._following = following

    async def deliver(
        self, agent: Agent, kind: AgentKind, delivery: Delivery, conversation: Conversation
    ) -> None:
        """Hand a message over under its own id, if the agent can take it now.

        Raises:
            NotNowError: It waits on.
            ItermMcpError: The agent did not answer; what became of the message is doubtful.
        """
        view = await self._means.states.view(agent.name)
        judgement = judge(view.state, view.reason, Seen(), delivery.policy, kind.while_busy)
        if judgement.verdict in {Verdict.HOLD, Verdict.REFUSE}:
            raise NotNowError(judgement.reason)
        wanted = delivery.delivery_id
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
