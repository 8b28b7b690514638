"""Agents that have a worktree of their own."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.worktrees.repositories import commit, git

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.lives.conftest import Agent, Camp

Json = dict[str, Any]

pytestmark = pytest.mark.headless


@pytest.fixture
def repository(camp: Camp) -> Path:
    path = camp.folder / "repository"
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    commit(path, "part/file", "one")
    return path


@contextmanager
def setting_up(camp: Camp, text: str) -> Iterator[None]:
    """Have worktrees set up as a file says."""
    settings = Path(camp.home.paths.worktree_settings)
    settings.write_text(text)
    yield
    settings.unlink()


async def start(camp: Camp, repository: Path, **more: Any) -> Agent:  # noqa: ANN401
    return await camp.start(directory=str(repository), worktree=True, **more)


async def test_it_starts_in_a_branch_and_a_checkout_of_its_own(
    camp: Camp, repository: Path
) -> None:
    agent = await start(camp, repository)
    (began,) = await agent.happens("started")

    place = Path(camp.home.paths.worktrees, agent.name)
    assert agent.started["worktree"] == agent.name
    assert agent.started["directory"] == began["cwd"] == str(place)
    assert git(place, "branch", "--show-current") == f"iterm-mcp/{agent.name}"
    assert git(repository, "branch", "--show-current") == "main"


async def test_it_stands_below_the_top_where_its_directory_does(
    camp: Camp, repository: Path
) -> None:
    agent = await start(camp, repository / "part")

    assert agent.started["directory"] == f"{camp.home.paths.worktrees}/{agent.name}/part"


async def test_its_end_removes_nothing_and_a_restart_finds_it_again(
    camp: Camp, repository: Path
) -> None:
    agent = await start(camp, repository)
    place = Path(agent.started["directory"])
    (place / "new").write_text("not committed")

    await camp.tools.data("stop_agent", name=agent.name)
    assert (place / "new").is_file()
    again = await agent.does("restart")

    assert again["worktree"] == agent.name
    assert again["directory"] == str(place)
    assert (await agent.happens("started", 2))[1]["cwd"] == str(place)


async def test_of_a_start_that_fails_nothing_is_left(camp: Camp, repository: Path) -> None:
    agent = camp.agent()
    nowhere = camp.order(agent, directory=str(camp.folder), worktree=True)
    badly_set_up = camp.order(agent, directory=str(repository), worktree=True)
    unable = camp.order(
        agent, directory=str(repository), worktree=True, environment={"PATH": "/nowhere"}
    )
    refused = await camp.tools.refusal("start_agent", **nowhere)
    with setting_up(camp, f'[[repository]]\npath = "{repository}"\nsetup = ["false"]\n'):
        failed = await camp.tools.refusal("start_agent", **badly_set_up)
    missing = await camp.tools.refusal("start_agent", **unable)

    assert "no checkout" in refused["error"]
    assert "set-up" in failed["error"]
    assert missing["code"] == "program_not_found"
    assert agent.name not in os.listdir(camp.home.paths.worktrees)  # noqa: PTH208
    assert agent.name not in git(repository, "branch")
    started = await camp.start(name=agent.name, directory=str(repository))
    assert "worktree" not in started.started, "and its name is free"
