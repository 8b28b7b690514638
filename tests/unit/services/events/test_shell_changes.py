from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
from tests.unit.services.events.told import at, told

from iterm_mcp.errors import StoreError
from iterm_mcp.models.events import Event, EventKind, EventNumber, Kept, Links
from iterm_mcp.services.events.looking import CommitFacts, GitError
from iterm_mcp.services.events.shell_changes import ShellChanges
from iterm_mcp.services.events.trees import Difference, FileFacts, Tree
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    import pytest

KEPT = Kept(1, 0, EventNumber(1))


class Looked:
    """Directories as they are told to be."""

    def __init__(self) -> None:
        self.trees: list[Tree] = []
        self.changes: list[Difference] = []
        self.problem: Exception | None = None
        self.looks = 0

    def root(self, directory: str) -> str | None:
        return directory if directory == "/w" else None

    def look(self, root: str, known: Tree | None = None) -> Tree:
        del known
        self.looks += 1
        if self.problem is not None:
            raise self.problem
        return self.trees.pop(0) if self.trees else Tree(root)

    def dated(self, root: str, path: str) -> int:
        return len(root) + len(path)

    def compare(self, before: Tree, after: Tree) -> list[Difference]:
        assert before.root == after.root
        return self.changes

    def commits(self, root: str, before: str, after: str) -> list[CommitFacts]:
        raise GitError(f"{root}: {before}..{after}")


class Story:
    def __init__(self, directory: str = "/w") -> None:
        self.events: list[Event] = []
        self.directory: str | Exception = directory
        self.looked = Looked()
        self.changes = ShellChanges(self, FakeClock(at(5)), self.looked, self._begun_in)

    def record(self, *events: Event) -> None:
        self.events += events

    async def _begun_in(self, conversation: str) -> str:
        assert conversation == "c1"
        if isinstance(self.directory, Exception):
            raise self.directory
        return self.directory

    async def hear(self, *events: Event) -> None:
        self.changes.events_kept(events, KEPT)
        with anyio.fail_after(10):
            while self.changes.busy:
                await anyio.lowlevel.checkpoint()

    async def run(self) -> list[Event]:
        async with self.changes.running():
            await self.hear(told(EventKind.TOOL_STARTED, 1, call="b1", tool="Bash"))
            await self.hear(told(EventKind.TOOL_ENDED, 2, call="b1", tool="Bash"))
        return self.events


async def test_paths_that_are_no_unicode_are_told_as_well_as_can_be() -> None:
    story = Story()
    story.looked.changes = [Difference("a\udcff", None, FileFacts(3))]
    (event,) = await story.run()
    assert event.subject == "/w/a\ufffd"
    assert event.payload["bytes_after"] == 3
    assert "lines_added" not in event.payload


async def test_what_cannot_be_looked_at_harms_nobody() -> None:
    for problem in (GitError("no"), OSError("no"), StoreError("no")):
        story = Story()
        story.looked.problem = problem
        assert await story.run() == []
    story = Story()
    story.directory = StoreError("no")
    assert await story.run() == []
    assert story.looked.looks == 0


async def test_where_nobody_knows_the_directory_nothing_is_looked_at() -> None:
    for directory in ("", "/gone"):
        story = Story(directory)
        assert await story.run() == []
        assert story.looked.looks == 0


async def test_commits_that_git_does_not_tell_leave_the_files_told() -> None:
    story = Story()
    story.looked.trees = [Tree("/w", head="a"), Tree("/w", head="b")]
    story.looked.changes = [Difference("a", FileFacts(3), None)]
    (event,) = await story.run()
    assert event.payload["change"] == "deleted"


async def test_a_directory_that_grew_too_large_is_not_told_of() -> None:
    story = Story()
    story.looked.trees = [Tree("/w"), Tree("/w", complete=False)]
    story.looked.changes = [Difference("a", FileFacts(3), None)]
    assert await story.run() == []


async def test_events_that_mean_nothing_here_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = Story()
    monkeypatch.setattr("iterm_mcp.services.events.shell_changes.MOST_CONVERSATIONS", 1)
    nobody = told(EventKind.TOOL_STARTED, 1, call="b1", tool="Bash")
    async with story.changes.running():
        await story.hear(
            replace(nobody, links=Links(call="b1")),
            told(EventKind.HOOK_FIRED, 1, event="CwdChanged", told="nothing"),
            told(EventKind.HOOK_FIRED, 1, event="Setup"),
            told(EventKind.CONVERSATION_STARTED, 1),
            told(EventKind.FILE_CHANGED, 1),
            told(EventKind.FILE_CHANGED, 1, path="/w/a", evidence="git"),
            told(EventKind.FILE_CHANGED, 1, path="/w/a"),
            told(EventKind.COMMIT_MADE, 1, subject="abc"),
            told(EventKind.TOOL_ENDED, 2, call="b9", tool="Bash"),
            told(EventKind.CONVERSATION_STARTED, 1, directory="/w"),
        )
        assert story.looked.looks == 0
        await story.hear(nobody)
        await story.hear(told(EventKind.FILE_CHANGED, 1.5, path="/elsewhere/a"))
    assert story.events == []
    assert story.looked.looks == 1


async def test_a_renamed_file_tells_from_where_and_where_to() -> None:
    story = Story()
    same = FileFacts(3, (1, 2))
    story.looked.changes = [Difference("new", None, same), Difference("old", same, None)]
    came, went = await story.run()
    assert (came.payload["change"], came.payload["moved_from"]) == ("created", "/w/old")
    assert (went.payload["change"], went.payload["moved_to"]) == ("deleted", "/w/new")
    assert "moved_to" not in came.payload
