from __future__ import annotations

import os
import subprocess
from time import time_ns
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.services.events.looking import GitError, Looker
from iterm_mcp.services.events.trees import FileFacts, Tree, baseline

if TYPE_CHECKING:
    from pathlib import Path

WHO = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgSign=false")


def git(folder: Path, *words: str) -> None:
    subprocess.run(("git", *WHO, *words), cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "kept.txt").write_text("one\ntwo\n")
    (folder / "gone.txt").write_text("x\n")
    (folder / ".gitignore").write_text("build/\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


def told(looker: Looker, before: Tree, after: Tree) -> dict[str, tuple[str, object]]:
    return {one.path: (one.change, one.lines) for one in looker.compare(before, after)}


def sizes(looker: Looker, before: Tree, after: Tree) -> dict[str, tuple[int | None, int | None]]:
    def size(facts: FileFacts | None) -> int | None:
        return None if facts is None else facts.size

    return {one.path: (size(one.before), size(one.after)) for one in looker.compare(before, after)}


def test_what_is_written_and_removed_is_seen_with_its_lines(repository: Path) -> None:
    looker = Looker()
    before = looker.look(str(repository))
    (repository / "kept.txt").write_text("one\n2\n3\n")
    (repository / "gone.txt").unlink()
    (repository / "füllen\n.txt").write_text("a\nb\n")
    (repository / "build").mkdir()
    (repository / "build" / "ignored").write_text("z")
    after = looker.look(str(repository), before)
    assert told(looker, before, after) == {
        "kept.txt": ("modified", (2, 1)),
        "gone.txt": ("deleted", (0, 1)),
        "füllen\n.txt": ("created", (2, 0)),
    }
    assert sizes(looker, before, after)["kept.txt"] == (8, 8)
    assert sizes(looker, before, after)["gone.txt"] == (2, None)


def test_a_file_that_differed_before_is_compared_with_what_it_was(repository: Path) -> None:
    looker = Looker()
    (repository / "kept.txt").write_text("one\ntwo\nthree\n")
    (repository / "new.txt").write_text("n\n")
    before = looker.look(str(repository))
    (repository / "kept.txt").write_text("one\ntwo\nthree\nfour\n")
    (repository / "new.txt").unlink()
    after = looker.look(str(repository), before)
    assert told(looker, before, after) == {
        "kept.txt": ("modified", (1, 0)),
        "new.txt": ("deleted", (0, 1)),
    }


def test_a_rename_is_a_deletion_and_a_creation_committed_or_not(repository: Path) -> None:
    looker = Looker()
    before = looker.look(str(repository))
    git(repository, "mv", "gone.txt", "come.txt")
    between = looker.look(str(repository), before)
    expected = {"gone.txt": ("deleted", (0, 1)), "come.txt": ("created", (1, 0))}
    assert told(looker, before, between) == expected
    git(repository, "commit", "-q", "-m", "Rename it")
    after = looker.look(str(repository), between)
    assert told(looker, before, after) == expected
    assert told(looker, between, after) == {}
    (commit,) = looker.commits(str(repository), before.head, after.head)
    assert (commit.sha, commit.message) == (after.head, "Rename it")
    assert after.branch == "main"


def test_what_is_written_and_committed_at_once_is_seen(repository: Path) -> None:
    looker = Looker()
    before = looker.look(str(repository))
    (repository / "kept.txt").write_text("one\ntwo\nthree\n")
    (repository / "new.txt").write_text("n\n")
    git(repository, "add", ".")
    git(repository, "rm", "-q", "gone.txt")
    git(repository, "commit", "-q", "-m", "All")
    after = looker.look(str(repository), before)
    assert told(looker, before, after) == {
        "kept.txt": ("modified", (1, 0)),
        "new.txt": ("created", (1, 0)),
        "gone.txt": ("deleted", (0, 1)),
    }


def test_what_comes_back_to_what_it_was_is_no_change(repository: Path) -> None:
    looker = Looker()
    (repository / "kept.txt").write_text("changed\n")
    before = looker.look(str(repository))
    git(repository, "checkout", "-q", "kept.txt")
    after = looker.look(str(repository), before)
    assert told(looker, before, after) == {"kept.txt": ("modified", (2, 1))}
    os.utime(repository / "gone.txt")
    assert told(looker, after, looker.look(str(repository), after)) == {}


def test_a_repository_without_a_commit_has_no_head(tmp_path: Path) -> None:
    looker = Looker()
    git(tmp_path, "init", "-q")
    before = looker.look(str(tmp_path))
    (tmp_path / "first").write_text("1")
    after = looker.look(str(tmp_path), before)
    assert (before.head, before.kept_by_git) == ("", True)
    assert told(looker, before, after) == {"first": ("created", (1, 0))}
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "First")
    last = looker.look(str(tmp_path), after)
    assert told(looker, after, last) == {}
    assert [one.message for one in looker.commits(str(tmp_path), "", last.head)] == ["First"]


