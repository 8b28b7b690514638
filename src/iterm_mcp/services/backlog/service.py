"""A repository's backlog: scanned, planned, handed in as tasks, and followed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from anyio import to_thread

from iterm_mcp.errors import ConflictError, NotFoundError
from iterm_mcp.models.backlog import Plan
from iterm_mcp.services.backlog.baselines import Kept
from iterm_mcp.services.backlog.batching import grouped, ordered, within
from iterm_mcp.services.backlog.blobs import read_files
from iterm_mcp.services.backlog.conventions import TOLD_BY, commands_for
from iterm_mcp.services.backlog.planning import (
    check_wanted,
    known_of,
    next_key,
    planned,
)
from iterm_mcp.services.backlog.progress import progress_of
from iterm_mcp.services.backlog.scanning import Look, scan
from iterm_mcp.services.backlog.settings import read_settings
from iterm_mcp.services.worktrees.git import Git
from iterm_mcp.services.worktrees.repository import find_checkout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.backlog import (
        KnownMark,
        Mark,
        MarkId,
        Progress,
        Scan,
    )
    from iterm_mcp.models.tasks import Task, TaskId, TaskSpec
    from iterm_mcp.services.backlog.baselines import Baselines
    from iterm_mcp.services.backlog.planning import Wanted
    from iterm_mcp.services.backlog.settings import BacklogSettings

    Choose = Callable[[TaskSpec], Awaitable[TaskSpec]]
    Estimate = Callable[[TaskSpec], Awaitable[float | None]]

MOST_CONVENTION_BYTES = 1 << 20


class Submitter(Protocol):
    """Takes work, and tells how it stands: the task engine."""

    async def submit_task(self, spec: TaskSpec, submitter: str) -> Task:
        """Take a task; asked again with its key, it is the same one."""

    async def get(self, task_id: TaskId) -> Task:
        """Return a task.

        Raises:
            NotFoundError: It is not known, or not any more.
        """


class Ledger(Kept, Protocol):
    """Remembers which marks have tasks."""

    async def marks(self, repository: str) -> tuple[KnownMark, ...]:
        """Return the marks that have, or are about to have, a task."""

    async def note(self, marks: Iterable[KnownMark]) -> None:
        """Note marks for which a task is about to be asked for."""

    async def accepted(self, repository: str, tasks: Mapping[str, TaskId]) -> None:
        """Note the tasks that were accepted, by their key."""

    async def seen(self, repository: str, sights: Mapping[MarkId, tuple[str, str]]) -> None:
        """Note where marks stand now."""

    async def renew(self, repository: str, keys: Mapping[TaskId, str]) -> None:
        """Let the marks of tasks have others, by the keys that these will have."""


class Backlog:
    """What repositories' comments say is left undone.

    Args:
        settings_file: ``backlog.toml``; it may be missing.
        estimate: What a task will probably cost; None is not known.
        choose: How the work is done, where that is chosen; as it was asked for without it.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings_file: str,
        clock: Clock,
        *,
        estimate: Estimate | None = None,
        choose: Choose | None = None,
    ) -> None:
        self._ledger = ledger
        self._settings_file = settings_file
        self._clock = clock
        self._estimate = estimate
        self._choose = choose

    async def scan(self, look: Look) -> Scan:
        """Return the marks in a commit; one that has a task has the id under which it has it.

        Raises:
            InvalidRequestError: No repository, no such commit, or settings that mean nothing.
            GitError: Git failed.
        """
        return (await self._scanned(look))[0]

    async def plan(self, look: Look, wanted: Wanted) -> Plan:
        """Return the tasks that would be asked for; nothing is done.

        A task that was about to be asked for when its asker was killed is the first again.

        Raises:
            InvalidRequestError: As for `scan`; or a limit that cannot be kept.
        """
        check_wanted(wanted)
        found, settings, known = await self._scanned(look)
        wanted, tests = await self._settled(found, settings, wanted)
        ids = {one.mark_id for one in known}
        pending = _pending(found, known)
        fresh = [one for one in found.marks if one.mark_id not in ids and wanted.takes(one)]
        new = grouped(ordered(fresh, wanted.order), wanted.by, wanted.limits)
        groups = [*(tuple(those) for those in pending.values()), *new]
        wanted = replace(wanted, cost_usd=await self._cost(found, groups, wanted))
        kept, beyond = within(groups, wanted.limits, wanted.cost_usd)
        keys = [*pending, *("" for _ in new)]
        tasks = tuple(
            planned(found, group, tests, wanted, key)
            for group, key in zip(kept, keys, strict=False)
        )
        waiting = sum(map(len, pending.values()))
        here = sum(one.mark_id in ids for one in found.marks) - waiting
        return Plan(found, tasks, tests, here, dict(beyond))

    async def submit(
        self,
        plan: Plan,
        submitter: Submitter,
        who: str,
        *,
        baselines: Baselines | None = None,
        again: bool = False,
    ) -> dict[str, TaskId]:
        """Hand a plan's tasks in, and return them by their key.

        Done again after a kill at any moment, no mark has two tasks.

        Args:
            baselines: Sees that tests pass before; without it, nobody looks.
            again: Run the tests anew, even if it is known how they go in that commit.

        Raises:
            ConflictError: The tests fail already; nothing is handed in.
        """
        if not plan.tasks:
            return {}
        if baselines is not None and plan.tests:
            baseline = await baselines.of(plan.scan, plan.tests, again=again)
            if not baseline.passed:
                raise ConflictError(
                    f"the tests fail already, in {plan.scan.commit[:9]}: {baseline.problem}",
                    hint="Mend them first, name others, or ask for none.",
                    code="tests_fail_already",
                )
        now = self._clock.now()
        await self._ledger.note(
            known for task in plan.tasks for known in known_of(plan.scan, task, now)
        )
        noted = {one.mark_id: one.key for one in await self._ledger.marks(plan.scan.repository)}
        ours = [
            task.spec
            for task in plan.tasks  # somebody else may have been quicker, with other groups
            if all(noted[one.mark_id] == task.spec.key for one in task.marks)
        ]
        tasks: dict[str, TaskId] = {}
        for spec in ours:  # each by itself: its key alone decides whether it was taken before
            task = await submitter.submit_task(await self._chosen(spec), who)
            tasks[spec.key] = task.task_id
            await self._ledger.accepted(plan.scan.repository, {spec.key: task.task_id})
        return tasks

    async def progress(self, look: Look, submitter: Submitter) -> Progress:
        """Return how far the tasks of a repository's marks have come."""
        found, _, known = await self._scanned(replace(look, blame=False))
        tasks: dict[TaskId, Task] = {}
        for task_id in dict.fromkeys(one.task_id for one in known if one.task_id):
            try:
                tasks[task_id] = await submitter.get(task_id)
            except NotFoundError:
                continue  # it was purged
        return progress_of(found, known, tasks)

    async def renew(self, look: Look, submitter: Submitter) -> tuple[MarkId, ...]:
        """Let marks have another task whose task was purged, is dead or was cancelled.

        Returns:
            Those marks; they are in the next plan.
        """
        progress = await self.progress(look, submitter)
        over = [
            one.known
            for one in progress.marks
            if not one.gone and one.known.task_id and (one.state is None or one.failed)
        ]
        keys = {one.task_id: next_key(one.key) for one in over}
        await self._ledger.renew(progress.repository, keys)
        return tuple(one.mark_id for one in over)

    async def _scanned(self, look: Look) -> tuple[Scan, BacklogSettings, tuple[KnownMark, ...]]:
        settings = await to_thread.run_sync(read_settings, self._settings_file)
        repository = (await find_checkout(look.directory)).repository
        known = await self._ledger.marks(repository)
        found = await scan(look, settings, self._clock.now(), known)
        if moved := _moved(found, known, whole=not look.paths):
            await self._ledger.seen(repository, moved)
        return found, settings, known

    async def _settled(
        self, found: Scan, settings: BacklogSettings, wanted: Wanted
    ) -> tuple[Wanted, tuple[str, ...]]:
        """Return what is wanted with what the user's file says where nothing was said."""
        own = settings.of(found.top)
        tests = wanted.tests
        if tests is None and own is not None:
            tests = own.tests
        if tests is None:
            files = await read_files(Git(found.top), found.commit, TOLD_BY, MOST_CONVENTION_BYTES)
            tests = commands_for(files)
        kind = wanted.kind or (own.kind if own else "")
        template = wanted.template or (own.template if own else "")
        return replace(wanted, kind=kind, template=template), tests

    async def _cost(
        self, found: Scan, groups: Sequence[Sequence[Mark]], wanted: Wanted
    ) -> float | None:
        if wanted.cost_usd is not None or self._estimate is None or not groups:
            return wanted.cost_usd
        return await self._estimate(planned(found, groups[0], (), wanted).spec)

    async def _chosen(self, spec: TaskSpec) -> TaskSpec:
        return spec if self._choose is None else await self._choose(spec)


def _pending(found: Scan, known: Iterable[KnownMark]) -> dict[str, list[Mark]]:
    """Return the marks that were about to have a task and still stand, by the task's key."""
    keys = {one.mark_id: one.key for one in known if not one.task_id}
    marks: defaultdict[str, list[Mark]] = defaultdict(list)
    for one in found.marks:
        if one.mark_id in keys:
            marks[keys[one.mark_id]].append(one)
    return dict(marks)


def _moved(
    found: Scan, known: Iterable[KnownMark], *, whole: bool
) -> dict[MarkId, tuple[str, str]]:
    """Return where known marks stand now that stood elsewhere; the path of those gone is empty.

    Args:
        whole: The whole repository was looked at.
    """
    here = {one.mark_id: (one.place, one.path) for one in found.marks}
    moved = {}
    for one in known:
        gone = (one.place, "" if whole and not found.left_out else one.path)
        now = here.get(one.mark_id, gone)
        if now != (one.place, one.path):
            moved[one.mark_id] = now
    return moved
