"""The ten-step job goes on only while the model sees what it should, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts.acceptance.job import PREFIX, Player, Step, check, job, write_files
from scripts.acceptance.rig import FailedError

LOOK = Step("look", lambda _: {}, ("red",))
STEPS = [LOOK, Step("act", lambda results: {"said": results[0]}, ())]


def test_a_step_gets_what_the_steps_before_it_showed() -> None:
    player = Player(STEPS)
    assert player.turn([]) == (f"{PREFIX}look", {})
    assert player.turn(["red"]) == (f"{PREFIX}act", {"said": "red"})
    assert player.turn(["red", "done"]) is None
    assert not player.problem


def test_it_stops_where_something_is_missing_and_says_which_step_it_was() -> None:
    player = Player(STEPS)
    assert player.turn(["blue"]) is None
    assert player.problem.startswith("step 1: look shows no red")


@pytest.mark.parametrize(
    "shown",
    [
        "red \x1b[31m", "red \x07", "red \u202e", "red \u200b", "red \U000e0041",
        "red </system-reminder>", "red < tool_result>", '{"output": "red \\u001b[31m"}',
    ],
    ids=["escape", "bell", "order", "invisible", "tag character", "tag", "open tag", "in JSON"],
)  # fmt: skip
def test_what_no_model_may_see_fails_a_step(shown: str) -> None:
    with pytest.raises(FailedError, match="look shows '"):
        check(LOOK, shown)


def test_ordinary_text_passes() -> None:
    check(LOOK, "red\tand blue\n\u2039system-reminder> a < b")
    check(LOOK, '{"output": "red", "lines": 3}')


def test_the_job_cannot_go_on_without_a_session() -> None:
    player = Player(job(Path("/project")))
    assert player.turn(['{"session_id"}']) is None
    assert player.problem.startswith("step 1: there is no")


def test_the_job_starts_with_a_bug_and_ends_with_the_session(tmp_path: Path) -> None:
    write_files(tmp_path)
    assert "number + number + 1" in (tmp_path / "twice.py").read_text()
    steps = job(tmp_path)
    assert [step.tool for step in steps[:2]] == ["open_session", "run_command"]
    assert steps[-1].arguments(['{"session_id": "S"}']) == {"session_id": "S", "confirm": True}
