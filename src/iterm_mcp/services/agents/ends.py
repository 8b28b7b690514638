"""Ending agents, and holding them for a while: their own processes, never a shell of a person."""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.kind import has_screen
from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import ConflictError, ItermMcpError, NotFoundError, RefusedError
from iterm_mcp.models.agent_lives import Desired, Phase
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.services.agents.processes import ProcessId, all_gone
from iterm_mcp.services.deliveries.guard import STOPPABLE
from iterm_mcp.services.deliveries.means import NoConversations
from iterm_mcp.services.holding import never_held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.agents.kind import Stroke
    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.agents.life_files import KeeperStatus, LifeFiles
    from iterm_mcp.services.agents.processes import AgentProcesses
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.deliveries.means import Conversations
    from iterm_mcp.services.holding import Held
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.terminal.protocol import Terminal

GRACE_SECONDS = 5.0
LONGEST_GRACE_SECONDS = 60.0
INTERRUPT_SECONDS = 1.0
TERMINATE_SECONDS = 5.0
KILL_SECONDS = 2.0
POLL_SECONDS = 0.05
PANE_SECONDS = 4.0
"""How long a keeper may take to leave its pane."""

_POLL_SECONDS = 0.05

ASKING = frozenset({AgentState.WAITING_PERMISSION, AgentState.WAITING_QUESTION})
"""States amid a turn in which keys would answer a dialog."""

LISTENING = frozenset(
    {AgentState.READY, AgentState.DRAFT, AgentState.INTERRUPTED, AgentState.DONE, AgentState.FAILED}
)
"""States in which what is typed reaches the composer, and answers no dialog."""


@dataclass(frozen=True, slots=True)
class EndedAgent:
    """An agent that was stopped.

    Attributes:
        how: ``left`` of its own will, after ``interrupt``, ``terminate`` or ``kill``; ``gone``
            when it had ended before.
        code: Its exit code, or `signal`; neither when nobody saw it.
        left_behind: How many of its children had to be ended too.
    """

    agent: AgentName
    how: str
    code: int | None = None
    signal: int | None = None
    left_behind: int = 0


