"""Watching one agent: its process, its files, its screen, and its shell's marks."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.agents.kind import has_screen
from iterm_mcp.agents.shell import Shell, marked
from iterm_mcp.errors import ItermMcpError, NotFoundError, TerminalError
from iterm_mcp.models.happenings import (
    CommandEnded,
    CommandStarted,
    PromptShown,
    ScreenChanged,
    SessionEnded,
    TerminalBack,
    TerminalLost,
)
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.models.output import PromptState
from iterm_mcp.services.sessions.details import as_pid
from iterm_mcp.services.states.occupants import Found, find_occupant
from iterm_mcp.services.states.sight import see_screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from anyio.abc import TaskGroup

    from iterm_mcp.agents.files import Files
    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.services.states.occupants import Families, Member, Pulse
    from iterm_mcp.services.states.service import AgentStateService
    from iterm_mcp.terminal.protocol import Terminal, Watch

log = structlog.get_logger()

QUICK_SECONDS = 0.2
"""A screen that changes is looked at no more often."""

SLOW_SECONDS, SLOWEST_SECONDS = 0.4, 1.0
"""How seldom it is looked at while looks tell nothing new; the latter where files tell more."""

AT_ONCE = 500
"""How much of what was seen is recorded in one go."""

RETRY_SECONDS = 2.0
STRANGER_SECONDS = 1.0
"""How long another program must have the terminal before it is said to stand in its place."""

FORMER_SECONDS = 3.0
"""How long a process of the agent's former life may take to end before it is taken for the new."""

AWAY = "the terminal was away"


