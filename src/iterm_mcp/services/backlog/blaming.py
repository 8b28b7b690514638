"""Who wrote which line of a commit's files, and when; as far as that can be found out in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.services.worktrees.git import GitError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from iterm_mcp.services.worktrees.git import Git

AT_ONCE = 4
FILE_SECONDS = 30.0
MOST_RANGES = 100
"""Lines of one file that are asked for one by one; beyond, the whole file is cheaper."""
MOST_COPY_FILES = 300
"""So many files at most are also searched for lines that came from other files."""
_NOBODY = "0" * 40


@dataclass(frozen=True, slots=True)
class Blame:
    """Who wrote a line."""

    commit: str
    author: str
    mail: str
    at: datetime


async def blame(
    git: Git, commit: str, lines: Mapping[str, Collection[int]], seconds: float
) -> dict[tuple[str, int], Blame]:
    """Return who wrote lines, by path and number; what was not found out in time is missing.

    Changes of white space do not count as writing. Lines that came from other files are followed
    to where they were written, unless there are very many files.
    """
    found: dict[tuple[str, int], Blame] = {}
    copies = ("-C",) if len(lines) <= MOST_COPY_FILES else ()
    room = anyio.CapacityLimiter(AT_ONCE)

    async def ask(path: str, numbers: Collection[int]) -> None:
        ranges = sorted(numbers) if len(numbers) <= MOST_RANGES else ()
        asked = [part for number in ranges for part in ("-L", f"{number},{number}")]
        async with room:
            try:
                said = await git(
                    "blame", "--porcelain", "-w", *copies, *asked, commit, "--", path,
                    seconds=FILE_SECONDS,
                )  # fmt: skip
            except GitError:
                return
        told = read_porcelain(said.out)
        found.update({(path, number): told[number] for number in numbers if number in told})

    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as group:
            for path, numbers in lines.items():
                group.start_soon(ask, path, numbers)
    return found


def read_porcelain(text: str) -> dict[int, Blame]:
    """Return what ``git blame --porcelain`` says, by the line's number now. Pure."""
    commits: dict[str, dict[str, str]] = {}
    lines: dict[int, str] = {}
    current = ""
    for line in text.split("\n"):
        if line.startswith("\t"):
            current = ""
            continue
        word, _, rest = line.partition(" ")
        if not current:
            numbers = rest.split(" ")
            if len(word) in {40, 64} and len(numbers) >= 2:  # noqa: PLR2004 - SHA-1 or SHA-256
                current = word
                commits.setdefault(current, {})
                lines[int(numbers[1])] = current
        else:
            commits[current][word] = rest
    return {
        number: Blame(
            commit,
            told.get("author", ""),
            told.get("author-mail", "").strip("<>"),
            datetime.fromtimestamp(int(told["author-time"]), UTC),
        )
        for number, commit in lines.items()
        if (told := commits[commit]).get("author-time") and commit != _NOBODY
    }
