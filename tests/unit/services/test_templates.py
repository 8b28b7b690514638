"""Templates of agents, and what is said of those that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.agents.kinds import all_kinds
from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.agent_lives import Limits
from iterm_mcp.models.sessions import Direction
from iterm_mcp.models.task_limits import NO_LIMITS, OverLimit, ResourceLimits
from iterm_mcp.services.agents.templates import SHIPPED, Templates, read_template

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """
kind = "shell"
model = "m"
prompt = "Read TASK.md."
resume_prompt = "Go on."
role = "reviewer"
teams = ["backend"]
directory = "~/project"
worktree = true
permissions = "plan"
options = ["--verbose"]
keep = ["GH_TOKEN"]
trust = "accept"
restart = false
place = "above"

[environment]
EDITOR = "true"

[limits]
idle_seconds = 1
turn_seconds = 2.5
total_seconds = 3
silent_seconds = 4
restart_silent = true
memory = "2GB"
cpu = 1.5
disk = "500 MiB"
processes = 20
over = "pause"
"""


def write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


async def test_a_template_says_all_that_an_agent_is_started_with(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)

    found = await Templates(tmp_path).find("mine")

    order = found.order
    assert (found.name, found.place, found.shipped) == ("mine", Direction.ABOVE, False)
    assert (order.kind, order.model, order.prompt) == ("shell", "m", "Read TASK.md.")
    assert (order.resume_prompt, order.role, order.teams) == ("Go on.", "reviewer", ("backend",))
    assert (order.directory, order.permissions) == ("~/project", "plan")
    assert order.worktree
    assert (order.options, order.keep, order.trust) == (("--verbose",), ("GH_TOKEN",), "accept")
    assert (order.restart, order.environment) == (False, {"EDITOR": "true"})
    assert order.limits == Limits(1, 2.5, 3, 4, restart_silent=True)
    assert order.resources == ResourceLimits(2 * 10**9, 1.5, 500 * 2**20, 20, OverLimit.PAUSE)
    assert order.template == "mine"


async def test_a_template_without_limits_sets_none(tmp_path: Path) -> None:
    write(tmp_path, 'kind = "shell"')

    assert (await Templates(tmp_path).find("mine")).order.resources == NO_LIMITS


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("", "kind: it is missing", "kind ="),
        ('kind = "robot"', "kind: there is no kind 'robot'", "shell"),
        ('kind = "shell"\nmodle = "x"', "modle: there is no such key", "model"),
        ('kind = "shell"\nplace = "behind"', "place: ", "place"),
        ('kind = "shell"\nrestart = 1', "restart: ", "restart"),
        ('kind = "shell"\ntrust = "yes"', "trust: ", "trust"),
        ('kind = "shell"\n[limits]\nidle = 5', "limits.idle: there is no such key", "idle_seconds"),
        ('kind = "shell"\n[limits]\nidle_seconds = -1', "limits.idle_seconds: ", "idle_seconds"),
        ('kind = "shell"\n[limits]\nmemory = "2 XB"', "limits.memory: ", "limits.memory"),
        ('kind = "shell"\n[limits]\ndisk = 0', "limits.disk: ", "limits.disk"),
        ('kind = "shell"\n[limits]\nover = "kill"', "limits.over: ", "limits.over"),
        ('kind = "shell"\nteams = "a"', "teams: ", "teams"),
        ('kind = "shell"\nworktree = true\nprewarm = 1', "do not go together", "one of them"),
        ("kind = shell", "it is not TOML", "line"),
        ("# " + "x" * 70_000, "larger than 64 KiB", "less"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(
    tmp_path: Path, text: str, says: str, hint: str
) -> None:
    path = write(tmp_path, text)

    with pytest.raises(InvalidRequestError) as caught:
        read_template(path)

    assert str(path) in str(caught.value)
    assert says in str(caught.value)
    assert hint in caught.value.hint


def test_what_is_not_utf_8_or_cannot_be_read_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(b'kind = "\xff"')

    with pytest.raises(InvalidRequestError, match="not UTF-8"):
        read_template(path)
    with pytest.raises(InvalidRequestError, match="No such file"):
        read_template(tmp_path / "none.toml")


async def test_a_name_that_no_template_has_is_answered_with_those_that_have(tmp_path: Path) -> None:
    write(tmp_path, 'kind = "shell"')

    with pytest.raises(NotFoundError) as caught:
        await Templates(tmp_path).find("yours")

    assert "mine" in caught.value.hint
    assert str(tmp_path) in caught.value.hint


async def test_one_s_own_template_wins_over_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    write(tmp_path, 'kind = "shell"\nrole = "own"', "shell")

    found = await Templates(tmp_path).find("shell")

    assert found.order.role == "own"
    assert not found.shipped


async def test_an_unsound_template_keeps_no_other_from_being_used(tmp_path: Path) -> None:
    write(tmp_path, "kind = 5", "bad")
    write(tmp_path, 'kind = "shell"', "good")
    (tmp_path / "notes.txt").write_text("no template")

    sound, faults = await Templates(tmp_path, tmp_path / "none").load()

    assert [one.name for one in sound] == ["good"]
    assert len(faults) == 1
    assert "bad.toml" in faults[0]


async def test_all_shipped_templates_whose_kinds_are_there_are_sound(tmp_path: Path) -> None:
    sound, faults = await Templates(tmp_path / "none").load()

    names = {path.stem for path in SHIPPED.glob("*.toml")}
    assert len(sound) + len(faults) == len(names) > 2
    assert all("there is no kind" in one for one in faults)
    assert {one.order.kind for one in sound} <= set(all_kinds())
    assert await Templates(tmp_path / "none").names() == tuple(sorted(names))
