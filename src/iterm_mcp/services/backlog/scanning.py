"""All marks of one commit of a repository: found by git, read once, told apart, and dated."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.models.backlog import Mark, MarkId, Scan
from iterm_mcp.services.backlog.blaming import blame
from iterm_mcp.services.backlog.blobs import grep, set_apart, sizes, texts
from iterm_mcp.services.backlog.identity import identify
from iterm_mcp.services.worktrees.git import Git
from iterm_mcp.services.worktrees.repository import find_checkout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from iterm_mcp.models.backlog import KnownMark
    from iterm_mcp.services.backlog.finding import Finder, Found
    from iterm_mcp.services.backlog.settings import BacklogSettings

LARGE = "larger than most_file_bytes"
EXCLUDED = "excluded"
VENDORED = "vendored or generated, by .gitattributes"


@dataclass(frozen=True, slots=True)
class Look:
    """Where to look.

    Attributes:
        directory: Any directory of a checkout.
        commit: What is looked at: a commit, a branch, a tag.
        paths: Files and folders, from the top of the repository; all of it if empty.
        blame: Find out who wrote each mark, and when.
    """

    directory: str
    commit: str = "HEAD"
    paths: tuple[str, ...] = ()
    blame: bool = True


async def scan(
    look: Look, settings: BacklogSettings, now: datetime, known: Iterable[KnownMark] = ()
) -> Scan:
    """Return the marks in a commit, by path and line.

    What is in no commit does not count: an agent's own worktree would not have it.

    Args:
        known: Marks of the repository that have ids; the same ones get them again.

    Raises:
        InvalidRequestError: There is no repository, or no such commit.
        GitError: Git failed.
    """
    checkout = await find_checkout(look.directory)
    git = Git(checkout.top or look.directory)
    commit = await git.commit_of(look.commit)
    if not commit:
        raise InvalidRequestError(
            f"{shown(look.commit)!r} is no commit of {checkout.repository}",
            hint="Name one that is there; an empty repository needs a first commit.",
        )
    own = settings.of(checkout.top)
    excluded = (*settings.exclude, *(own.exclude if own else ()))
    paths, skipped = await _files(git, commit, look.paths, settings, excluded)
    found, files = await _marks(git, commit, paths, settings, skipped)
    ids = identify(found, known)
    kept = [replace(one, mark_id=name) for one, name in zip(found, ids, strict=True)]
    left_out = max(0, len(kept) - settings.most_marks)
    marks = tuple(kept[: settings.most_marks])
    if look.blame:
        marks = await _blamed(git, commit, marks, settings.blame_seconds)
    unblamed = sum(one.written_at is None for one in marks)
    return Scan(
        checkout.repository, checkout.top, commit, now, marks, files, dict(skipped), left_out,
        unblamed,
    )  # fmt: skip


async def _files(
    git: Git,
    commit: str,
    wanted: Sequence[str],
    settings: BacklogSettings,
    excluded: Sequence[str],
) -> tuple[list[str], Counter[str]]:
    """Return the files that may have marks, and why others that have such words do not count."""
    skipped: Counter[str] = Counter()
    hits = await grep(git, commit, settings.tags, wanted, ignore_case=settings.ignore_case)
    apart = await set_apart(git, hits)
    kept = []
    for path in sorted(hits):
        if path in apart:
            skipped[VENDORED] += 1
        elif any(fnmatchcase(path, one) for one in excluded):
            skipped[EXCLUDED] += 1
        else:
            kept.append(path)
    return kept, skipped


async def _marks(
    git: Git, commit: str, paths: Sequence[str], settings: BacklogSettings, skipped: Counter[str]
) -> tuple[list[Mark], int]:
    blobs = await sizes(git, commit, paths)
    small = [one for one in blobs if one.size <= settings.most_file_bytes]
    if len(small) < len(blobs):
        skipped[LARGE] += len(blobs) - len(small)
    marks: list[Mark] = []
    async for blob, text in texts(git, commit, small):
        marks += await to_thread.run_sync(find_all, settings.finder, blob.path, text)
    return marks, len(small)


def find_all(finder: Finder, path: str, text: str) -> list[Mark]:
    """Return the marks of a file, which have no ids yet. Pure."""
    return [_mark(path, one) for one in finder.find(path, text)]


def _mark(path: str, found: Found) -> Mark:
    return Mark(
        MarkId(""), found.tag, found.text, path, found.line, found.where, found.content,
        found.place, found.named, found.own_line, found.before, found.after, found.function,
    )  # fmt: skip


async def _blamed(
    git: Git, commit: str, marks: tuple[Mark, ...], seconds: float
) -> tuple[Mark, ...]:
    lines: defaultdict[str, set[int]] = defaultdict(set)
    for one in marks:
        lines[one.path].add(one.line)
    found = await blame(git, commit, lines, seconds)
    told = []
    for one in marks:
        by = found.get((one.path, one.line))
        told.append(
            one
            if by is None
            else replace(
                one, author=by.author, author_mail=by.mail, written_at=by.at, commit=by.commit
            )
        )
    return tuple(told)