class AgentWatch:
    """Sees what one agent does, and records it, until its session ends."""

    def __init__(
        self,
        agent: Agent,
        kind: AgentKind,
        terminal: Terminal,
        states: AgentStateService,
        families: Families,
        files: Files,
        clock: Clock,
    ) -> None:
        self.agent = agent
        self._kind = kind
        self._is_shell = isinstance(kind, Shell)
        self._has_screen = has_screen(kind) and not self._is_shell
        self._terminal = terminal
        self._states = states
        self._families = families
        self._files = files
        self._clock = clock
        self._root: int | None = None
        self._found: Found | None = None
        self._stranger_since: float | None = None
        self._pulses: tuple[Pulse | None, ...] = ()
        self._met: tuple[int, tuple[int, float]] | None = None
        self._former_since: float | None = None
        self._following = anyio.CancelScope()
        self._files_tell = False
        self._blind = False
        self._outbox: list[tuple[datetime, int | None, Sighting]] = []
        self._told = anyio.Event()
        self._changed = anyio.Event()
        self._beat = anyio.Event()
        self._hurry = anyio.Event()
        self._recording = anyio.Lock()
        self._checking = anyio.Lock()
        self._group: TaskGroup | None = None

    async def run(self) -> None:
        """Watch until the session has ended; through losses of the terminal."""
        async with anyio.create_task_group() as group:
            self._group = group
            group.start_soon(self._record_news)
            group.start_soon(self._check_beats)
            if self._has_screen:
                group.start_soon(self._look_at_changes)
            await self._follow_session()
            group.cancel_scope.cancel()
        self._see([Sighting(Fact.OCCUPANT, {"who": "nobody"}, ObservationSource.PROCESS)])
        await self.flush()

    # What others ask.

    def pids(self) -> tuple[int, ...]:
        """Return the processes whose pulses matter."""
        member = self._found.member if self._found else None
        return tuple(one for one in (self._root, member.pid if member else None) if one)

    def felt(self, pulses: Mapping[int, Pulse]) -> None:
        """Take pulses; another one than before has the processes looked at."""
        mine = tuple(pulses.get(one) for one in self.pids())
        undecided = self._stranger_since is not None or self._former_since is not None
        if not self._has_screen and not self._is_shell:  # it never has the terminal of its pane
            undecided = undecided or self._found is None
        if mine != self._pulses or undecided:
            self._pulses = mine
            self._beat.set()

    async def look(self) -> None:
        """Look at processes and screen now; what files tell is the caller's to hurry.

        Raises:
            NotFoundError, TerminalError: The session, or the terminal, is not there.
        """
        await self.check()
        if self._looks:
            self._see(await self._see_screen())
        await self.flush()

    async def flush(self) -> None:
        """Record what was seen so far."""
        async with self._recording:
            while self._outbox:
                epoch, alike = next(groupby(self._outbox[:AT_ONCE], itemgetter(1)))
                seen = [(at, one) for at, _, one in alike]
                with anyio.CancelScope(shield=True):  # once begun, it is done; the store is bounded
                    await self._record(seen, epoch)
                    del self._outbox[: len(seen)]

    # The session.

    async def _follow_session(self) -> None:
        while True:
            try:
                async with self._terminal.watch(self.agent.session_id) as watch:
                    await self._begin()
                    await self._hear(watch)
                    return
            except NotFoundError:
                return
            except ItermMcpError as error:
                log.debug("agent_not_watched", agent=self.agent.name, error=str(error))
                self._lose_sight()
                await anyio.sleep(RETRY_SECONDS)

    async def _begin(self) -> None:
        """Look at everything anew."""
        values = await self._terminal.read_variables(
            self.agent.session_id, ["effective_root_pid", "pid"]
        )
        self._root = as_pid(values["effective_root_pid"]) or as_pid(values["pid"])
        self._pulses = ()
        if self._is_shell:
            prompt = await self._terminal.read_prompt(self.agent.session_id)
            if prompt is not None and prompt.state is PromptState.EDITING:
                self._see(marked(PromptShown(prompt.prompt_id)))
            elif prompt is not None and prompt.state is PromptState.RUNNING:
                self._see(marked(CommandStarted(prompt.prompt_id, prompt.command)))
        await self.check()
        self._blind = False
        self._changed.set()

    async def _hear(self, watch: Watch) -> None:
        while True:
            happening = await watch.next()
            match happening:
                case SessionEnded():
                    return
                case ScreenChanged():
                    self._blind = False
                    self._changed.set()
                case TerminalLost():
                    self._lose_sight()
                case TerminalBack():
                    await self._begin()
                case _:
                    self._mark(happening)

    def _mark(self, happening: Happening) -> None:
        """Take a mark of the shell: its own doing, or what becomes of the agent within it."""
        if self._is_shell:
            self._see(marked(happening))
        elif isinstance(happening, CommandEnded) and self._found and self._found.who == "agent":
            exits = marked(happening, shell=False)
            self._see(one for one in exits if one.fact is Fact.EXIT)
        self._beat.set()

    def _lose_sight(self) -> None:
        self._see(
            Sighting(Fact.GAP, {"why": AWAY}, source)
            for source in (ObservationSource.TITLE, ObservationSource.SCREEN)
        )

    # Processes.

    async def _check_beats(self) -> None:
        while True:
            await self._beat.wait()
            self._beat = anyio.Event()
            try:
                await self.check()
            except ItermMcpError as error:
                log.debug("agent_not_checked", agent=self.agent.name, error=str(error))

    async def check(self) -> None:
        """Find out who has the terminal, and follow the agent's files if it is another process."""
        async with self._checking:
            if self._root is None:
                return  # a terminal that tells no process
            found = await self._find(self._root)
            if found.who == "other" and self._is_its_bridge(found):
                self._miss()
                self._found = None
                return
            if found.who == "other" and not self._stays():
                return
            self._stranger_since = None
            if found.who == "agent" and found.member is not None:
                if not await self._meet(found.member):
                    return
            else:
                self._miss()
            self._found = found
            self._see([found.sighting()])
            if self._is_shell and found.member is not None:
                front = found.member.pulse.foreground
                does = "idle" if front in {0, found.member.pulse.group} else "busy"
                self._see([Sighting(Fact.ACTIVITY, {"is": does}, ObservationSource.PROCESS)])

    def _is_its_bridge(self, found: Found) -> bool:
        """Tell whether nothing but what holds an agent's pipes for us has the terminal."""
        headless = not self._has_screen and not self._is_shell
        return headless and found.member is not None and found.member.pid == self._root

    def _miss(self) -> None:
        """Note the end of the agent's process, if it was there before."""
        if self._met is not None and self._found is not None and self._found.who == "agent":
            self._following.cancel()
            self._see([Sighting(Fact.EXIT, {}, ObservationSource.PROCESS)], self._met[0])

    async def _find(self, root: int) -> Found:
        family = (await self._families.families([root])).get(root, ())
        if self._is_shell:
            return Found("agent", family[0]) if family else Found("nobody")
        front = 0
        if family and not family[0].pulse.foreground:  # the system does not tell, but the terminal
            values = await self._terminal.read_variables(self.agent.session_id, ["jobPid"])
            front = as_pid(values["jobPid"]) or 0
        found = find_occupant(family, self._kind.recognise, foreground=front)
        return found if self._has_screen else replace(found, behind=False)

    def _stays(self) -> bool:
        """Tell whether a stranger has been there for long enough to be no passer-by."""
        if self._found is not None and self._found.who == "other":
            return True
        now = self._clock.monotonic()
        if self._stranger_since is None:
            self._stranger_since = now
        return now - self._stranger_since >= STRANGER_SECONDS

    async def _meet(self, member: Member) -> bool:
        """Follow the agent's process; False for one that is of a life that is past."""
        identity = member.pid, member.pulse.started
        epoch, known = await self._states.last_process(self.agent.name)
        if self._met is not None and self._met[1] == identity:
            if self._met[0] == epoch:
                if self._found is not None and self._found.who != "agent":
                    self._follow(member, epoch)  # it was suspended, and out of sight
                return True
            now = self._clock.monotonic()
            if self._former_since is None:
                self._former_since = now
            if now - self._former_since < FORMER_SECONDS:
                return False
        elif known is not None and known != identity:
            epoch = await self._states.new_life(self.agent.name)
        self._former_since = None
        # What the screen shows may be the former process's, until something is drawn.
        self._blind = self._met is not None
        self._met = epoch, identity
        self._follow(member, epoch)
        return True

    # Files.

    def _follow(self, member: Member, epoch: int) -> None:
        self._following.cancel()
        self._following = anyio.CancelScope()
        self._files_tell = False
        if self._group is not None:
            self._group.start_soon(self._follow_files, member, epoch, self._following)

    async def _follow_files(self, member: Member, epoch: int, scope: anyio.CancelScope) -> None:
        def see(one: Sighting) -> None:
            if not scope.cancel_called:
                self._files_tell = True
                self._see([one], epoch)
                if one.fact is Fact.ACTIVITY and one.value.get("is") == "idle":
                    self._hurry.set()  # what it shows is of interest now

        with scope:
            occupant = await self._families.describe(member)
            async with self._kind.follow(occupant, self._files, see):
                await anyio.sleep_forever()

    # The screen.

    @property
    def _looks(self) -> bool:
        """Whether what the screen shows is the agent's."""
        there = self._found is None or self._found.who in {"agent", "multiplexer"}
        return there and not self._blind and self._has_screen

    async def _see_screen(self) -> tuple[Sighting, ...]:
        """Look at the screen; the title in a multiplexer is nobody's in particular."""
        inside = self._found is not None and self._found.who == "multiplexer"
        return await see_screen(
            self._terminal, self.agent.session_id, self._kind, titled=not inside
        )

    async def _look_at_changes(self) -> None:
        pause, former = QUICK_SECONDS, frozenset[str]()
        while True:
            await self._changed.wait()
            self._changed, self._hurry = anyio.Event(), anyio.Event()
            try:
                seen = await self._see_screen()
            except NotFoundError:
                continue
            except TerminalError:
                await anyio.sleep(RETRY_SECONDS)
                self._changed.set()
                continue
            if self._looks:
                self._see(seen)
            told = frozenset(f"{one.fact} {dict(one.value)}" for one in seen)
            slowest = SLOWEST_SECONDS if self._files_tell else SLOW_SECONDS
            pause = QUICK_SECONDS if told != former else min(slowest, pause * 1.5)
            if told != former and any(one.value.get("is") == "idle" for one in seen):
                self._changed.set()  # a glimpse of an idle screen wants to be confirmed
            former = told
            await anyio.sleep(QUICK_SECONDS)
            with anyio.move_on_after(pause - QUICK_SECONDS):
                await self._hurry.wait()

    # What was seen.

    def _see(self, sightings: Iterable[Sighting], epoch: int | None = None) -> None:
        at = self._clock.now()
        before = len(self._outbox)
        self._outbox += [(at, epoch, one) for one in sightings]
        if len(self._outbox) > before:
            self._told.set()

    async def _record_news(self) -> None:
        while True:
            await self._told.wait()
            self._told = anyio.Event()
            await self.flush()

    async def _record(self, seen: list[tuple[datetime, Sighting]], epoch: int | None) -> None:
        try:
            await self._states.record_all(self.agent.name, seen, epoch=epoch)
        except ItermMcpError as error:  # it was removed, or the disk is full: the next look tells
            log.warning("agent_sighting_lost", agent=self.agent.name, error=str(error))
