"""Agents that wait, started and with an empty composer, to be handed out in place of a cold start.

A template's ``prewarm`` says how many wait for it. They are nobody's: no registry names them, no
message reaches them, and who asks for an agent gets one only if it was started just as his would
be and nobody has touched it since. They stand in the book of lives, so that a daemon that comes
after a crash finds them; at a daemon's stop they are ended.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.agent_lives import Desired, Life, Phase, Spare
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.agents.ends import process_of
from iterm_mcp.services.agents.names import take_name
from iterm_mcp.services.agents.placing import PanePlacer, Place
from iterm_mcp.services.background import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.ids import SessionId, WindowId
    from iterm_mcp.services.agents.ends import AgentEnder
    from iterm_mcp.services.agents.launches import AgentLauncher
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.agents.life_files import LifeFiles
    from iterm_mcp.services.agents.processes import AgentProcesses
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.agents.spare_wishes import SpareWishes, Wish
    from iterm_mcp.services.states.adopting import Stranger
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.terminal.protocol import Terminal

log = structlog.get_logger()

AGE_SECONDS = 1800.0
"""What has waited for longer is ended, and another started."""

POLL_SECONDS = 10.0
PAUSE_SECONDS = 1.0
"""Between two that are started, one at a time: the machine belongs to those who work."""

READY_SECONDS = 60.0
"""How long one may take to come to wait; one at a gate does not."""

REST_SECONDS = 600.0
"""After one that did not come to wait, none is started like it for so long."""

STOP_SECONDS = 10.0
LOOK_SECONDS = 0.3

PREFIX = "spare"


class Looker(Protocol):
    """Looks at agents that are not registered."""

    async def look(self, session_id: SessionId) -> Stranger | None:
        """Return the agent that runs in a session; None when none is recognised."""


class Spares:
    """Keeps spare agents, and hands them out."""

    def __init__(
        self,
        terminal: Terminal,
        agents: AgentService,
        states: States,
        book: LifeBook,
        files: LifeFiles,
        launcher: AgentLauncher,
        ender: AgentEnder,
        processes: AgentProcesses,
        panes: PanePlacer,
        looker: Looker,
        wishes: SpareWishes,
        clock: Clock,
    ) -> None:
        self._terminal = terminal
        self._agents = agents
        self._states = states
        self._book = book
        self._files = files
        self._launcher = launcher
        self._ender = ender
        self._processes = processes
        self._panes = panes
        self._looker = looker
        self._wishes = wishes
        self._clock = clock
        self._resting: dict[str, datetime] = {}
        self._bell = anyio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have agents wait for the length of the block, and end those that still do."""
        try:
            async with beside(self._run):
                yield
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(STOP_SECONDS):
                await self._retire_all(await self.waiting())

    async def waiting(self) -> tuple[Life, ...]:
        """Return the spare agents that there are, also those that are still starting."""
        return tuple(life for life in await self._book.all() if life.spare is not None)

    async def take(self, wanted: Life, place: Place) -> Life | None:
        """Return a spare as the agent that was wanted, at its place; None when there is none.

        The caller has the wanted agent's turn, and has reserved its name. A caller that gives up
        once one was chosen leaves it started.

        Args:
            wanted: As it would be begun; what it is to be told is told as soon as it listens.
        """
        self._wishes.note(wanted.order)
        self._ring()
        spares = [one for one in await self.waiting() if one.phase is Phase.RUNNING]
        if not spares:
            return None
        mark = await self._launcher.fingerprint(wanted)
        for spare in spares:
            alike = spare.spare is not None and spare.spare.fingerprint == mark
            if not alike or self._book.is_taken(spare.agent):
                continue
            async with self._book.turn(spare.agent):
                seen = await self._fit(spare)
                if seen is not None:
                    with anyio.CancelScope(shield=True):
                        return await self._hand_out(spare, wanted, place, seen)
        return None

    async def adopt(self) -> None:
        """Go on with what a daemon that died has left: half started ones are ended.

        Those that were being handed out are the agents that they had become.
        """
        registered = set((await self._agents.owners()).values())
        for life in await self._book.all():
            if self._book.is_taken(life.agent):
                continue  # it is being started or handed out just now
            with suppress(ItermMcpError, OSError):
                if life.spare is not None and not (life.spare.shown and await self._runs(life)):
                    await self._ender.discard(life)
                elif life.born and life.agent not in registered and life.phase is Phase.RUNNING:
                    await self._enroll(life)

    async def upkeep(self) -> None:
        """End the spares that nobody would get, and start one if one is missing."""
        wishes = await self._wishes.all(self._launcher)
        left = {wish.fingerprint: wish.count for wish in wishes}
        owned = await self._agents.owners()
        for life in await self.waiting():
            mark = "" if life.spare is None else life.spare.fingerprint
            if life.session_id in owned:
                await self._book.remove(life.agent)  # somebody has registered it: it is his
            elif left.get(mark, 0) and not self._is_old(life) and await self._runs(life):
                left[mark] -= 1
            else:
                await self._retire_all([life])
        now = self._clock.now()
        for wish in wishes:
            rests = self._resting.get(wish.fingerprint)
            if left[wish.fingerprint] and (rests is None or rests <= now):
                if not await self._warm(wish):
                    self._resting[wish.fingerprint] = now + timedelta(seconds=REST_SECONDS)
                self._ring()
                return

    async def _run(self) -> None:
        while True:
            try:
                await self.adopt()  # again and again: the terminal may have been away
                await self.upkeep()
            except (ItermMcpError, OSError) as error:
                log.debug("spares_not_looked_after", error=str(error))
            await anyio.sleep(PAUSE_SECONDS)
            with anyio.move_on_after(POLL_SECONDS):
                await self._bell.wait()
            self._bell = anyio.Event()

    def _ring(self) -> None:
        self._bell.set()

    # Starting them.

    async def _warm(self, wish: Wish) -> bool:
        """Start a spare, and have it come to wait; tell whether it did."""
        taken = {life.agent for life in await self._book.all()}
        name = await take_name(secrets.SystemRandom(), taken, self._files.reserve, prefix=PREFIX)
        async with self._book.turn(name):
            life = await self._book.save(
                Life(
                    name,
                    wish.order,
                    Desired.RUNNING,
                    Phase.CREATING,
                    token="",
                    trace=secrets.token_hex(16),
                    ordered_at=self._clock.now(),
                    epoch=1,
                    spare=Spare(wish.fingerprint),
                )
            )
            shown = ""
            try:
                place = Place(window_id=await self._window(), behind=True)
                life = await self._launcher.warm(life, place)
                shown = await self._shown_when_ready(life)
                life = await self._book.save(life, spare=Spare(wish.fingerprint, shown))
            except ItermMcpError as error:
                log.warning("agent_not_prewarmed", template=wish.template, error=str(error))
            finally:
                if not shown:
                    with anyio.CancelScope(shield=True), anyio.move_on_after(STOP_SECONDS):
                        await self._ender.discard(await self._book.get(name))
        if shown:
            log.info("agent_prewarmed", template=wish.template, directory=wish.order.directory)
        return bool(shown)

    async def _shown_when_ready(self, life: Life) -> str:
        """Wait until a spare shows an empty composer, twice the same; empty if it does not."""
        before = ""
        with anyio.move_on_after(READY_SECONDS):
            while True:
                seen = await self._look(life)
                shown = await self._digest(life) if seen is not None else ""
                if shown and shown == before:
                    return shown
                before = shown
                if seen is None and not await self._runs(life):
                    return ""
                await anyio.sleep(LOOK_SECONDS)
        return ""

    async def _window(self) -> WindowId | None:
        """Return the window in which spares stand; None when there is none."""
        homes = {life.session_id for life in await self.waiting()}
        sessions = await self._terminal.list_sessions()
        return next((one.window_id for one in sessions if one.session_id in homes), None)

    # Looking at them.

    async def _fit(self, spare: Life) -> Stranger | None:
        """Return what was seen of a spare that can be handed out now; None for one that cannot."""
        if await self._book.find(spare.agent) is not spare or self._is_old(spare):
            return None
        if spare.session_id in await self._agents.owners() or not await self._runs(spare):
            return None
        return await self._untouched(spare)

    async def _untouched(self, spare: Life) -> Stranger | None:
        """Return what is seen of a spare that shows what it did when it came to wait."""
        try:
            seen = await self._look(spare)
            shown = await self._digest(spare)
        except ItermMcpError:
            return None
        same = spare.spare is not None and shown == spare.spare.shown
        return seen if same and seen is not None and not await _has_spoken(seen) else None

    async def _look(self, life: Life) -> Stranger | None:
        """Return an agent whose composer waits, empty; None while it does not."""
        seen = None if life.session_id is None else await self._looker.look(life.session_id)
        return seen if seen is not None and seen.view.state is AgentState.READY else None

    async def _digest(self, life: Life) -> str:
        if life.session_id is None:
            return ""
        screen = await self._terminal.read_screen(life.session_id)
        rows = "\n".join(row.rstrip() for row in screen.lines)
        return hashlib.sha256(rows.encode()).hexdigest()

    async def _runs(self, life: Life) -> bool:
        status = await self._files.status(life.agent)
        process = process_of(status, life)
        running = status is not None and status.state == "running" and not status.hung_up
        return running and process is not None and await self._processes.stands(process)

    def _is_old(self, life: Life) -> bool:
        return self._clock.now() - life.ordered_at > timedelta(seconds=AGE_SECONDS)

    # Handing them out, and ending them.

    async def _hand_out(self, spare: Life, wanted: Life, place: Place, seen: Stranger) -> Life:
        await self._files.hand_over(wanted.agent, spare.agent)
        life = replace(
            spare,
            agent=wanted.agent,
            order=wanted.order,
            ordered_at=wanted.ordered_at,
            pending=wanted.order.prompt,
            spare=None,
            born=str(spare.agent),
        )
        life = await self._enroll(await self._book.hand_over(spare.agent, life))
        await self._states.record(life.agent, [one.sighting for one in seen.view.winning])
        if life.session_id is not None:
            await self._terminal.rename_session(life.session_id, str(life.agent))
            try:
                placed = await self._panes.move(life.session_id, place)
            except ItermMcpError as error:
                placed = f"in the window where it waited: {error}"
            life = await self._book.save(life, placed=placed)
        log.info("spare_handed_out", agent=life.agent, born=life.born)
        return life

    async def _enroll(self, life: Life) -> Life:
        """Register an agent that was handed out; from then on it is watched like any other."""
        await self._launcher.register(life)
        return await self._book.save(life, epoch=await self._states.new_life(life.agent))

    async def _retire_all(self, lives: tuple[Life, ...] | list[Life]) -> None:
        """End spares; one that somebody has touched is left to him."""

        async def retire(life: Life) -> None:
            with suppress(ItermMcpError, OSError):
                async with self._book.turn(life.agent):
                    await self._retire(life)

        async with anyio.create_task_group() as group:
            for life in lives:
                group.start_soon(retire, life)

    async def _retire(self, life: Life) -> None:
        current = await self._book.find(life.agent)
        if current is None or current.spare is None:
            return  # it was handed out meanwhile
        if await self._runs(current) and await self._is_used(current):
            log.info("spare_left_to_a_person", agent=current.agent)
            await self._book.remove(current.agent)
        else:
            await self._ender.discard(current)

    async def _is_used(self, life: Life) -> bool:
        """Tell whether somebody has begun to work with a spare."""
        seen = None
        with suppress(ItermMcpError):
            if life.session_id is not None and life.spare is not None and life.spare.shown:
                seen = await self._looker.look(life.session_id)
        if seen is None:
            return False
        return seen.view.state in _IN_USE or await _has_spoken(seen)


_IN_USE = frozenset({
    AgentState.DRAFT, AgentState.WORKING, AgentState.COMPACTING, AgentState.WAITING_PERMISSION,
    AgentState.WAITING_QUESTION, AgentState.BACKGROUND, AgentState.INTERRUPTED,
})  # fmt: skip


async def _has_spoken(seen: Stranger) -> bool:
    """Tell whether an agent was told anything since it was started."""
    for one in seen.seen:
        value = one.sighting.value
        if one.sighting.fact is Fact.TURN:
            return True
        transcript = value.get("transcript") if one.sighting.fact is Fact.CONVERSATION else None
        if transcript and await to_thread.run_sync(Path(str(transcript)).is_file):
            return True
    return False
