"""Real repositories of git, small, and alike on every machine."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.services.worktrees.service import Wish, Worktrees
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from iterm_mcp.models.worktrees import Worktree

AUTHOR = {
    "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.com",
    "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
}  # fmt: skip


def git(directory: Path | str, *arguments: str, code: int = 0) -> str:
    """Run git as a person does."""
    done = subprocess.run(
        ["git", "-C", str(directory), *arguments],
        env={**os.environ, **AUTHOR},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout.rstrip("\n")


def commit(directory: Path | str, name: str, text: str, message: str = "") -> str:
    """Write a file and commit it; return the commit."""
    Path(directory, name).parent.mkdir(parents=True, exist_ok=True)
    Path(directory, name).write_text(text)
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "-m", message or f"Change {name}")
    return git(directory, "rev-parse", "HEAD")


@dataclass
class Bench:
    """A repository with a few commits, and worktrees beside it."""

    repository: Path
    folder: Path
    settings: Path
    clock: FakeClock
    worktrees: Worktrees

    async def make(self, name: str = "w", **more: str) -> Worktree:
        wish = {"directory": str(self.repository), "owner": "ann", **more}
        return await self.worktrees.create(Wish(name, **wish))

    def later(self, days: float) -> None:
        self.clock.advance(timedelta(days=days).total_seconds())

    def branches(self) -> list[str]:
        return git(self.repository, "branch", "--format=%(refname:short)").split("\n")

    def known_to_git(self) -> list[str]:
        listed = git(self.repository, "worktree", "list", "--porcelain")
        return [line.split(" ", 1)[1] for line in listed.split("\n") if line.startswith("worktree")]


def make_bench(folder: Path) -> Bench:
    repository = folder / "app"
    repository.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=main")
    commit(repository, ".gitignore", "ignored/\n.env\n")
    commit(repository, "a.txt", "one\ntwo\nthree\n")
    clock = FakeClock()
    home = folder / "worktrees"
    settings = folder / "worktrees.toml"
    worktrees = Worktrees(str(home), str(settings), clock)
    return Bench(repository, home, settings, clock, worktrees)


def there(worktree: Worktree, name: str) -> bool:
    return Path(worktree.path, name).exists()


def text_of(worktree: Worktree, name: str) -> str:
    return Path(worktree.path, name).read_text()


def target_of(worktree: Worktree, name: str) -> str:
    return str(Path(worktree.path, name).readlink())


def write(worktree: Worktree, name: str, text: str | None) -> None:
    """Write a file of a worktree; None removes it."""
    path = Path(worktree.path, name)
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
