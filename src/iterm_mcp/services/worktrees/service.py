"""Worktrees by name: made, listed, brought together, removed and had back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from iterm_mcp.errors import ConflictError, InvalidRequestError, ItermMcpError, RefusedError
from iterm_mcp.models.worktrees import (
    Joining,
    Worktree,
    WorktreeFacts,
    WorktreeName,
    WorktreeState,
    WorktreeTally,
)
from iterm_mcp.services.names import check_name
from iterm_mcp.services.worktrees import joining, making
from iterm_mcp.services.worktrees.disk import check_room, size_of, users_of
from iterm_mcp.services.worktrees.facts import GONE, facts_of
from iterm_mcp.services.worktrees.git import Git
from iterm_mcp.services.worktrees.measuring import Unmeasured, measured
from iterm_mcp.services.worktrees.records import Records
from iterm_mcp.services.worktrees.repository import branch_of, find_checkout
from iterm_mcp.services.worktrees.salvage import (
    forget_salvaged,
    parts,
    put_back,
    salvage,
    salvage_limit,
)
from iterm_mcp.services.worktrees.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.worktrees.measuring import OperationMeter
    from iterm_mcp.services.worktrees.settings import WorktreeSettings

    Change = Callable[[Worktree], Awaitable[Worktree]]

AT_ONCE = 4
"""Worktrees that are made or looked at side by side: more only wait for the same disk."""

SIZE_SECONDS = 30.0
"""How long it is believed how much all worktrees take: looking means to visit every file."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What worktree is asked for.

    Attributes:
        directory: Any directory of the checkout that it is made from.
        start: A branch or a commit; what is checked out there when it is empty.
        branch: Its new branch; ``iterm-mcp/NAME`` when it is empty.
    """

    name: str
    directory: str
    owner: str
    start: str = ""
    branch: str = ""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did.

    Attributes:
        removed: Worktrees that are gone now; or that would be.
        kept: All others.
        forgotten: References of what was salvaged too long ago.
        failed: Why a worktree that could go did not, by name.
    """

    removed: tuple[Worktree, ...]
    kept: tuple[WorktreeFacts, ...]
    forgotten: tuple[str, ...]
    failed: dict[str, str]


