"""Events of agents' own hooks: whose they are, and what they tell."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.agents.hook_answers import PermissionAsked, permission_asked
from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.models.approvals import Asks
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.services.approvals.dialogs import Dialog, read_dialog
from iterm_mcp.services.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.store.agents import AgentStore

REMEMBERED_CONVERSATIONS = 10_000


@dataclass(frozen=True, slots=True)
class HookSender:
    """What an event's surroundings say of whose it is; what is not known is empty.

    Attributes:
        agent: The name in its environment, which it inherits from whoever started it.
        session: The terminal session that it runs in, perhaps as ``w0t0p0:ID``.
        epoch: The life of that agent in which it was started, as digits.
    """

    agent: str = ""
    session: str = ""
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """An event of a registered agent, as it was taken in.

    Attributes:
        dialog: What it asks a person, if it can be decided by an answer to the hook.
        asked: The same as the hook has it, to compose the answer.
    """

    kind: str
    event: str
    agent: AgentName
    payload: Mapping[str, Json]
    dialog: Dialog | None = None
    asked: PermissionAsked | None = None


class HookObserver(Protocol):
    """Is told of every event."""

    def hook_taken(self, kind: str, outcome: str) -> None:
        """Note an event: ``recorded``, or ``nobody`` for one of no agent of ours.

        Must not raise.
        """


class SilentHookObserver:
    """Notes nothing."""

    def hook_taken(self, kind: str, outcome: str) -> None:
        """Do nothing."""


class HookIntake:
    """Takes events in: each is recorded as what its kind reads out of it.

    Args:
        listener: Called with each event of a registered agent once it is recorded; must not wait.
    """

    def __init__(
        self,
        states: States,
        agents: AgentStore,
        observer: HookObserver | None = None,
        kind_of: Callable[[str], AgentKind] = find_kind,
        listener: Callable[[HookEvent], None] | None = None,
    ) -> None:
        self._states = states
        self._agents = agents
        self._observer = observer or SilentHookObserver()
        self._kind_of = kind_of
        self._listener = listener
        self._conversations: OrderedDict[str, AgentName] = OrderedDict()
        self._turns: Turns[AgentName] = Turns()

    async def take(
        self, kind: str, payload: Mapping[str, Json], sender: HookSender
    ) -> HookEvent | None:
        """Record an event, and return it; None when it is no registered agent's.

        Events of one agent are recorded in the order in which they come.

        Raises:
            NotFoundError: There is no such kind.
        """
        reader = self._kind_of(kind)
        agent = await self._whose(payload, sender)
        if agent is None:
            self._observer.hook_taken(reader.name, "nobody")
            return None
        asked = permission_asked(payload)
        sightings = reader.hooked(payload)
        dialog = None
        if asked is not None:
            dialog = _dialog(asked, sightings)
            if not any(one.fact is Fact.DIALOG for one in sightings):  # such as a subagent's
                sightings = (*sightings, _sighting(dialog, asked.event))
        known = sender.agent == agent.name and sender.epoch.isdecimal()
        epoch = int(sender.epoch) if known else None
        async with self._turns.take(agent.name):
            await self._states.record(agent.name, sightings, epoch=epoch)
        event = HookEvent(
            reader.name, str(payload.get("hook_event_name") or ""), agent.name, payload, dialog,
            asked,
        )  # fmt: skip
        self._observer.hook_taken(reader.name, "recorded")
        if self._listener is not None:
            self._listener(event)
        return event

    async def take_past(
        self, kind: str, payload: Mapping[str, Json], sender: HookSender, at: datetime
    ) -> None:
        """Record of an event that comes late which turns began and ended then.

        How the agent was then tells nothing of how it is; a turn that has ended has ended. Only of
        an agent's present life is anything recorded, so the sender must say which one it was.

        Raises:
            NotFoundError: There is no such kind.
        """
        agent = await self._whose(payload, sender)
        if agent is None or sender.agent != agent.name or not sender.epoch.isdecimal():
            return
        turns = [
            replace(one, value={**one.value, "at": at.isoformat()})
            for one in self._kind_of(kind).hooked(payload)
            if one.fact is Fact.TURN
        ]
        if turns:
            async with self._turns.take(agent.name):
                await self._states.record(agent.name, turns, epoch=int(sender.epoch))

    async def _whose(self, payload: Mapping[str, Json], sender: HookSender) -> Agent | None:
        """Find the agent: by its session, else by its name, else by its conversation.

        The session is trusted most: a name is inherited by all that an agent starts.
        """
        registry = await self._agents.load()
        session = sender.session.rpartition(":")[2].upper()
        conversation = payload.get("session_id")
        known = self._conversations.get(conversation) if isinstance(conversation, str) else None
        found = (
            next((one for one in registry.agents if session and one.session_id.upper() == session),
                 None)
            or next((one for one in registry.agents if one.name == sender.agent), None)
            or next((one for one in registry.agents if one.name == known), None)
        )  # fmt: skip
        if found is not None and isinstance(conversation, str):
            self._conversations[conversation] = found.name
            self._conversations.move_to_end(conversation)
            if len(self._conversations) > REMEMBERED_CONVERSATIONS:
                self._conversations.popitem(last=False)
        return found


def _dialog(asked: PermissionAsked, sightings: tuple[Sighting, ...]) -> Dialog:
    for one in sightings:
        if one.fact is Fact.DIALOG and one.value:
            return read_dialog(one.value, exact=True)
    return Dialog(Asks.PERMISSION, "", asked.tool, asked.input, asked.tool, exact=True)


def _sighting(dialog: Dialog, event: str) -> Sighting:
    value: dict[str, Json] = {
        "asks": dialog.asks.value, "tool": dialog.tool, "input": dict(dialog.input),
        "text": dialog.text,
    }  # fmt: skip
    return Sighting(Fact.DIALOG, value, ObservationSource.HOOK, event)
