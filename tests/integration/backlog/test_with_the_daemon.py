"""A mark from the command line through the daemon to an agent's commit, and what is learned."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from tests.integration.backlog.yards import APP
from tests.integration.tasks.work.conftest import open_site
from tests.integration.tasks.work.site import open_hands
from tests.integration.worktrees.repositories import AUTHOR, commit, git
from tests.waiting import eventually
from typer.testing import CliRunner

from iterm_mcp.cli import app

pytestmark = pytest.mark.headless

SECONDS = 90.0
DONE = APP.replace("    # TODO(bob): handle empty text\n", "")


async def run(*words: str, code: int = 0) -> str:
    done = await to_thread.run_sync(partial(CliRunner().invoke, app, [*words]))
    assert done.exit_code == code, done.output
    return done.stdout if not code else done.stderr


def made(folder: Path) -> Path:
    """Make a repository in which an agent has enough to do for a while."""
    place = folder / "app"
    place.mkdir()
    git(place, "init", "--quiet", "--initial-branch=main")
    commit(place, "app.py", APP.replace("empty text", "empty text [[work 1]]"))
    return place


def worktrees(place: Path) -> list[str]:
    """Return those that stand; none while git is still writing one."""
    listed = git(place, "worktree", "list", "--porcelain").split("\n")
    there = [line.split(" ", 1)[1] for line in listed if line.startswith("worktree")][1:]
    written = all(Path(one, "app.py").exists() for one in there)
    busy = any(Path(place, ".git", "worktrees").glob("*/*.lock"))
    return there if written and not busy else []


async def test_a_mark_is_handed_in_worked_on_and_learned_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)
    async with open_site() as site:
        monkeypatch.setenv("ITERM_MCP_HOME", site.home.environ["ITERM_MCP_HOME"])
        repository = made(site.folder)
        await anyio.Path(site.home.paths.choosing).write_text(
            'default = "fake"\n[arms.fake]\nkind = "claude"\n[arms.fake.environment]\n'
            f'FAKE_AGENT_TRUTH = "{site.folder}/truth.jsonl"\nHOME = "{site.folder}"\n'
        )
        asked = ("-C", str(repository), "--tag", "TODO", "--test", "test -e app.py")
        async with open_hands(site):
            first = await run("backlog", "submit", *asked)
            assert "\n1 tasks; 0 marks had one already\n" in first
            again = await run("backlog", "submit", *asked)
            assert again == "0 tasks; 1 marks had one already\n"
            # The agent only seems to work; this is what it does.
            (place,) = await eventually(lambda: worktrees(repository), bool, within_seconds=SECONDS)
            commit(place, "app.py", DONE)
            told = await eventually(
                lambda: run("backlog", "progress", "-C", str(repository)),
                lambda text: "0 at work, 0 waiting" in text,
                within_seconds=SECONDS,
            )
            assert told.startswith("1 of 1 done, 0 failed"), told
            known = await eventually(
                lambda: run("choosing", "show", "--task", "backlog"),
                lambda text: "fake  1 of 1" in text,
                within_seconds=SECONDS,
            )
            assert known.startswith("backlog:\n")
            renewed = await run("backlog", "retry", "-C", str(repository))
            assert renewed == "0 marks may have another task; submit hands them in\n"
            refused = await run(
                "backlog", "submit", "-C", str(repository), "--test", "exit 3", code=1
            )
            assert "the tests fail already" in refused
