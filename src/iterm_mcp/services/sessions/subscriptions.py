"""Telling subscribers that something has changed: one watch a session, however many they are."""

from __future__ import annotations

from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import ItermMcpError, RefusedError
from iterm_mcp.models.happenings import SessionEnded
from iterm_mcp.models.topics import Part, Topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskGroup

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.terminal.protocol import Terminal, Watch

    Tell = Callable[[Topic], None]

TRIGGERS = Topic(triggers=True)
APPROVALS = Topic(approvals=True)
AGENTS = Topic(agents=True)

INTERVAL_SECONDS = 0.25
"""A subscriber is told at most so often; what changes meanwhile is told once, at the end."""

MAX_SUBSCRIPTIONS = 2000


class _Followed:
    """One session, or the list of all, that somebody wants to hear of."""

    def __init__(self) -> None:
        self.users = 0
        self.subscribers: dict[Topic, list[Tell]] = {}
        self.scope = anyio.CancelScope()
        self.ready = anyio.Event()
        self.failure: ItermMcpError | None = None

    async def wait_ready(self) -> None:
        await self.ready.wait()
        if self.failure is not None:
            raise self.failure

    def tell(self, *, ended: bool = False) -> None:
        for topic, told in list(self.subscribers.items()):
            if topic.part is not Part.RECORDING or ended:
                for one in list(told):
                    one(topic)


class Subscriptions:
    """Who wants to be told of what; use `open_subscriptions`.

    Whoever subscribes is told at once when something changes, then at most every
    `interval_seconds`, and always of the last change. The end of a session is the last that is
    told of it. Of recordings, only the end is told.
    """

    def __init__(self, terminal: Terminal, group: TaskGroup, interval_seconds: float) -> None:
        self._terminal = terminal
        self._group = group
        self._interval_seconds = interval_seconds
        self._followed: dict[SessionId | None, _Followed] = {}
        self._ours: defaultdict[Topic, list[Tell]] = defaultdict(list)
        self._count = 0

    async def subscribe(self, topic: Topic, tell: Tell) -> Callable[[], None]:
        """Have `tell` called when a topic changes, until the function that is returned is called.

        What changes after this has returned is told. `tell` must not wait, and may be given for
        several topics.

        Raises:
            NotFoundError: There is no such session.
            RefusedError: There are too many subscriptions.
        """
        if self._count >= MAX_SUBSCRIPTIONS:
            raise RefusedError(
                f"there are {MAX_SUBSCRIPTIONS} subscriptions already",
                hint="End some of them, or read the resource when you need it.",
                code="too_many_subscriptions",
            )
        self._count += 1
        if topic.is_ours:
            self._ours[topic].append(tell)
            return _Once(lambda: self._leave_ours(topic, tell))
        followed = self._followed_by(topic.session_id)
        try:
            await followed.wait_ready()
        except BaseException:
            self._leave(followed, topic.session_id)
            raise
        told = followed.subscribers.setdefault(topic, [])
        told.append(tell)

        def leave() -> None:
            told.remove(tell)
            self._leave(followed, topic.session_id)

        return _Once(leave)

    def triggers_changed(self) -> None:
        """Tell those who want to know what triggers did."""
        self._tell_ours(TRIGGERS)

    def approvals_changed(self) -> None:
        """Tell those who want to know what agents ask, and what was answered."""
        self._tell_ours(APPROVALS)

    @asynccontextmanager
    async def following_agents(self, states: States, agents: AgentService) -> AsyncIterator[None]:
        """Tell those who want to know what agents do, for the length of the block."""
        async with anyio.create_task_group() as group:
            group.start_soon(agents.follow, self._registry_changed)
            group.start_soon(self._follow_states, states)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    def counts(self) -> tuple[int, int]:
        """Return how many subscriptions and how many watches there are."""
        return self._count, len(self._followed)

    def _followed_by(self, key: SessionId | None) -> _Followed:
        """Return what watches a session, or is about to, with one user more."""
        followed = self._followed.get(key)
        if followed is None:
            followed = self._followed[key] = _Followed()
            self._group.start_soon(self._run, key, followed)
        followed.users += 1
        return followed

    def _leave(self, followed: _Followed, key: SessionId | None) -> None:
        self._count -= 1
        followed.users -= 1
        if not followed.users:
            followed.scope.cancel()
            self._forget(key, followed)

    async def _follow_states(self, states: States) -> None:
        async with states.watch() as changes:
            while True:
                view = await changes.next()
                self._tell_ours(AGENTS)
                self._tell_ours(Topic(agent=view.agent))

    def _registry_changed(self) -> None:
        """Tell of all agents: any of them may have come, gone, or be in another team."""
        self._tell_ours(AGENTS)
        for topic in [one for one in self._ours if one.agent is not None]:
            self._tell_ours(topic)

    def _tell_ours(self, topic: Topic) -> None:
        for tell in list(self._ours.get(topic, ())):
            tell(topic)

    def _leave_ours(self, topic: Topic, tell: Tell) -> None:
        self._count -= 1
        self._ours[topic].remove(tell)
        if not self._ours[topic]:
            del self._ours[topic]

    async def _run(self, key: SessionId | None, followed: _Followed) -> None:
        """Watch one session, or the list, until nobody wants it or it ends."""
        try:
            with followed.scope:
                async with self._watch(key) as watch:
                    followed.ready.set()
                    await self._pass_on(watch, followed)
        except ItermMcpError as error:
            followed.failure = error
        finally:
            self._forget(key, followed)
            if not followed.ready.is_set() and followed.failure is None:
                followed.failure = RefusedError("the iterm-mcp daemon is stopping", code="stopping")
            followed.ready.set()

    async def _pass_on(self, watch: Watch, followed: _Followed) -> None:
        ended = False
        while not ended:
            ended = isinstance(await watch.next(), SessionEnded)
            while watch.waiting() and not ended:  # what has gathered is one change
                ended = isinstance(await watch.next(), SessionEnded)
            followed.tell(ended=ended)
            if not ended:
                await anyio.sleep(self._interval_seconds)

    def _watch(self, key: SessionId | None) -> AbstractAsyncContextManager[Watch]:
        return self._terminal.watch_sessions() if key is None else self._terminal.watch(key)

    def _forget(self, key: SessionId | None, followed: _Followed) -> None:
        if self._followed.get(key) is followed:
            del self._followed[key]


class _Once:
    """Calls something the first time only."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def __call__(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


@asynccontextmanager
async def open_subscriptions(
    terminal: Terminal, *, interval_seconds: float = INTERVAL_SECONDS
) -> AsyncIterator[Subscriptions]:
    """Let others subscribe for the length of the block."""
    async with anyio.create_task_group() as group:
        try:
            yield Subscriptions(terminal, group, interval_seconds)
        finally:
            group.cancel_scope.cancel()
