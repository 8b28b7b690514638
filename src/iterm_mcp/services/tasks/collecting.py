"""Gathering what came of a run, and holding it against what was asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import anyio

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.callers import Caller
from iterm_mcp.models.event_queries import EventQuery, Sums
from iterm_mcp.models.events import EventKind, Links
from iterm_mcp.models.results import Form
from iterm_mcp.models.tasks import TaskResult
from iterm_mcp.services.tasks.handed_over import of_message, of_output
from iterm_mcp.services.tasks.keeping import (
    find_recording,
    keep_files,
    keep_patch,
    read_output,
    read_result,
    read_text,
)
from iterm_mcp.services.tasks.prompts import agent_name, environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.event_queries import EventPage
    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.tasks import Acceptance
    from iterm_mcp.models.worktrees import Worktree
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.events.costs import CostReport
    from iterm_mcp.services.sharing.results import ResultService
    from iterm_mcp.services.tasks.folders import AttemptFolders
    from iterm_mcp.services.worktrees.service import Worktrees
    from iterm_mcp.tasks.work import Ending, Order, Place, Running

LATE_SECONDS = 3.0
"""How long what an agent said last, and what it used, may take to be told of."""

STEADY_SECONDS = 1.0
"""What it used is all of it once it has not changed for so long: an agent's hook says sooner that a
turn has ended than what it writes of its last call to a model is read, twice a second."""

PAUSE_SECONDS = 0.1


class Told(Protocol):
    """Where is known what agents said."""

    async def query(self, query: EventQuery) -> EventPage:
        """Return events."""


class Spent(Protocol):
    """Where is known what agents cost."""

    async def report(self, since: datetime, until: datetime, *, agent: str) -> CostReport:
        """Return what an agent cost in a time."""


class Verify(Protocol):
    """Holds results against what was asked for; see `iterm_mcp.services.tasks.acceptance`."""

    async def __call__(
        self,
        acceptance: Acceptance,
        place: Place,
        ending: Ending,
        result: TaskResult,
        *,
        begun: str = "",
        base: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> tuple[str, ...]:
        """Return what was not found to be so, a sentence each."""


class Collector:
    """Gathers what came of runs.

    Args:
        recordings: The folder in which the host records sessions.
        verify: Holds results against what was asked for.
        late_seconds: How long what an agent said last may take to be told of.
    """

    def __init__(
        self,
        folders: AttemptFolders,
        worktrees: Worktrees,
        results: ResultService,
        book: LifeBook,
        told: Told,
        spent: Spent,
        clock: Clock,
        verify: Verify,
        *,
        recordings: str,
        late_seconds: float = LATE_SECONDS,
    ) -> None:
        self._folders = folders
        self._worktrees = worktrees
        self._results = results
        self._book = book
        self._told = told
        self._spent = spent
        self._clock = clock
        self._verify = verify
        self._recordings = recordings
        self._late_seconds = late_seconds

    async def collect(
        self, order: Order, place: Place, running: Running, ending: Ending
    ) -> TaskResult:
        """Return what came of a run; see `iterm_mcp.tasks.work.Work.collect`."""
        folder = self._folders.of(order.attempt_id)
        said, cost, tokens = await self._said(order) if running.agent else ("", None, None)
        output, problem = await self._output(order, running, said)
        files, missing = await keep_files(place.directory, order.spec.files, folder)
        worktree = await self._worktrees.records.find(place.worktree) if place.worktree else None
        patch, unknown = await self._changes(order, place, worktree)
        result = TaskResult(
            output=output,
            exit_code=ending.exit_code,
            files=files,
            branch=worktree.branch if worktree else "",
            patch=patch,
            recording=await find_recording(self._recordings, running.session_id),
            cost_usd=cost,
            tokens=tokens,
        )
        unmet = await self._verify(
            order.spec.acceptance,
            place,
            ending,
            result,
            begun=worktree.base_commit if worktree else await read_text(folder.began),
            base=worktree.base_branch if worktree else "",
            variables=environment(order, folder),
        )
        problems = (*filter(None, (problem, unknown)), *missing, *unmet)
        return replace(result, problems=problems)

    async def _output(self, order: Order, running: Running, said: str) -> tuple[Json, str]:
        """Return what a run handed over, and what is wrong with that."""
        folder = self._folders.of(order.attempt_id)
        written, output, problem = await read_result(folder)
        if written or problem:
            return output, problem
        if not running.agent:
            return of_output(await read_output(folder)), ""
        shared = await self._results.list(Caller(), author=running.agent, limit=1)
        if not shared:
            return of_message(said), ""
        if shared[0].form is Form.JSON:
            return json.loads(shared[0].content), ""
        return shared[0].content, ""

    async def _said(self, order: Order) -> tuple[str, float | None, int | None]:
        """Return what an agent said last, and what it cost as far as is known by now."""
        text, total, steady = "", Sums(), False
        changed_at = anyio.current_time()
        with anyio.move_on_after(self._late_seconds):
            while not steady:
                text = text or await self._last_message(order)
                known, total = total, await self._sums(order)
                if total.usage != known.usage:
                    changed_at = anyio.current_time()
                late = changed_at > anyio.current_time() - STEADY_SECONDS
                steady = bool(text and total.usage.total and not late)
                await anyio.sleep(PAUSE_SECONDS)
        if not total.usage.total:
            return text, None, None
        dollars = (total.reported_nanodollars + total.computed_nanodollars) / 1e9
        return text, dollars if dollars or not total.unpriced else None, total.usage.total

    async def _last_message(self, order: Order) -> str:
        name = agent_name(order)
        life = await self._book.find(name)
        conversation = "" if life is None else life.conversation
        for links in (Links(agent=str(name)), Links(conversation=conversation)):
            if links == Links():
                continue
            query = EventQuery(kinds=frozenset({EventKind.TURN_ENDED}), links=links, limit=1)
            found = next((one.event.text for one in (await self._told.query(query)).events), "")
            if found:
                return found
        return ""

    async def _sums(self, order: Order) -> Sums:
        until = self._clock.now() + timedelta(hours=1)
        since = order.deadline - timedelta(seconds=order.spec.deadline_seconds, hours=1)
        name = str(agent_name(order))
        return (await self._spent.report(min(since, until), until, agent=name)).total

    async def _changes(
        self, order: Order, place: Place, worktree: Worktree | None
    ) -> tuple[str, str]:
        """Return the patch of what was changed in a worktree, and why that is not known."""
        if not place.worktree:
            return "", ""
        if worktree is None:
            return "", f"its worktree {place.worktree!r} is gone"
        try:
            return await keep_patch(worktree, self._folders.of(order.attempt_id)), ""
        except ItermMcpError as error:
            return "", f"its changes could not be kept: {error}"
