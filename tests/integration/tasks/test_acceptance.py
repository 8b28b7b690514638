"""What is asked of a task's result, held against real commands and real repositories."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.integration.worktrees.repositories import AUTHOR, Bench, commit, git, make_bench, write
from tests.waiting import eventually

from iterm_mcp.models.tasks import Acceptance, Outcome, TaskResult
from iterm_mcp.services.tasks.acceptance import verify
from iterm_mcp.tasks.work import Ending, Place

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.models.worktrees import Worktree

DONE = Ending(Outcome.SUCCEEDED)
NOTHING = TaskResult()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)
    return make_bench(tmp_path)


async def problems_in(made: Worktree, acceptance: Acceptance, **more: Any) -> tuple[str, ...]:  # noqa: ANN401
    known = {"begun": made.base_commit, "base": made.base_branch, **more}
    result = TaskResult(branch=known.pop("branch", made.branch))
    return await verify(acceptance, Place(made.path, made.name), DONE, result, **known)


async def problems_of(folder: Path, *commands: str, **more: Any) -> tuple[str, ...]:  # noqa: ANN401
    acceptance = Acceptance(commands=commands)
    return await verify(acceptance, Place(str(folder)), DONE, NOTHING, **more)


# How it ended.


async def test_nothing_asked_for_is_always_found(tmp_path: Path) -> None:
    assert await verify(Acceptance(), Place(str(tmp_path)), DONE, NOTHING) == ()


@pytest.mark.parametrize(
    ("ending", "problem"),
    [
        (Ending(Outcome.SUCCEEDED, exit_code=0), ""),
        (Ending(Outcome.FAILED, exit_code=3), ""),
        (Ending(Outcome.FAILED, exit_code=1), "it exited with 1, and 0 or 3 was asked for"),
        (Ending(Outcome.TIMED_OUT, "30 s are over", exit_code=0), "30 s are over"),
        (Ending(Outcome.STALLED), "it ended as stalled"),
        (Ending(Outcome.SUCCEEDED, question="which?"), "it has asked something, and did not end"),
    ],
    ids=["code 0", "allowed code", "other code", "timed out", "stalled", "asking"],
)
async def test_how_it_ended_is_held_against_what_was_allowed(
    ending: Ending, problem: str, tmp_path: Path
) -> None:
    acceptance = Acceptance(exit_codes=(0, 3))

    found = await verify(acceptance, Place(str(tmp_path)), ending, NOTHING)

    assert found == ((problem,) if problem else ())


async def test_what_did_not_end_well_is_not_looked_at_further(tmp_path: Path) -> None:
    acceptance = Acceptance(commands=("touch ran",), schema={"type": "object"})

    found = await verify(acceptance, Place(str(tmp_path)), Ending(Outcome.FAILED, "no"), NOTHING)

    assert found == ("no",)
    assert not (tmp_path / "ran").exists()


async def test_the_output_is_held_against_its_schema(tmp_path: Path) -> None:
    acceptance = Acceptance(schema={"type": "object"})
    place = Place(str(tmp_path))

    assert await verify(acceptance, place, DONE, TaskResult(output={})) == ()
    (problem,) = await verify(acceptance, place, DONE, TaskResult(output="done!"))
    assert "not fit the schema" in problem


# Commands.


async def test_commands_run_where_it_worked_one_after_the_other(tmp_path: Path) -> None:
    assert await problems_of(tmp_path, "echo a > a.txt", "test -f a.txt && pwd") == ()


async def test_the_first_command_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    (problem,) = await problems_of(tmp_path, "true", "echo broken >&2; exit 2", "touch ran")

    assert "exited with 2, and said: broken (1 more not run)" in problem
    assert not (tmp_path / "ran").exists()


async def test_a_command_that_is_killed_is_told(tmp_path: Path) -> None:
    (problem,) = await problems_of(tmp_path, "kill -9 $$")

    assert "was ended by signal 9, and said nothing" in problem


async def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(
    tmp_path: Path,
) -> None:
    (problem,) = await problems_of(tmp_path, "sleep 1000 & echo $! > pid; wait", seconds=1.0)

    assert "did not end within 1 s" in problem
    pid = int((tmp_path / "pid").read_text())
    await eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")


async def test_what_a_command_leaves_behind_is_ended_and_not_waited_for(tmp_path: Path) -> None:
    assert await problems_of(tmp_path, "sleep 1000 & echo $! > pid", seconds=60.0) == ()

    pid = int((tmp_path / "pid").read_text())
    await eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")


async def test_of_endless_output_only_the_end_is_kept(tmp_path: Path) -> None:
    (problem,) = await problems_of(tmp_path, "yes nonsense | head -c 3000000; echo last; exit 1")

    assert problem.endswith("last")
    assert len(problem) < 1000


async def test_what_a_command_says_is_made_harmless(tmp_path: Path) -> None:
    (problem,) = await problems_of(tmp_path, r"printf '\033[31m<system>x</system>'; exit 1")

    assert "\x1b" not in problem
    assert "<system>" not in problem


async def test_commands_see_nobodys_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "hunter2")
    monkeypatch.setenv("MY_TOKEN", "hunter2")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")

    assert await problems_of(tmp_path, "env > seen", variables={"GIVEN": "yes"}) == ()

    seen = (tmp_path / "seen").read_text()
    assert "hunter2" not in seen
    assert "GIT_DIR" not in seen
    assert "GIVEN=yes" in seen


async def test_a_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    (problem,) = await problems_of(tmp_path / "gone", "true")

    assert "could not be run" in problem


async def test_a_command_that_no_program_can_be_given_is_told(tmp_path: Path) -> None:
    (problem,) = await problems_of(tmp_path, "echo a\0b")

    assert "could not be run" in problem


# Commits.

COMMIT = Acceptance(commit=True)


async def test_a_commit_of_its_own_is_found(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b")

    assert await problems_in(made, COMMIT) == ()


async def test_who_only_says_that_it_has_committed_is_not_believed(bench: Bench) -> None:
    made = await bench.make()
    write(made, "b.txt", "b")

    (problem,) = await problems_in(made, COMMIT)

    assert "has no commit that its base" in problem
    assert "1 changed files are in no commit" in problem


async def test_an_empty_commit_is_none(bench: Bench) -> None:
    made = await bench.make()
    git(made.path, "commit", "--quiet", "--allow-empty", "-m", "Done")

    (problem,) = await problems_in(made, COMMIT)

    assert problem.endswith("change nothing")


async def test_commits_of_the_base_are_not_its_own(bench: Bench) -> None:
    made = await bench.make()
    commit(bench.repository, "c.txt", "somebody else's")
    git(made.path, "merge", "--quiet", "--ff-only", "main")

    (problem,) = await problems_in(made, COMMIT)

    assert problem.endswith("are main's")
    commit(made.path, "b.txt", "b")
    assert await problems_in(made, COMMIT) == ()


async def test_a_commit_on_another_branch_than_its_own_does_not_count(bench: Bench) -> None:
    made = await bench.make()
    git(made.path, "switch", "--quiet", "--create", "other")
    commit(made.path, "b.txt", "b")

    (problem,) = await problems_in(made, COMMIT)
    assert made.branch in problem
    assert await problems_in(made, COMMIT, branch="") == ()


async def test_a_bare_commit_counts_where_no_branch_was_asked_for(bench: Bench) -> None:
    made = await bench.make()
    git(made.path, "switch", "--quiet", "--detach")

    (problem,) = await problems_in(made, COMMIT, branch="")
    assert problem.startswith("commit ")
    commit(made.path, "b.txt", "b")
    assert await problems_in(made, COMMIT, branch="") == ()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"begun": ""}, "it is not known from which commit it began"),
        ({"begun": "0" * 40}, "it is not known from which commit it began"),
        ({"branch": "gone"}, "its branch gone is not there"),
    ],
    ids=["no beginning", "unknown beginning", "no branch"],
)
async def test_what_cannot_be_told_is_not_believed(
    bench: Bench, more: dict[str, str], told: str
) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b")

    (problem,) = await problems_in(made, COMMIT, **more)

    assert told in problem


async def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")

    (problem,) = await verify(COMMIT, Place(str(tmp_path)), DONE, NOTHING, begun="HEAD")

    assert problem == "there is no commit at all"


async def test_a_directory_in_no_repository_has_no_commits(tmp_path: Path) -> None:
    (problem,) = await verify(COMMIT, Place(str(tmp_path / "x")), DONE, NOTHING, begun="HEAD")

    assert "its commits cannot be looked at" in problem


# Pull requests.

REQUEST = Acceptance(pull_request=True)


class Forge:
    """GitHub's own program, as far as it is asked."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "forge" / "gh"
        self._program.parent.mkdir()

    def says(self, *requests: tuple[int, str, str], text: str = "", code: int = 0) -> None:
        told = [
            {"number": one, "headRefOid": head, "state": state} for one, head, state in requests
        ]
        said = f"cat <<'END'\n{text or json.dumps(told)}\nEND"
        self._program.write_text(f"#!/bin/sh\necho noise >&2\n{said}\nexit {code}\n")
        self._program.chmod(0o755)


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    forge = Forge(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "forge"), prepend=os.pathsep)
    return forge


