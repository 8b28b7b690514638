"""What is known of arms, from a shell, without a daemon."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from typer.testing import CliRunner

from iterm_mcp.cli import app
from iterm_mcp.clock import SystemClock
from iterm_mcp.models.choosing import Result, Way
from iterm_mcp.models.tasks import Outcome, TaskId
from iterm_mcp.paths import find_paths, make_private_folder
from iterm_mcp.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result as Run

FILE = """
method = "thompson"
explore = 0
[arms.careful]
kind = "claude"
[arms.quick]
kind = "codex"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*words: str, code: int = 0) -> Run:
    done = CliRunner().invoke(app, ["choosing", *words])
    assert done.exit_code == code, done.output
    return done


def remember(arm: str, ends: str) -> None:
    """Remember attempts of an arm: ``+`` for one that succeeded, ``-`` for one that failed."""
    clock, paths = SystemClock(), find_paths()
    make_private_folder(paths.state)

    async def keep() -> None:
        async with open_store(paths.database, clock) as store:
            for number, end in enumerate(ends):
                outcome = Outcome.SUCCEEDED if end == "+" else Outcome.FAILED
                at = clock.now() - timedelta(hours=len(ends) - number)
                way = Way("backlog", "claude", arm=arm)
                name = TaskId(f"{arm}-{number}")
                await store.outcomes.record(Result(name, 1, way, outcome, at, 60.0, 0.5))

    anyio.run(keep)


def declare(home: Path, text: str = FILE) -> None:
    home.mkdir(exist_ok=True)
    (home / "choosing.toml").write_text(text)


def test_before_anything_is_known_it_says_so(home: Path) -> None:
    assert run("show").stdout.splitlines() == [
        "work of no kind:",
        f"nothing is known yet, and {home}/choosing.toml declares no arm",
    ]
    assert run("explain").stdout == (
        "work of no kind: as it was asked for, by fixed: the file declares no arm for it\n"
    )
    assert "Nothing was tried at it." in run("compare", "a", "b", code=1).stderr


def test_arms_are_shown_with_what_has_changed(home: Path) -> None:
    declare(home)
    remember("careful", "+" * 30 + "-" * 20)
    remember("quick", "+-" * 4)
    lines = run("show").stdout.splitlines()
    assert lines[0] == "backlog:"
    assert lines[1].startswith("  careful  30 of 50  60% (46% to 72%)  $0.50  60 s")
    assert lines[2].startswith("  quick  4 of 8  50%")
    assert lines[3].startswith("  ! careful succeeds less often than it used to: 0 of 20 now")
    assert run("show", "--task", "other").stdout.startswith("nothing is known")
    found = json.loads(run("show", "--json").stdout)
    assert [one["arm"] for one in found["tasks"]["backlog"]] == ["careful", "quick"]
    assert found["drifts"][0]["worse"] is True


def test_a_choice_is_explained_and_a_seed_draws_the_same(home: Path) -> None:
    declare(home)
    remember("careful", "+" * 20)
    remember("quick", "-" * 20)
    first = run("explain", "--task", "backlog", "--seed", "7").stdout
    assert first == run("explain", "--task", "backlog", "--seed", "7").stdout
    head, careful, quick = first.splitlines()
    assert head.startswith("backlog: careful, by thompson: careful had the highest draw, worth $")
    assert careful.startswith("* careful  20 of 20")
    assert " drew " in quick
    found = json.loads(run("explain", "--task", "backlog", "--seed", "7", "--json").stdout)
    assert (found["arm"], found["why"]) == ("careful", "drawn")


def test_two_arms_are_compared_with_how_sure_that_is(home: Path) -> None:
    declare(home)
    remember("careful", "+" * 18 + "--")
    remember("quick", "-" * 15 + "+" * 5)
    lines = run("compare", "careful", "quick", "--task", "backlog").stdout.splitlines()
    assert lines[0] == "careful and quick at backlog"
    assert lines[1].startswith("  success: 90% (n = 20) and 25% (n = 20); quick has -")
    assert lines[1].endswith("careful is better")
    assert lines[2].endswith("this may be chance")
    found = json.loads(run("compare", "careful", "quick", "--task", "backlog", "--json").stdout)
    assert found["measures"][0]["better"] == "careful"
    missing = run("compare", "careful", "nope", "--task", "backlog", code=1).stderr
    assert missing == "iterm-mcp: no arm 'nope'. Tried were careful, quick.\n"


def test_a_file_is_checked_before_it_counts(home: Path, tmp_path: Path) -> None:
    declare(home)
    assert run("check").stdout == f"{home}/choosing.toml: thompson, 2 arms, 0 rules\n"
    bad = tmp_path / "bad.toml"
    bad.write_text('default = "c"')
    assert "there is no arm 'c'. Mend the file." in run("check", str(bad), code=1).stderr
    declare(home, 'method = "dice"')
    assert "method" in run("explain", code=1).stderr
