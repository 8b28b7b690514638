"""Looks at trees of processes every other second, and does something when one takes too much.

Limits are held by the system where it can (`cgroups`). Where it cannot, or not in this way, they
are held by looking: what takes too much between two looks has it until then. Limits of single
processes, as `setrlimit` has them, are no help: the number of processes is one of a whole user,
address space is no memory (a JavaScript engine reserves tens of gigabytes of it and uses few), and
none of them knows of a tree.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.models.resources import Excess, WatchedTree
from iterm_mcp.models.task_limits import NO_LIMITS, OverLimit
from iterm_mcp.services.resources.judging import Judge
from iterm_mcp.services.resources.signalling import TreeSignals
from iterm_mcp.services.resources.totals import Totals
from iterm_mcp.services.resources.watched_trees import (
    Watched,
    ended_by_system,
    growth_of,
    told_of,
    wanted_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from anyio.abc import TaskGroup

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.resources import TreeUsage
    from iterm_mcp.services.agents.processes import ProcessId
    from iterm_mcp.services.resources.cgroups import Groups
    from iterm_mcp.services.resources.evidence import EvidenceFolder
    from iterm_mcp.services.resources.measuring import Measurer
    from iterm_mcp.services.resources.watched_trees import Actor, Tree

log = structlog.get_logger()

EVERY_SECONDS = 2.0
"""How often trees are looked at while any has limits."""

IDLE_SECONDS = 10.0
"""How often while none has."""

MOST_VERDICTS = 1000
"""So many trees are remembered that were ended for what they took."""

GONE_SECONDS = 60.0
"""A tree of which nothing was left for so long is watched no more."""

Listener = Callable[[WatchedTree, Excess], None]


class ResourceWatch:
    """Watches trees, and holds their limits.

    Args:
        groups: Finds where the system holds limits, and is called in a thread when there are the
            first; None for nowhere.
        evidence: Where it is kept what a tree looked like; None for nowhere.
        every_seconds: How often trees are looked at while any has limits.

    Attributes:
        signals: Has trees stand still, go on, and end.
        totals: What trees of each kind have taken.
    """

    def __init__(
        self,
        measurer: Measurer,
        clock: Clock,
        groups: Callable[[], Groups | None] = lambda: None,
        evidence: EvidenceFolder | None = None,
        *,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._measurer = measurer
        self._clock = clock
        self._find_groups = groups
        self._groups: Groups | None = None
        self._looked_for_groups = False
        self._evidence = evidence
        self._every = every_seconds
        self._trees: dict[str, Watched] = {}
        self._turn = anyio.Lock()
        self._more = anyio.Event()
        self._tasks: TaskGroup | None = None
        self._due: list[Watched] = []
        self._verdicts: OrderedDict[str, str] = OrderedDict()
        self._listeners: list[Listener] = []
        self.totals = Totals()
        self.signals = TreeSignals(self._members_now, self._end_group)

    def tell(self, listener: Listener) -> None:
        """Have a listener called when a tree takes too much, after that was kept; it waits not."""
        self._listeners.append(listener)

    # Which trees.

    def watch(self, tree: Tree, actor: Actor | None = None) -> None:
        """Watch a tree from now on; said again, its limits may be others.

        Args:
            actor: Has it stand still or ends it; with None that is done by signals.
        """
        known = self._trees.get(tree.key)
        if known is not None and known.tree.root == tree.root:
            if known.tree.limits != tree.limits:
                known.judge, known.held_by = Judge(tree.limits), ""
                known.growth = known.growth or growth_of(tree)
            known.tree = tree
        else:
            self.unwatch(tree.key)
            self._verdicts.pop(tree.key, None)
            self._trees[tree.key] = Watched(
                tree, actor or self.signals, Judge(tree.limits), growth_of(tree)
            )
        self._more.set()

    def unwatch(self, key: str) -> None:
        """Watch a tree no more. One that is not watched is no matter."""
        found = self._trees.pop(key, None)
        if found is not None:
            self.totals.leave(key)

    def keys(self) -> frozenset[str]:
        """Return which trees are watched."""
        return frozenset(self._trees)

    def find(self, key: str) -> WatchedTree | None:
        """Return how a tree stands; None for one that is not watched."""
        found = self._trees.get(key)
        return None if found is None else told_of(found)

    def standing(self) -> tuple[WatchedTree, ...]:
        """Return how all stand, by key."""
        return tuple(told_of(self._trees[key]) for key in sorted(self._trees))

    def over(self, key: str) -> str:
        """Return why a tree is or was ended for what it took; empty for any other.

        It is remembered until another tree is watched by the same key.
        """
        return self._verdicts.get(key, "")

    async def resume(self, key: str) -> None:
        """Let a tree go on that stands still; one that does not is no matter."""
        found = self._trees.get(key)
        if found is not None and found.is_paused and not found.acting:
            await self.signals.resume(found.tree)
            found.judge.forget_rates()
            found.is_paused = False

    def paused(self, key: str) -> None:
        """Take it that a tree stands still, whoever saw to that: it is not judged meanwhile."""
        found = self._trees.get(key)
        if found is not None:
            found.is_paused = True

    async def stop(self, key: str, reason: str = "") -> None:
        """End all of a tree, whatever it takes; one that is not watched is no matter."""
        found = self._trees.get(key)
        if found is not None:
            await found.actor.stop(found.tree, reason)

    # Looking.

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look again and again for the length of the block; what is being ended then is left."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            tasks.start_soon(self._run)
            try:
                yield
            finally:
                self._tasks = None
                tasks.cancel_scope.cancel()
        if self._groups is not None:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._groups.close)

    async def look(self) -> None:
        """Look at all trees once, and begin what is to be done; while not `running`, do it."""
        trees = dict(self._trees)
        usages = await self._measure(trees)
        at = self._clock.monotonic()
        for key, one in trees.items():
            if self._trees.get(key) is one:
                await self._judge(one, usages[key], at)
        self.totals.look(
            (told_of(one) for one in self._trees.values()), self._measurer.cost_seconds
        )
        while self._due:
            await self._act(self._due.pop())

    async def _judge(self, one: Watched, usage: TreeUsage, at: float) -> None:
        """Take what a tree takes, and begin what is to be done about it."""
        one.usage = usage
        if one.growth is not None:
            one.usage = replace(usage, disk_bytes=one.growth.grown_bytes)
        if usage.processes or one.stood_at is None:
            one.stood_at = at
        elif at - one.stood_at > GONE_SECONDS and not one.acting:
            self.unwatch(one.tree.key)
            return
        if one.acting or one.is_paused:
            return
        if one.excess is not None and one.excess.done is OverLimit.STOP:
            if usage.processes:  # it could not be ended
                self._act_soon(one)
            return
        excess = ended_by_system(one) or one.judge.look(one.usage, at)
        if excess is not None:
            await self._begin(one, excess)
        elif one.judge.is_calm:
            one.excess = None

    async def _run(self) -> None:
        while True:
            if not self._trees:
                await self._more.wait()
            self._more = anyio.Event()
            try:
                await self.look()
            except OSError as error:
                log.warning("resources_not_measured", reason=str(error))
            limited = any(one.tree.limits != NO_LIMITS for one in self._trees.values())
            await anyio.sleep(self._every)
            if not limited:
                with anyio.move_on_after(IDLE_SECONDS - self._every):
                    await self._more.wait()

    async def _measure(self, trees: Mapping[str, Watched]) -> dict[str, TreeUsage]:
        async with self._turn:
            # A process that hangs in the system can have its files hang: closing waits for none.
            return await to_thread.run_sync(self._measure_now, trees, abandon_on_cancel=True)

    def _measure_now(self, trees: Mapping[str, Watched]) -> dict[str, TreeUsage]:
        held = {key: one.group.pids() if one.group else () for key, one in trees.items()}
        usages = self._measurer.look(
            {key: wanted_of(one.tree, held[key]) for key, one in trees.items()}
        )
        for key, one in trees.items():
            if not one.held_by and one.tree.limits != NO_LIMITS:
                self._hold(one)
            if one.group is not None:  # it may just have been made
                one.ended = one.group.read().memory_ended
                self._fill(one, {each.pid for each in self._measurer.members(key)} - set(held[key]))
            if one.growth is not None:
                one.growth.step()
        if self._groups is not None:
            self._groups.sweep(self.keys())
        return usages

    def _hold(self, one: Watched) -> None:
        """Have the system hold a tree's limits, if it can."""
        one.held_by = "watch"
        if one.tree.limits.over is OverLimit.WARN:
            return
        if not self._looked_for_groups:
            self._looked_for_groups, self._groups = True, self._find_groups()
        if self._groups is None:
            return
        try:
            one.group = self._groups.make(one.tree.key, one.tree.limits)
            one.ended_before = one.ended = one.group.read().memory_ended
            one.held_by = "cgroup"
        except OSError as error:
            log.warning("limits_not_held_by_system", tree=one.tree.key, reason=str(error))

    def _fill(self, one: Watched, pids: Iterable[int]) -> None:
        """Put who came to be in a tree, and not in its group, into that."""
        if one.group is None:
            return
        try:
            one.group.put(pids)
        except OSError as error:
            log.warning("limits_not_held_by_system", tree=one.tree.key, reason=str(error))
            one.group, one.held_by = None, "watch"

    # Doing.

    async def _begin(self, one: Watched, excess: Excess) -> None:
        """Keep evidence, tell, and have done what is to be done without waiting for it."""
        one.excess = excess
        self.totals.exceeded(one.tree.kind, excess)
        if excess.done is OverLimit.STOP:
            self._verdicts[one.tree.key] = excess.reason
            if len(self._verdicts) > MOST_VERDICTS:
                self._verdicts.popitem(last=False)
        log.warning("tree_over_limit", tree=one.tree.key, reason=excess.reason, done=excess.done)
        if self._evidence is not None:
            try:
                await self._evidence.keep(told_of(one), excess, one.tree.output)
            except OSError as error:
                log.warning("evidence_not_kept", tree=one.tree.key, reason=str(error))
        for listener in self._listeners:
            listener(told_of(one), excess)
        if excess.done is not OverLimit.WARN:
            self._act_soon(one)

    def _act_soon(self, one: Watched) -> None:
        one.acting = True
        if self._tasks is None:
            self._due.append(one)
        else:
            self._tasks.start_soon(self._act, one)

    async def _act(self, one: Watched) -> None:
        try:
            if one.excess is not None and one.excess.done is OverLimit.PAUSE:
                one.is_paused = True
                await one.actor.pause(one.tree, one.excess.reason)
            elif one.excess is not None:
                await one.actor.stop(one.tree, one.excess.reason)
        finally:
            one.acting = False

    async def _members_now(self, key: str) -> tuple[ProcessId, ...]:
        """Look at a tree once more, and return who is in it."""
        if key not in self._trees:
            return ()
        await self._measure(dict(self._trees))
        return self._measurer.members(key)

    def _end_group(self, key: str) -> None:
        found = self._trees.get(key)
        if found is not None and found.group is not None:
            found.group.kill()