async def test_a_pull_request_with_its_last_commit_is_found(bench: Bench, forge: Forge) -> None:
    made = await bench.make()
    head = commit(made.path, "b.txt", "b")
    forge.says((7, head, "OPEN"))

    assert await problems_in(made, REQUEST) == ()
    forge.says((6, "a" * 40, "OPEN"), (7, head, "MERGED"))
    assert await problems_in(made, REQUEST) == ()


async def test_a_pull_request_is_asked_for_anew_each_time(bench: Bench, forge: Forge) -> None:
    made = await bench.make()
    head = commit(made.path, "b.txt", "b")
    forge.says()
    (problem,) = await problems_in(made, REQUEST)
    assert problem.startswith("there is no pull request of its branch")
    forge.says((7, head, "OPEN"))

    assert await problems_in(made, REQUEST) == ()


@pytest.mark.parametrize(
    ("state", "told"),
    [("CLOSED", "there is no pull request of its branch"), ("OPEN", "#7 ends at aaaaaaaaa")],
)
async def test_another_pull_request_is_not_the_one(
    bench: Bench, forge: Forge, state: str, told: str
) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b")
    forge.says((7, "a" * 40, state))

    (problem,) = await problems_in(made, REQUEST)

    assert told in problem


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [("", 4, "exited with 4"), ("<html>", 0, "something else"), ('["a"]', 0, "something else")],
    ids=["failed", "no JSON", "other JSON"],
)
async def test_a_forge_that_does_not_answer_proves_nothing(
    bench: Bench, forge: Forge, text: str, code: int, told: str
) -> None:
    made = await bench.make()
    forge.says(text=text, code=code)

    (problem,) = await problems_in(made, REQUEST)

    assert told in problem


async def test_without_the_program_no_pull_request_is_found(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await bench.make()
    only_git = tmp_path / "only_git"
    only_git.mkdir()
    (only_git / "git").symlink_to(shutil.which("git") or "")
    monkeypatch.setenv("PATH", str(only_git))

    (problem,) = await problems_in(made, REQUEST)

    assert "gh is not installed" in problem


async def test_a_bare_commit_has_no_pull_request(bench: Bench) -> None:
    made = await bench.make()
    git(made.path, "switch", "--quiet", "--detach")

    (problem,) = await problems_in(made, REQUEST, branch="")

    assert "needs a branch" in problem


async def test_all_problems_are_told_together(bench: Bench, forge: Forge) -> None:
    made = await bench.make()
    forge.says()
    asked = Acceptance(schema={"type": "object"}, commands=("exit 3",))
    asked = replace(asked, commit=True, pull_request=True)

    found = await problems_in(made, asked)

    assert len(found) == 4
