"""How long many worktrees take: made by us side by side, and by git alone, one after the other."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from tests.benchmarks.figures import Figure
from tests.integration.worktrees.repositories import AUTHOR, git

from iterm_mcp.clock import SystemClock
from iterm_mcp.services.worktrees.service import Wish, Worktrees

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE_BYTES = 4000


def measure(count: int, files: int) -> Iterator[Figure]:
    """Return the figures for so many worktrees of one repository of so many files."""
    with tempfile.TemporaryDirectory(prefix="im-trees-") as folder:
        repository = _repository(Path(folder), files)
        plain, plain_cpu = _timed(lambda: _plain(repository, Path(folder, "plain"), count))
        home = Path(folder, "ours")
        worktrees = Worktrees(str(home), f"{home}.toml", SystemClock())
        ours, ours_cpu = _timed(lambda: anyio.run(_ours, worktrees, repository, count))
        gone, _ = _timed(lambda: anyio.run(worktrees.collect))
    bare = f"{count} worktrees, git one after the other"
    yield Figure(bare, plain, "s")
    yield Figure(f"{count} worktrees, side by side", ours, "s", baseline=bare)
    bare_cpu = f"processor time of {count} worktrees, git"
    yield Figure(bare_cpu, plain_cpu, "s")
    yield Figure(f"processor time of {count} worktrees", ours_cpu, "s", baseline=bare_cpu)
    yield Figure(f"{count} worktrees looked at, salvaged and removed", gone, "s", baseline=bare)


def _repository(folder: Path, files: int) -> Path:
    repository = folder / "app"
    repository.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=main")
    for number in range(files):
        path = repository / f"part{number % 20}" / f"file{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{number}\n" * (FILE_BYTES // len(f"{number}\n")))
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "-m", "Begin")
    return repository


def _plain(repository: Path, folder: Path, count: int) -> None:
    for number in range(count):
        name = f"plain-{number}"
        subprocess.run(
            ["git", "-C", repository, "worktree", "add", "-q", "-b", name, folder / name],
            env={**os.environ, **AUTHOR},
            check=True,
        )


async def _ours(worktrees: Worktrees, repository: Path, count: int) -> None:
    async with anyio.create_task_group() as group:
        for number in range(count):
            wish = Wish(f"ours-{number}", str(repository), "benchmark")
            group.start_soon(worktrees.create, wish)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return how long something took, and how much of the processor with all that it started."""
    before, began = _processor(), time.perf_counter()
    work()
    return time.perf_counter() - began, _processor() - before


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
