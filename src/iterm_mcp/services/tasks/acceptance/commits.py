"""Commits and pull requests that a task was to make."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.services.tasks.acceptance.programs import run_program
from iterm_mcp.services.worktrees.git import Git
from iterm_mcp.services.worktrees.repository import BRANCH, branch_of

if TYPE_CHECKING:
    from collections.abc import Mapping

FORGE_SECONDS = 30.0
SHOWN = 9
_FORGE_KEYS = ("GH_TOKEN", "GITHUB_TOKEN", "GH_HOST", "GH_ENTERPRISE_TOKEN", "GH_CONFIG_DIR")
"""What GitHub's own program may need of the environment, scrubbed or not."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of work in a repository.

    Attributes:
        branch: Its branch; empty where a bare commit is checked out.
        head: Its last commit.
        begun: The commit that it began from.
        base: The branch that it is meant for; empty for none.
    """

    branch: str
    head: str
    begun: str
    base: str = ""


async def find_line(directory: str, branch: str, begun: str, base: str) -> Line | str:
    """Return the line of work in a directory, or why there is none.

    Args:
        branch: What it was last known to be on; what is checked out is taken where this is empty.
        begun: Where it began, as any name of a commit.
    """
    git = Git(directory)
    try:
        checked_out = await branch_of(git)
        head = await git.commit_of(f"{BRANCH}{branch}" if branch else "HEAD")
        started = await git.commit_of(begun) if begun else ""
    except ItermMcpError as error:
        return f"its commits cannot be looked at: {error}"
    if not head:
        return f"its branch {branch} is not there" if branch else "there is no commit at all"
    if not started:
        return "it is not known from which commit it began, so none can be told to be its own"
    return Line(branch or checked_out, head, started, base)


async def why_no_commit(directory: str, line: Line) -> str:
    """Say why a line of work has no commit of its own; empty when it has one."""
    git = Git(directory)
    try:
        own = await _count(git, line.head, line.begun)
        if own == 0:
            changed = (await git("status", "--porcelain=v1", "-z", "--no-renames")).names
            left = f"; {len(changed)} changed files are in no commit" if changed else ""
            return f"{_named(line)} has no commit that its base {line.begun[:SHOWN]} has not{left}"
        base = f"{BRANCH}{line.base}"
        if line.base and line.base != line.branch and await git.commit_of(base):
            fresh = await _count(git, line.head, line.begun, base)
            if fresh == 0:
                return f"all commits of {_named(line)} since {line.begun[:SHOWN]} are {line.base}'s"
        same = await git.ok("diff", "--quiet", line.begun, line.head)
    except ItermMcpError as error:
        return f"its commits cannot be looked at: {error}"
    return f"the commits of {_named(line)} change nothing" if same else ""


async def _count(git: Git, head: str, *others: str) -> int:
    return int((await git("rev-list", "--count", head, "--not", *others)).text)


def _named(line: Line) -> str:
    return f"its branch {line.branch}" if line.branch else f"commit {line.head[:SHOWN]}"


async def why_no_pull_request(directory: str, line: Line, environ: Mapping[str, str]) -> str:
    """Say why there is no pull request with a line's last commit; empty when there is one.

    GitHub's own program is asked, and anew each time. One that was closed unmerged does not count.
    """
    if not line.branch:
        return "a pull request needs a branch, and a bare commit is checked out"
    program = shutil.which("gh", path=environ.get("PATH"))
    if program is None:
        return "pull requests cannot be looked for: gh is not installed"
    fields = "headRefOid,number,state"
    wish = ("pr", "list", "--state", "all", "--limit", "20", "--json", fields, "--head")
    kept = {name: environ[name] for name in _FORGE_KEYS if name in environ}
    answer = await run_program(
        [program, *wish, line.branch], directory, FORGE_SECONDS, kept, errors_too=False
    )
    if answer.code != 0:
        return (
            "pull requests cannot be looked for: gh "
            f"{answer.problem or f'exited with {answer.code}'}; is it logged in?"
        )
    try:
        found = [_Request.of(one) for one in json.loads(answer.said)]
    except (ValueError, TypeError, KeyError):
        return "pull requests cannot be looked for: gh answered something else"
    return _why_none(found, line)


@dataclass(frozen=True, slots=True)
class _Request:
    number: int
    head: str
    state: str

    @staticmethod
    def of(told: Any) -> _Request:  # noqa: ANN401 - what gh printed
        return _Request(int(told["number"]), str(told["headRefOid"]), str(told["state"]).upper())


def _why_none(found: list[_Request], line: Line) -> str:
    standing = [one for one in found if one.state != "CLOSED"]
    if any(one.head == line.head for one in standing):
        return ""
    if standing:
        return (
            f"pull request #{standing[0].number} ends at {standing[0].head[:SHOWN]}: it has not "
            f"the last commit {line.head[:SHOWN]} of {line.branch}"
        )
    closed = f"; #{found[0].number} was closed" if found else ""
    return f"there is no pull request of {_named(line)}{closed}"