class Worktrees:
    """All worktrees of one user.

    Args:
        folder: In which they stand.
        settings_file: ``worktrees.toml``; it may be missing.
        meter: Measures what is done with them.
    """

    def __init__(
        self, folder: str, settings_file: str, clock: Clock, meter: OperationMeter | None = None
    ) -> None:
        self.meter = meter or Unmeasured()
        self.records = Records(folder)
        self._settings_file = settings_file
        self._clock = clock
        self._room = anyio.Semaphore(AT_ONCE)
        self._taken: tuple[float, int] | None = None
        self._tallied: frozenset[str] = frozenset()

    @measured("create")
    async def create(self, wish: Wish) -> Worktree:
        """Make a worktree on a new branch, and set it up as the user's file says.

        Asked again for one that is there, with the same owner and the same repository, the same
        one is returned: who was killed while asking may ask again.

        Raises:
            ConflictError: The name or the branch is taken.
            InvalidRequestError: No repository, no such start, or a name that cannot be.
            RefusedError: There is no room for another.
            GitError: Git refused; nothing is left of it.
        """
        check_name("worktree", wish.name)
        checkout = await find_checkout(wish.directory)
        settings = await self._settings()
        async with self._room, self.records.held(wish.name):
            known = await self._settled(wish.name)
            if known is not None and known.state is not WorktreeState.REMOVED:
                if (known.owner, known.repository) == (wish.owner, checkout.repository):
                    return known
                raise ConflictError(
                    f"{known.owner} has a worktree {wish.name!r}", hint="Choose another name."
                )
            await self._check_room(settings)
            worktree = await self._planned(wish, checkout.repository)
            await self.records.put(worktree)
            try:
                await making.add(worktree, worktree.base_commit)
            except ItermMcpError:
                await (self.records.put(known) if known else self.records.forget(wish.name))
                raise
            made = await making.furnish(worktree, checkout.top, settings.of(checkout.top))
            return await self.records.put(made)

    async def _planned(self, wish: Wish, repository: str) -> Worktree:
        git = Git(wish.directory)
        start = wish.start or "HEAD"
        commit = await git.commit_of(start)
        if not commit:
            raise InvalidRequestError(
                f"{start[:80]!r} is no branch and no commit of {repository}",
                hint="Name one that is there; an empty repository needs a first commit.",
            )
        local = await git.commit_of(f"refs/heads/{start}")
        base = start if wish.start and local else "" if wish.start else await branch_of(git)
        branch = wish.branch or f"iterm-mcp/{wish.name}"
        await making.check_branch(git, branch)
        return Worktree(
            WorktreeName(wish.name), repository, self.records.place(wish.name), branch, base,
            commit, wish.owner, WorktreeState.CREATING, self._clock.now(),
        )  # fmt: skip

    async def _settled(self, name: str) -> Worktree | None:
        """Return what is known of a name, after finishing what a kill has left half done."""
        known = await self.records.find(name)
        if known is not None and known.state is WorktreeState.CREATING:
            git = Git(known.repository)
            head = (await parts(git, known.salvage))[0] if known.salvage else known.base_commit
            await making.undo(replace(known, base_commit=head))
            return await self.records.put(replace(known, state=WorktreeState.REMOVED))
        if known is not None and known.state is WorktreeState.REMOVING:
            return await self._taken_away(known)
        return known

    async def _settings(self) -> WorktreeSettings:
        return await to_thread.run_sync(read_settings, self._settings_file)

    async def _check_room(self, settings: WorktreeSettings) -> None:
        check = partial(check_room, self.records.folder, settings=settings)
        await to_thread.run_sync(check, await self._size(SIZE_SECONDS))

    async def _size(self, believed_seconds: float) -> int:
        """Return how much all worktrees take, as it was seen so long ago at most."""
        now = self._clock.monotonic()
        if self._taken is None or now - self._taken[0] > believed_seconds:
            self._taken = now, await to_thread.run_sync(size_of, self.records.folder)
        return self._taken[1]

    async def tally(self, believed_seconds: float) -> WorktreeTally:
        """Count what is there, without asking git.

        Args:
            believed_seconds: How old the size may be, unless one has come or gone since.

        Raises:
            StoreError: A record cannot be read.
        """
        known = await self.records.all()
        standing = {one.name: one.state for one in known if one.state is not WorktreeState.REMOVED}
        states: Counter[WorktreeState] = Counter(standing.values())
        if standing.keys() != self._tallied:
            self._taken, self._tallied = None, frozenset(standing)
        return WorktreeTally(states, await self._size(believed_seconds))

    async def listed(self, directory: str = "", *, removed: bool = False) -> list[WorktreeFacts]:
        """Tell of all worktrees, or of those of one repository.

        Args:
            removed: Those that are gone, too.
        """
        repository = (await find_checkout(directory)).repository if directory else ""
        wanted = [
            one
            for one in await self.records.all()
            if repository in {"", one.repository}
            and (removed or one.state is not WorktreeState.REMOVED)
        ]
        return await self._looked_at(wanted)

    async def show(self, name: str) -> WorktreeFacts:
        """Tell of one worktree.

        Raises:
            NotFoundError: There is none.
        """
        return (await self._looked_at([await self.records.get(name)]))[0]

    async def _looked_at(self, worktrees: list[Worktree]) -> list[WorktreeFacts]:
        users = await to_thread.run_sync(users_of, [one.path for one in worktrees])
        found: dict[str, WorktreeFacts] = {}

        async def look(one: Worktree) -> None:
            async with self._room:
                found[one.name] = await facts_of(one, users[one.path])

        async with anyio.create_task_group() as group:
            for one in worktrees:
                group.start_soon(look, one)
        return [found[one.name] for one in worktrees]

    async def _there(self, name: str) -> Worktree:
        worktree = await self.records.get(name)
        if worktree.state in GONE:
            raise ConflictError(
                f"the worktree {name!r} is {worktree.state}",
                hint="Restore it, or make it again.",
            )
        if not await to_thread.run_sync(Path(worktree.path, ".git").exists):
            raise ConflictError(
                f"somebody has removed the files of {name!r}",
                hint="Remove it, and make it again from its branch.",
            )
        return worktree

    async def _change(
        self, name: str, change: Callable[[Worktree], Awaitable[Worktree]]
    ) -> Worktree:
        async with self.records.held(name):
            return await self.records.put(await change(await self._there(name)))

    @measured("update")
    async def bring_up(self, name: str, how: Joining = Joining.MERGE) -> Worktree:
        """Bring what is new in its base branch into a worktree; see `joining.bring_up`."""
        return await self._change(name, lambda one: joining.bring_up(one, how))

    @measured("continue")
    async def go_on(self, name: str) -> Worktree:
        """Go on once conflicts are settled; see `joining.go_on`."""
        return await self._change(name, joining.go_on)

    @measured("abort")
    async def abort(self, name: str) -> Worktree:
        """Give up what waited for conflicts; see `joining.abort`."""
        return await self._change(name, joining.abort)

    @measured("land")
    async def land(self, name: str, how: Joining = Joining.MERGE, message: str = "") -> Worktree:
        """Bring a worktree's commits into its base branch; see `joining.land`."""
        return await self._change(name, lambda one: joining.land(one, how, message))

    @measured("remove")
    async def remove(self, name: str, *, force: bool = False) -> Worktree:
        """Remove a worktree and its branch, once all that was in it is kept.

        Args:
            force: Also with commits that are nowhere else, or with uncommitted files. One that a
                process uses is never removed.

        Raises:
            RefusedError: Something would be lost, or somebody is in it.
            GitError: It could not be kept; nothing is removed then.
        """
        async with self.records.held(name):
            await self._settled(name)
            facts = await self.show(name)
            worktree = facts.worktree
            if worktree.state is WorktreeState.REMOVED:
                return worktree
            if facts.users or (facts.kept_because and not force):
                reasons = "; ".join(facts.kept_because)
                raise RefusedError(
                    f"the worktree {name!r} stays: {reasons}",
                    hint="End what uses it." if facts.users else "Land it, or remove it by force.",
                    code="worktree_needed",
                )
            return await self._removed(facts)

    async def _removed(self, facts: WorktreeFacts) -> Worktree:
        worktree = facts.worktree
        kept = await salvage(worktree, self._clock.now()) if facts.head else ""
        going = replace(worktree, state=WorktreeState.REMOVING, salvage=kept)
        await self.records.put(going)
        try:
            return await self._taken_away(going)
        except ItermMcpError:
            await self.records.put(worktree)
            raise

    async def _taken_away(self, worktree: Worktree) -> Worktree:
        await making.take_away(worktree)
        git = Git(worktree.repository)
        branch = f"refs/heads/{worktree.branch}"
        tip, kept = await git.commit_of(branch), worktree.salvage
        if kept and tip and await git.ok("merge-base", "--is-ancestor", tip, kept):
            await git("update-ref", "-d", branch, tip)
        self._taken = None
        gone = replace(worktree, state=WorktreeState.REMOVED, conflicts=(), joining=None)
        return await self.records.put(gone)

    @measured("restore")
    async def restore(self, name: str) -> Worktree:
        """Have a removed worktree back: its commits on its branch, its uncommitted files in it.

        Raises:
            ConflictError: It is there; or nothing of it was kept.
        """
        async with self._room, self.records.held(name):
            await self._settled(name)
            worktree = await self.records.get(name)
            git = Git(worktree.repository)
            if worktree.state is not WorktreeState.REMOVED:
                raise ConflictError(f"the worktree {name!r} is there", hint="Show it.")
            if not worktree.salvage or not await git.commit_of(worktree.salvage):
                raise ConflictError(
                    f"nothing is kept of the worktree {name!r}",
                    hint="What was removed is kept for some time only.",
                )
            await self._check_room(await self._settings())
            head, kept = await parts(git, worktree.salvage)
            await self.records.put(replace(worktree, state=WorktreeState.CREATING))
            try:
                await making.add(worktree, head)
                await making.or_undo(
                    replace(worktree, base_commit=head), put_back(worktree.path, kept, head)
                )
            except ItermMcpError:
                await self.records.put(worktree)
                raise
            return await self.records.put(
                replace(worktree, state=WorktreeState.READY, salvage="", problem="")
            )

    @measured("collect")
    async def collect(self, *, only_look: bool = False) -> Collected:
        """Remove every worktree in which nothing would be lost, and forget old salvage.

        Args:
            only_look: Tell what would be removed, and remove nothing.
        """
        settings = await self._settings()
        facts = await self.listed()
        free = [one for one in facts if not one.kept_because]
        removed: list[Worktree] = []
        failed: dict[str, str] = {}
        for one in free:
            try:
                gone = one.worktree if only_look else await self.remove(one.worktree.name)
            except (
                ItermMcpError
            ) as error:  # somebody has gone into it meanwhile, or the disk is full
                failed[one.worktree.name] = str(error)
            else:
                removed.append(gone)
        forgotten: list[str] = []
        if not only_look:
            limit = salvage_limit(self._clock.now(), settings.keep_salvage_days)
            for repository in sorted({one.repository for one in await self.records.all()}):
                if await to_thread.run_sync(Path(repository).is_dir):
                    forgotten += await forget_salvaged(repository, limit)
        kept = tuple(one for one in facts if one.kept_because)
        return Collected(tuple(removed), kept, tuple(forgotten), failed)
