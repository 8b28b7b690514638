"""What agents' shell commands change: files and commits, by comparing before with after.

A tool that writes files says so; a shell does not. So the directory of a conversation is looked at
when a command begins and when it has ended, in threads, and what the tool itself told is left out.
Nobody waits for that: where too much happens at once some commands go without.
"""

from __future__ import annotations

import os
from collections import OrderedDict, defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.events import Event, EventKind, Links, event_key
from iterm_mcp.services.events.looking import GitError
from iterm_mcp.services.events.trees import baseline, moves

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from datetime import datetime

    from anyio.abc import TaskGroup

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.events import Kept
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.events.looking import CommitFacts
    from iterm_mcp.services.events.own_facts import Records
    from iterm_mcp.services.events.trees import Difference, FileFacts, Tree

log = structlog.get_logger()

K = TypeVar("K")
V = TypeVar("V")

SHELLS = frozenset(
    {"Bash", "PowerShell", "shell", "local_shell", "exec", "exec_command", "shell_command",
     "container.exec", "unified_exec", "run_shell_command"}
)  # fmt: skip
"""Tools of any agent that run commands."""

ENDS = frozenset({EventKind.TOOL_ENDED, EventKind.TOOL_FAILED})
FRESH = timedelta(seconds=30)
"""What began longer ago is history: how it was then can no longer be seen."""

MOST_JOBS = 200
MOST_AT_ONCE = 2
MOST_OPEN = 1000
MOST_PLACES = 100
MOST_CONVERSATIONS = 5000
MOST_TOLD = 5000
PUT_OFF_SECONDS = 600.0
"""How long a directory is left alone that is too large, or too slow."""


class Looks(Protocol):
    """Looks at directories; see `looking.Looker`."""

    def root(self, directory: str) -> str | None:
        """Return the directory that is looked at as a whole; None where there is none."""

    def look(self, root: str, known: Tree | None = None) -> Tree:
        """Return how it is now."""

    def dated(self, root: str, path: str) -> int:
        """Return when a file's folder was last changed."""

    def compare(self, before: Tree, after: Tree) -> list[Difference]:
        """Return what became of files, or raise `GitError`."""

    def commits(self, root: str, before: str, after: str) -> list[CommitFacts]:
        """Return the commits that came, or raise `GitError`."""


@dataclass(slots=True)
class _Place:
    """A directory that is looked at.

    Attributes:
        told: When a change was told last, by path, and what was told: of `ours`, else by others.
    """

    turn: anyio.Lock = field(default_factory=anyio.Lock)
    tree: Tree | None = None
    not_before: float = 0.0
    told: OrderedDict[str, datetime] = field(default_factory=OrderedDict)
    ours: OrderedDict[str, tuple[datetime, FileFacts | None]] = field(default_factory=OrderedDict)
    commits: OrderedDict[str, None] = field(default_factory=OrderedDict)


@dataclass(frozen=True, slots=True)
class _Open:
    """A command under way, and how its directory was when it began."""

    started: Event
    root: str
    before: Tree