def test_what_a_conflict_leaves_is_seen(repository: Path) -> None:
    looker = Looker()
    git(repository, "checkout", "-q", "-b", "other")
    (repository / "kept.txt").write_text("theirs\n")
    git(repository, "commit", "-q", "-a", "-m", "Theirs")
    git(repository, "checkout", "-q", "main")
    (repository / "kept.txt").write_text("ours\n")
    git(repository, "commit", "-q", "-a", "-m", "Ours")
    before = looker.look(str(repository))
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "other")
    after = looker.look(str(repository), before)
    assert [*told(looker, before, after)] == ["kept.txt"]


def test_texts_that_are_none_have_no_lines(repository: Path) -> None:
    looker = Looker()
    before = looker.look(str(repository))
    (repository / "binary").write_bytes(b"\0\n")
    (repository / "large").write_bytes(b"x\n" * 200_000)
    (repository / "link").symlink_to("kept.txt")
    os.mkfifo(repository / "pipe")
    after = looker.look(str(repository), before)
    found = told(looker, before, after)
    assert found["binary"] == found["large"] == found["link"] == ("created", None)
    assert "pipe" not in found


def test_a_directory_without_git_is_looked_through(tmp_path: Path) -> None:
    looker = Looker()
    (tmp_path / "below").mkdir()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "below" / "a.txt").write_text("1\n")
    before = looker.look(str(tmp_path))
    (tmp_path / "below" / "a.txt").write_text("1\n2\n")
    (tmp_path / "b.txt").write_text("b")
    (tmp_path / "node_modules" / "c.txt").write_text("c")
    after = looker.look(str(tmp_path), before)
    assert told(looker, before, after) == {
        "below/a.txt": ("modified", (1, 0)),
        "b.txt": ("created", (1, 0)),
    }
    (tmp_path / "b.txt").unlink()
    last = looker.look(str(tmp_path), after)
    assert told(looker, after, last) == {"b.txt": ("deleted", (0, 1))}


def test_a_directory_that_is_too_large_is_said_to_be(tmp_path: Path) -> None:
    for index in range(20):
        (tmp_path / str(index)).write_text("")
    assert not Looker(most_files=10).look(str(tmp_path)).complete
    assert not Looker(scan_seconds=-1.0).look(str(tmp_path)).complete


def test_a_repository_that_git_does_not_answer_for_in_time_is_looked_through(
    repository: Path,
) -> None:
    index = repository / ".git" / "index"
    index.unlink()
    os.mkfifo(index)  # git waits for somebody to write to it
    tree = Looker(git_seconds=0.1).look(str(repository))
    assert not tree.kept_by_git
    assert "kept.txt" in tree.files
    (repository / ".git" / "HEAD").write_text("broken")
    assert not Looker().look(str(repository)).kept_by_git
    with pytest.raises(GitError):
        Looker().commits(str(repository), "", "HEAD")


def test_an_untracked_folder_that_is_huge_is_not_told_of(repository: Path) -> None:
    folder = repository / ("deep" * 60) / ("er" * 100)
    folder.mkdir(parents=True)
    for index in range(5000):
        (folder / f"{index:0100}").touch()
    assert not Looker().look(str(repository)).complete


def test_the_top_is_the_repositorys(repository: Path, tmp_path: Path) -> None:
    looker = Looker()
    (repository / "below").mkdir()
    assert looker.root(str(repository / "below")) == str(repository)
    assert looker.root(str(tmp_path)) == str(tmp_path)
    assert looker.root(str(tmp_path / "none")) is None
    assert looker.root("relative") is None
    assert looker.root("\0") is None


def test_what_was_begun_before_anybody_looked_is_taken_as_it_was(repository: Path) -> None:
    looker = Looker()
    root = str(repository)
    (repository / "mine.txt").write_text("before\n")
    os.utime(repository / "kept.txt", ns=(1, 1))
    known = looker.look(root)
    began = time_ns()
    (repository / "kept.txt").write_text("one\n")
    (repository / "gone.txt").unlink()
    (repository / "new.txt").write_text("n\n")
    fresh = looker.look(root, known)
    for before in (
        baseline(known, fresh, began, lambda path: looker.dated(root, path)),
        baseline(None, fresh, began, lambda path: looker.dated(root, path)),
    ):
        found = told(looker, before, looker.look(root, fresh))
        assert found.pop("mine.txt", ("created", (1, 0))) == ("created", (1, 0))
        assert found == {
            "kept.txt": ("modified", (0, 1)),
            "gone.txt": ("deleted", (0, 1)),
            "new.txt": ("created", (1, 0)),
        }


def test_folders_that_are_gone_are_dated_by_those_above(repository: Path) -> None:
    looker = Looker()
    assert looker.dated(str(repository), "a/b/c.txt") == repository.stat().st_mtime_ns
    assert looker.dated(str(repository / "none"), "x") == 0