class AgentEnder:
    """Stops agents that we started, and lets them stand still.

    Args:
        origin: The state folder of this installation, by which processes are known for ours.
        held: Asked before a suspended agent is let go on.
    """

    def __init__(
        self,
        terminal: Terminal,
        agents: AgentService,
        states: States,
        book: LifeBook,
        files: LifeFiles,
        processes: AgentProcesses,
        origin: str,
        conversations: Conversations | None = None,
        held: Held = never_held,
    ) -> None:
        self._held = held
        self._conversations = conversations or NoConversations()
        self._origin = origin
        self._terminal = terminal
        self._agents = agents
        self._states = states
        self._book = book
        self._files = files
        self._processes = processes

    async def stop(
        self,
        agent: AgentName,
        *,
        grace_seconds: float = GRACE_SECONDS,
        keep_pane: bool = False,
        forget: bool = False,
        reason: str = "it was stopped",
    ) -> EndedAgent:
        """End an agent, and have it stay ended.

        It is asked to leave first, if it is ready to be told; then its processes are interrupted,
        terminated and killed. What a caller that gives up leaves running is ended all the same, and
        so is what a daemon that died left: see `finish_stop`.

        Args:
            grace_seconds: How long it may take to leave by itself; 0 does not ask.
            keep_pane: Leave its pane standing, with what it last showed.
            forget: Its name may be given again; else it can be started again.

        Raises:
            NotFoundError: We did not start it.
        """
        async with self._book.turn(agent):
            life = await self._book.get(agent)
            life = await self._book.save(life, desired=Desired.STOPPED, pending="")
            ended = await self._end(life, min(grace_seconds, LONGEST_GRACE_SECONDS))
            if not keep_pane:
                await self._close_pane(life)
            life = await self._book.save(life, phase=Phase.ENDED, restart_at=None, reason=reason)
            await self._tell_end(life, ended)
            if forget:
                await self.forget(life)
            return ended

    async def finish_stop(self, life: Life) -> None:
        """End what a stop that was cut short left running; nobody is asked, and the pane stays."""
        ended = await self._end(life, 0.0)
        life = await self._book.save(
            life, phase=Phase.ENDED, restart_at=None, reason=life.reason or "it was stopped"
        )
        await self._tell_end(life, ended)

    async def end_process(self, life: Life) -> EndedAgent:
        """End an agent's process without asking it, whatever it shall be afterwards."""
        return await self._end(life, 0.0)

    async def discard(self, life: Life) -> None:
        """End whatever there is of a life at once, its pane too, and forget it."""
        life = await self._book.save(life, desired=Desired.STOPPED, pending="")
        await self._end(life, 0.0)
        await self._close_pane(life)
        await self.forget(life)

    async def forget(self, life: Life) -> None:
        """Give an agent's name free, and remove what was kept for its lives.

        The life goes last: while there is one, whoever comes after a crash forgets the rest.
        """
        owners = await self._agents.owners()
        if life.session_id is not None and owners.get(life.session_id) == life.agent:
            await self._agents.remove_agent(life.agent)
        await self._files.remove(life.agent)
        await self._book.remove(life.agent)

    async def suspend(self, agent: AgentName, *, reason: str = "it was suspended") -> None:
        """Have an agent stand still, with all that it started; it uses memory, and no processor.

        Raises:
            NotFoundError: We did not start it.
            ConflictError: It does not run.
        """
        async with self._book.turn(agent):
            life, root = await self._running(agent)
            await self._book.save(life, desired=Desired.PAUSED, reason=reason)
            for one in await self._processes.tree(root):
                await self._processes.signal(one, signal.SIGSTOP)

    async def resume(self, agent: AgentName) -> None:
        """Let a suspended agent go on. One that was not is no matter.

        Raises:
            NotFoundError: We did not start it.
            ConflictError: It does not run.
            RefusedError: Something holds it.
        """
        async with self._book.turn(agent):
            life, root = await self._running(agent)
            held = self._held(agent, life.order.kind, life.order.teams)
            if held:
                raise RefusedError(
                    f"agent {agent!r} is held: {held}",
                    hint="A person can let it go; it goes on by itself then.",
                    code="agent_held",
                )
            for one in reversed(await self._processes.tree(root)):
                await self._processes.signal(one, signal.SIGCONT)
            await self._book.save(life, desired=Desired.RUNNING, reason="")

    async def interrupt_turn(self, agent: AgentName) -> None:
        """End an agent's turn, and leave it running.

        Raises:
            NotFoundError: We did not start it.
            ConflictError: It is amid no turn: keys for that might mean something else to it.
            AgentError: Its protocol does not answer.
        """
        async with self._book.turn(agent):
            life = await self._book.get(agent)
            view = await self._states.look(agent)
            spoken_to = self._conversations.find(agent) is not None
            if view.state not in (STOPPABLE | ASKING if spoken_to else STOPPABLE):
                raise ConflictError(
                    f"agent {agent!r} is amid no turn, but {view.state.value}: {view.reason}",
                    hint="There is nothing to interrupt; explain_agent says more.",
                )
            await self.interrupt(life)

    async def interrupt(self, life: Life) -> None:
        """End an agent's turn: through its protocol, or by the keys that its kind has for it.

        Raises:
            AgentError: Its protocol does not answer.
        """
        conversation = self._conversations.find(life.agent)
        if conversation is not None:
            await conversation.interrupt()
        else:
            await self.type(life, find_kind(life.order.kind).interrupt())

    async def type(self, life: Life, strokes: Sequence[Stroke]) -> None:
        """Type into an agent's session, with the pauses that its kind asks for."""
        if life.session_id is None or not has_screen(find_kind(life.order.kind)):
            return
        for stroke in strokes:
            await self._terminal.send_text(life.session_id, stroke.text)
            if stroke.pause_seconds:
                await anyio.sleep(stroke.pause_seconds)

    async def _running(self, agent: AgentName) -> tuple[Life, ProcessId]:
        life = await self._book.get(agent)
        root = process_of(await self._files.status(agent), life)
        if root is None or not await self._processes.stands(root):
            raise ConflictError(
                f"agent {agent!r} does not run", hint="Start it again with action restart."
            )
        return life, root

    async def _end(self, life: Life, grace_seconds: float) -> EndedAgent:
        """End what runs of a life; tell by what means it ended."""
        root = process_of(await self._files.status(life.agent), life)
        family = () if root is None else await self._processes.tree(root)
        how = "gone"
        if root is not None and family:
            left_by_itself = await self._leaves(life, root, grace_seconds)
            how = "left" if left_by_itself else await self._force(family)
        return await self._ended(life, how, await self._end_children(life, family[1:]))

    async def _end_children(self, life: Life, family: Sequence[ProcessId]) -> int:
        """End what an agent has left running, also what is nobody's child by now; count it."""
        marked = await self._processes.marked(self._origin)
        mine = {one.process for one in marked if life.is_marked(one.agent)} | set(family)
        left = [one for one in mine if await self._processes.stands(one)]
        for one in left:
            await self._processes.signal(one, signal.SIGTERM, signal.SIGCONT)
        if left and not await all_gone(self._processes, left, TERMINATE_SECONDS):
            for one in left:
                await self._processes.signal(one, signal.SIGKILL)
            await all_gone(self._processes, left, KILL_SECONDS)
        return len(left)

    async def _leaves(self, life: Life, root: ProcessId, grace_seconds: float) -> bool:
        """Ask an agent to leave by itself, if it would understand; tell whether it did."""
        if grace_seconds <= 0 or life.session_id is None:
            return False
        await self._processes.signal(root, signal.SIGCONT)
        try:
            view = await self._states.view(life.agent)
            if view.state not in LISTENING:
                return False
            conversation = self._conversations.find(life.agent)
            if conversation is not None:
                await conversation.stop(grace_seconds)
            else:
                await self.type(life, find_kind(life.order.kind).leave())
        except ItermMcpError:
            return False
        return await all_gone(self._processes, [root], grace_seconds)

    async def _force(self, family: Sequence[ProcessId]) -> str:
        root = family[0]
        await self._processes.signal(root, signal.SIGINT, signal.SIGCONT)
        if await all_gone(self._processes, [root], INTERRUPT_SECONDS):
            return "interrupt"
        for one in family:
            await self._processes.signal(one, signal.SIGTERM, signal.SIGCONT)
        if await all_gone(self._processes, [root], TERMINATE_SECONDS):
            return "terminate"
        for one in family:
            await self._processes.signal(one, signal.SIGKILL)
        await all_gone(self._processes, [root], KILL_SECONDS)
        return "kill"

    async def _ended(self, life: Life, how: str, left: int) -> EndedAgent:
        """Return how it ended, as soon as its keeper says so."""
        status = None
        with anyio.move_on_after(KILL_SECONDS):
            while True:
                status = await self._files.status(life.agent)
                if status is None or status.state != "running" or how == "gone":
                    break
                await anyio.sleep(POLL_SECONDS)
        if status is None or status.life != life.token:
            return EndedAgent(life.agent, how, left_behind=left)
        return EndedAgent(life.agent, how, status.code, status.signal, left)

    async def _close_pane(self, life: Life) -> None:
        """Have the keeper leave; its pane closes with it. No pane but a keeper's is closed."""
        status = await self._files.status(life.agent)
        if status is None:
            return
        keeper = ProcessId(status.keeper, status.keeper_started)
        if await self._processes.signal(keeper, signal.SIGTERM):
            await all_gone(self._processes, [keeper], PANE_SECONDS)

    async def _tell_end(self, life: Life, ended: EndedAgent) -> None:
        exit_value = {"code": ended.code, "signal": ended.signal}
        known = {name: value for name, value in exit_value.items() if value is not None}
        told = [
            Sighting(Fact.LIFE, {}, ObservationSource.PROTOCOL),
            Sighting(Fact.EXIT, known, ObservationSource.PROTOCOL),
        ]
        with suppress(NotFoundError):  # it may never have come so far as to be registered
            await self._states.record(life.agent, told)


def process_of(status: KeeperStatus | None, life: Life) -> ProcessId | None:
    """Return the process of a life; None when its keeper tells of none, or of another life's."""
    if status is None or status.life != life.token or not status.pid:
        return None
    return ProcessId(status.pid, status.started)