class ShellChanges:
    """Follows shell commands among what is taken in. Use it as an observer of the intake.

    Args:
        directories: Tells where a conversation was begun; empty where it is not known.

    Attributes:
        skipped: How many looks were left out, because too many waited.
    """

    def __init__(
        self,
        recorder: Records,
        clock: Clock,
        looker: Looks,
        directories: Callable[[str], Awaitable[str]],
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._looker = looker
        self._find = directories
        self._group: TaskGroup | None = None
        self._limiter: anyio.CapacityLimiter | None = None
        self._jobs = 0
        self._directories: OrderedDict[str, str] = OrderedDict()
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._open: OrderedDict[tuple[str, str], _Open] = OrderedDict()
        self._turns: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        self.skipped = 0

    @property
    def busy(self) -> bool:
        """Whether anything is being looked at, or waits to be."""
        return bool(self._jobs)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look at directories for the length of the block."""
        self._limiter = anyio.CapacityLimiter(MOST_AT_ONCE)
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                yield
            finally:
                self._group = None
                group.cancel_scope.cancel()

    def events_kept(self, events: Sequence[Event], kept: Kept) -> None:
        """Note what matters among events that are kept; looks happen later."""
        del kept
        for event in events:
            match event.kind:
                case EventKind.CONVERSATION_STARTED | EventKind.HOOK_FIRED:
                    self._moved(event)
                case EventKind.FILE_CHANGED:
                    self._told_file(event)
                case EventKind.COMMIT_MADE:
                    self._told_commit(event)
                case _:
                    pass
        now = self._clock.now()
        for event in events:
            if not event.links.conversation:
                continue
            fresh = now - event.at <= FRESH
            if event.kind is EventKind.PROMPT_SUBMITTED and fresh:
                self._start(self._prepare, event)
            elif event.kind is EventKind.TOOL_STARTED and fresh and _is_shell(event):
                self._start(self._begin, event)
            elif event.kind in ENDS and (_is_shell(event) or not event.payload.get("tool")):
                self._start(self._end, event)

    # What is told.

    def _moved(self, event: Event) -> None:
        told = event.payload.get("told")
        where = event.payload.get("directory")
        if event.kind is EventKind.HOOK_FIRED:
            where = None
            if event.payload.get("event") == "CwdChanged" and isinstance(told, dict):
                where = told.get("new_cwd")
        if isinstance(where, str) and where and event.links.conversation:
            _remember(self._directories, event.links.conversation, where, MOST_CONVERSATIONS)

    def _told_file(self, event: Event) -> None:
        path = event.payload.get("path")
        if not isinstance(path, str) or "evidence" in event.payload:
            return
        for root, place in self._places.items():
            if path.startswith(f"{root}/"):
                _remember(place.told, path, event.at, MOST_TOLD)

    def _told_commit(self, event: Event) -> None:
        for place in self._places.values():
            _remember(
                place.commits, str(event.payload.get("sha") or event.subject), None, MOST_TOLD
            )

    # Jobs: those of one conversation one after the other.

    def _start(self, job: Callable[[Event], Awaitable[None]], event: Event) -> None:
        if self._group is None:
            return
        if self._jobs >= MOST_JOBS:
            self.skipped += 1
            return
        self._jobs += 1
        self._group.start_soon(self._run, job, event)

    async def _run(self, job: Callable[[Event], Awaitable[None]], event: Event) -> None:
        conversation = event.links.conversation
        turn = self._turns[conversation]
        try:
            async with turn:
                await job(event)
        except (ItermMcpError, GitError, OSError) as error:
            log.info("shell_changes_unseen", conversation=conversation, reason=str(error))
        finally:
            self._jobs -= 1
            if not turn.statistics().tasks_waiting and not turn.locked():
                self._turns.pop(conversation, None)

    async def _prepare(self, event: Event) -> None:
        """Look before the model has answered: no command of this turn has begun."""
        root, place = await self._place(event)
        if place is not None:
            async with place.turn:
                await self._look(root, place)

    async def _begin(self, event: Event) -> None:
        root, place = await self._place(event)
        if place is None:
            return
        async with place.turn:
            known = place.tree
            fresh = await self._look(root, place)
            if fresh is None:
                return
            began_ns = int(event.at.timestamp() * 1e9)
            before = await to_thread.run_sync(
                lambda: baseline(
                    known, fresh, began_ns, lambda path: self._looker.dated(root, path)
                )
            )
            place.tree = before
        key = event.links.conversation, event.links.call
        _remember(self._open, key, _Open(event, root, before), MOST_OPEN)

    async def _end(self, event: Event) -> None:
        opened = self._open.pop((event.links.conversation, event.links.call), None)
        place = None if opened is None else self._places.get(opened.root)
        if opened is None or place is None:
            return
        async with place.turn:
            after = await self._look(opened.root, place)
            if after is None:
                return
            before = opened.before
            found = await to_thread.run_sync(
                self._looker.compare, before, after, limiter=self._limiter
            )
            moved = moves(found)
            for one in found:
                self._tell_file(opened, place, one, event.at, after, moved.get(one.path))
            if after.head and before.head != after.head:
                commits = await to_thread.run_sync(
                    self._looker.commits, opened.root, before.head, after.head,
                    limiter=self._limiter,
                )  # fmt: skip
                self._tell_commits(opened, place, commits, event.at, after.branch)

    async def _place(self, event: Event) -> tuple[str, _Place | None]:
        """Return where a conversation works, unless that is to be left alone."""
        conversation = event.links.conversation
        directory = self._directories.get(conversation)
        if directory is None:
            directory = await self._find(conversation)
            _remember(self._directories, conversation, directory, MOST_CONVERSATIONS)
        given = event.payload.get("input")
        if isinstance(given, dict):
            named = given.get("workdir") or given.get("cwd")
            if isinstance(named, str) and Path(named).is_absolute():
                directory = named
        if not directory:
            return "", None
        root = await to_thread.run_sync(self._looker.root, directory, limiter=self._limiter)
        if root is None:
            return "", None
        place = self._places.get(root) or _Place()
        _remember(self._places, root, place, MOST_PLACES)
        return root, place if self._clock.monotonic() >= place.not_before else None

    async def _look(self, root: str, place: _Place) -> Tree | None:
        tree = await to_thread.run_sync(self._looker.look, root, place.tree, limiter=self._limiter)
        if tree.complete:
            place.tree = tree
            return tree
        log.info("directory_too_large", directory=root)
        place.tree = None
        place.not_before = self._clock.monotonic() + PUT_OFF_SECONDS
        return None

    # What was found.

    def _tell_file(
        self, opened: _Open, place: _Place, found: Difference, at: datetime, after: Tree,
        moved: str | None,
    ) -> None:  # fmt: skip
        began = opened.started.at
        path = _shown(opened.root, found.path)
        known = place.told.get(path)
        ours = place.ours.get(path)
        if known is not None and known >= began:
            return  # the tool itself, or another, has told of it
        if ours is not None and ours[0] >= began and ours[1] == found.after:
            return  # told of another command that ran meanwhile
        _remember(place.ours, path, (at, found.after), MOST_TOLD)
        payload: dict[str, Json] = {
            "path": path, "change": found.change, "tool": str(opened.started.payload.get("tool")),
            "bytes_before": 0 if found.before is None else found.before.size,
            "bytes_after": 0 if found.after is None else found.after.size,
            "evidence": "git" if after.kept_by_git else "files",
        }  # fmt: skip
        if found.lines is not None:
            payload["lines_added"], payload["lines_removed"] = found.lines
        if moved is not None:
            where = "moved_to" if found.after is None else "moved_from"
            payload[where] = _shown(opened.root, moved)
        self._record(
            opened, EventKind.FILE_CHANGED, ("file", opened.started.links.call, path), at, path,
            f"{found.change} {path}", payload,
        )  # fmt: skip

    def _tell_commits(
        self, opened: _Open, place: _Place, commits: Sequence[CommitFacts], at: datetime,
        branch: str,
    ) -> None:  # fmt: skip
        began = int(opened.started.at.timestamp())
        for one in commits:
            if one.at_seconds < began or any(one.sha.startswith(sha) for sha in place.commits):
                continue  # made before, and only fetched; or the tool itself has told of it
            _remember(place.commits, one.sha, None, MOST_TOLD)
            self._record(
                opened, EventKind.COMMIT_MADE,
                (EventKind.COMMIT_MADE, opened.started.links.call, one.sha), at, one.sha,
                one.message,
                {"sha": one.sha, "branch": branch, "message": one.message, "evidence": "git"},
            )  # fmt: skip

    def _record(
        self, opened: _Open, kind: EventKind, key: tuple[str, ...], at: datetime, subject: str,
        text: str, payload: dict[str, Json],
    ) -> None:  # fmt: skip
        links: Links = opened.started.links
        self._recorder.record(
            Event(
                key=event_key(links.kind or "agent", links.conversation, *key),
                at=at,
                kind=kind,
                source="work",
                subject=subject,
                text=text,
                links=links,
                payload=payload,
            )
        )


def _is_shell(event: Event) -> bool:
    return bool(event.links.call) and event.payload.get("tool") in SHELLS


def _remember(known: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Keep a value as the newest, and of more than so many the newest ones."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > most:
        known.popitem(last=False)


def _shown(root: str, path: str) -> str:
    return os.fsencode(f"{root}/{path}").decode(errors="replace")
