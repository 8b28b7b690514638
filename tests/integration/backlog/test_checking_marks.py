"""The command against which a task's work is held, in a worktree as agents have it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.backlog.yards import APP
from tests.integration.worktrees.repositories import commit

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.backlog.baselines import run_command
from iterm_mcp.services.backlog.checking import Spot, check_gone
from iterm_mcp.services.backlog.planning import Wanted
from iterm_mcp.services.worktrees.service import Wish

if TYPE_CHECKING:
    from tests.integration.backlog.yards import Yard

TODO, FIXME = Spot("app.py", 5), Spot("app.py", 10)


async def worktree(yard: Yard) -> Path:
    made = await yard.worktrees.create(Wish("w", str(yard.repository), "ann"))
    return Path(made.path)


async def left(yard: Yard, place: Path, *spots: Spot) -> dict[Spot, str]:
    began = yard.git("rev-parse", "main")
    return await check_gone(str(place), began, spots or (TODO,), ["TODO", "FIXME"])


async def test_the_command_of_a_task_says_no_until_its_mark_is_gone(yard: Yard) -> None:
    found = await yard.backlog.plan(yard.look(), Wanted(tests=()))
    (command,) = found.tasks[0].spec.acceptance.commands
    place = await worktree(yard)
    # A module of the repository's own must not be taken for one of ours.
    commit(place, "typer.py", "raise SystemExit(0)\n")
    code, said = await run_command(command, str(place))
    assert (code, said) == (1, "app.py:5 is not gone: it still stands at app.py:5")
    commit(place, "app.py", APP.replace("    # TODO(bob): handle empty text\n", ""))
    assert await run_command(command, str(place)) == (0, "all 1 are gone")


async def test_a_mark_that_only_moved_or_was_reworded_is_not_gone(yard: Yard) -> None:
    place = await worktree(yard)
    commit(place, "app.py", APP.replace("    # TODO(bob): handle empty text\n", ""))
    assert await left(yard, place) == {}
    commit(place, "later.py", "# TODO: handle empty text\n")
    assert await left(yard, place) == {TODO: "it still stands at later.py:1"}
    commit(place, "later.py", "# TODO: handle the empty text later\n")
    assert await left(yard, place) == {TODO: "it was only reworded, at later.py:1"}
    commit(place, "later.py", "TODO = 1\n")
    assert await left(yard, place) == {}
    (place / "notes.md").write_text("For later (TODO: handle empty text).\n")
    assert await left(yard, place, TODO, FIXME) == {
        TODO: "it was only reworded, at notes.md:1",
        FIXME: "it still stands at app.py:9",
    }


async def test_files_that_are_gone_binary_or_links_hold_no_mark(yard: Yard) -> None:
    place = await worktree(yard)
    (place / "app.py").unlink()
    assert await left(yard, place, TODO, FIXME) == {}
    (place / "app.py").write_bytes(b"\0# TODO: handle empty text\n")
    assert await left(yard, place) == {}
    (place / "app.py").unlink()
    (place / "app.py").symlink_to(yard.repository / "app.py")
    assert await left(yard, place) == {}


async def test_what_others_brought_meanwhile_is_not_held_against_it(yard: Yard) -> None:
    began = yard.git("rev-parse", "HEAD")
    yard.commit("new.py", "# TODO: something else\n")
    place = await worktree(yard)
    commit(place, "app.py", APP.replace("    # TODO(bob): handle empty text\n", ""))
    assert await check_gone(str(place), began, [TODO], ["TODO"]) == {}


async def test_what_never_stood_there_cannot_be_gone(yard: Yard) -> None:
    with pytest.raises(InvalidRequestError, match=r"no TODO, FIXME stands at app\.py:1 of"):
        await left(yard, yard.repository, Spot("app.py", 1))
    with pytest.raises(InvalidRequestError, match="is no commit here"):
        await check_gone(str(yard.repository), "nope", [TODO], ["TODO"])
