"""Whether marks are gone: done away with, and not only moved or reworded."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.backlog.blobs import read_files
from iterm_mcp.services.backlog.finding import LOOSEST, Finder
from iterm_mcp.services.backlog.scanning import find_all
from iterm_mcp.services.worktrees.git import Git
from iterm_mcp.services.worktrees.repository import find_checkout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iterm_mcp.models.backlog import Mark

MOST_BYTES = 16 << 20
ALIKE = 0.6
"""A new mark whose text resembles an old one's as much is that one, reworded."""
SHARED = 0.5
"""So is one that shares as much of all words of both."""
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """Where a mark stood."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def read_spot(text: str) -> Spot:
    """Return what ``PATH:LINE`` names.

    Raises:
        InvalidRequestError: It is none.
    """
    path, _, line = text.rpartition(":")
    if not path or not line.isascii() or not line.isdigit():
        raise InvalidRequestError(f"{text[:80]!r} is no PATH:LINE", hint="Write src/app.py:12.")
    return Spot(path, int(line))


async def check_gone(
    directory: str, commit: str, spots: Iterable[Spot], tags: Sequence[str]
) -> dict[Spot, str]:
    """Return why marks that stood in a commit are not gone from a checkout; those that are, miss.

    What is in the checkout's files counts, committed or not. Marks that others left alone do not.

    Raises:
        InvalidRequestError: No such commit, or no mark stood there.
    """
    checkout = await find_checkout(directory)
    git = Git(checkout.top)
    base = await git.commit_of(commit)
    if not base:
        raise InvalidRequestError(f"{commit[:80]!r} is no commit here", hint="Fetch it.")
    wanted = sorted(set(spots))
    changed = {
        *(await git("diff", "--name-only", "--no-renames", "-z", base)).names,
        *(await git("ls-files", "--others", "--exclude-standard", "-z")).names,
    }
    paths = sorted({*changed, *(one.path for one in wanted)})
    finder = Finder(tuple(tags), LOOSEST, ignore_case=False, anywhere=True)
    before = await read_files(git, base, paths, MOST_BYTES)
    after = await to_thread.run_sync(_read_all, checkout.top, paths)
    olds = await to_thread.run_sync(_all_marks, finder, before)
    news = await to_thread.run_sync(_all_marks, finder, after)
    at = {Spot(one.path, one.line): one for one in olds}
    unknown = [one for one in wanted if one not in at]
    if unknown:
        raise InvalidRequestError(
            f"no {', '.join(tags)} stands at {unknown[0]} of {base[:9]}",
            hint="Scan that commit again.",
        )
    return still_there([at[one] for one in wanted], olds, news)


def still_there(
    wanted: Sequence[Mark], olds: Sequence[Mark], news: Sequence[Mark]
) -> dict[Spot, str]:
    """Return why marks are not gone. Pure.

    Args:
        wanted: Those that were to go; some of `olds`.
        olds, news: All marks of the same files, before and now.
    """
    due = Counter(one.content for one in wanted)
    had = Counter(one.content for one in olds)
    have = Counter(one.content for one in news)
    fresh = [one for one in news if one.content not in had]
    reasons: dict[Spot, str] = {}
    for one in wanted:
        left = have[one.content] - (had[one.content] - due[one.content])
        if left > 0:
            spots = sorted(Spot(now.path, now.line) for now in news if now.content == one.content)
            reasons[Spot(one.path, one.line)] = f"it still stands at {spots[0]}"
            have[one.content] -= 1
            due[one.content] -= 1
            had[one.content] -= 1
            continue
        again = next((now for now in fresh if _reworded(one, now)), None)
        if again is not None:
            spot = Spot(again.path, again.line)
            reasons[Spot(one.path, one.line)] = f"it was only reworded, at {spot}"
    return reasons


def _reworded(old: Mark, new: Mark) -> bool:
    if old.place == new.place:
        return True
    one, other = old.text.lower(), new.text.lower()
    words, others = set(_WORDS.findall(one)), set(_WORDS.findall(other))
    if not words or not others:
        return False
    shared = len(words & others) / len(words | others)
    return shared >= SHARED or SequenceMatcher(None, one, other).ratio() >= ALIKE


def _all_marks(finder: Finder, files: Mapping[str, str]) -> list[Mark]:
    return [one for path, text in files.items() for one in find_all(finder, path, text)]


def _read_all(top: str, paths: Iterable[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in paths:
        place = Path(top, path)
        if place.is_symlink() or not place.is_file():
            continue
        with place.open("rb") as file:
            data = file.read(MOST_BYTES)
        if b"\0" not in data[:8000]:
            texts[path] = data.decode("utf-8", "replace")
    return texts
