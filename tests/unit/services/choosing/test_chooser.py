from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.services.choosing.outcomes import (
    Alarms,
    Memory,
    attempt,
    result,
    results,
    spec,
    task,
)

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.choosing import Arm, Method, Why
from iterm_mcp.models.tasks import COMMAND, Outcome
from iterm_mcp.services.choosing.chooser import Chooser, result_of
from iterm_mcp.services.choosing.wording import choice_lines
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
default = "a"
[arms.a]
kind = "claude"
template = "careful"
model = "opus"
effort = "high"
strategy = "plan first"
prefix = "Plan first.\\n"
environment = { EFFORT = "high" }
[arms.b]
kind = "codex"
[[rules]]
arm = "b"
task = "backlog"
most_characters = 10
"""


class Stage:
    """A chooser with what it stands on."""

    def __init__(self, folder: Path, text: str = FILE) -> None:
        self.file = folder / "choosing.toml"
        self.file.write_text(text)
        self.memory = Memory()
        self.alarms = Alarms()
        self.clock = FakeClock()
        self.away: dict[str, str] = {}

    def chooser(self, seed: int = 1) -> Chooser:
        async def unavailable(arm: Arm) -> str:
            return self.away.get(arm.name, "")

        return Chooser(
            self.memory, str(self.file), self.clock, Random(seed), unavailable=unavailable,
            alarm=self.alarms,
        )  # fmt: skip


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_a_fixed_arm_is_written_into_the_task(stage: Stage) -> None:
    chosen, choice = await stage.chooser().choose(spec(prompt="do it"))
    assert (chosen.kind, chosen.template) == ("claude", "careful")
    assert chosen.prompt == "Plan first.\n\ndo it"
    assert chosen.environment == {"EFFORT": "high"}
    assert chosen.strategy == {
        "task": "backlog", "arm": "a", "model": "opus", "effort": "high",
        "strategy": "plan first", "chosen": "fixed",
    }  # fmt: skip
    assert (choice.arm, choice.why) == ("a", Why.FIXED)
    assert choice.reason == "by the file, a is the default"
    assert choice_lines(choice)[0] == "backlog: a, by fixed: by the file, a is the default"


async def test_what_was_chosen_is_not_chosen_again(stage: Stage) -> None:
    chosen, _ = await stage.chooser().choose(spec())
    again, choice = await stage.chooser().choose(chosen)
    assert again == chosen
    assert choice.reason == "a was chosen for it before"


async def test_a_task_may_name_its_arm(stage: Stage) -> None:
    stage.away["b"] = "it is not installed"
    chosen, choice = await stage.chooser().choose(spec(strategy={"arm": "b"}))
    assert (chosen.kind, chosen.strategy["chosen"]) == ("codex", "asked")
    assert (choice.why, choice.task) == (Why.ASKED, "")
    with pytest.raises(InvalidRequestError, match="there is no arm 'c'") as caught:
        await stage.chooser().choose(spec(strategy={"arm": "c"}))
    assert caught.value.hint == "There are a, b."
    stage.file.write_text("")
    with pytest.raises(InvalidRequestError, match="there is no arm 'c'") as caught:
        await stage.chooser().choose(spec(strategy={"arm": "c"}))
    assert "choosing.toml" in caught.value.hint


async def test_without_arms_or_agents_nothing_is_chosen(stage: Stage) -> None:
    command = spec(COMMAND)
    same, choice = await stage.chooser().choose(command)
    assert (same, choice.arm, choice.reason) == (command, "", "no agent works on it")
    stage.file.unlink()
    plain = spec()
    same, choice = await stage.chooser().choose(plain)
    assert (same, choice.why) == (plain, Why.NOTHING)
    assert (await stage.chooser().explain("backlog")).reason == "the file declares no arm for it"


async def test_the_first_rule_that_matches_decides(stage: Stage) -> None:
    stage.file.write_text(f'method = "rules"\n{FILE}')
    short, choice = await stage.chooser().choose(spec(prompt="do it"))
    assert (short.kind, choice.why) == ("codex", Why.RULE)
    assert choice.reason == "the first rule that is about it says b"
    long, choice = await stage.chooser().choose(spec(prompt="do it " * 9))
    assert (long.kind, choice.why) == ("claude", Why.FIXED)
    assert choice.reason == "no rule speaks of it, and a is the default"
    stage.away["b"] = "its quota is used up"
    away, choice = await stage.chooser().choose(spec(prompt="do it"))
    assert (away.kind, choice.why) == ("claude", Why.FALLBACK)
    assert choice.reason == (
        "a is there, and what was to be taken is not: b (its quota is used up)"
    )
    assert (await stage.chooser().explain("backlog")).arm == "a"


async def test_when_no_arm_can_be_had_the_task_stays_as_it_is(stage: Stage) -> None:
    stage.away |= {"a": "no money", "b": "no time"}
    plain = spec()
    for method in ("fixed", "thompson"):
        stage.file.write_text(f'method = "{method}"\n{FILE}')
        same, choice = await stage.chooser().choose(plain)
        assert (same, choice.why) == (plain, Why.NOTHING)
        assert choice.reason == "no arm can be had now: a (no money), b (no time)"


async def test_draws_are_explained_with_what_is_known(stage: Stage) -> None:
    stage.file.write_text(f'method = "thompson"\nexplore = 0\n{FILE}')
    _, first = await stage.chooser().choose(spec())
    assert (first.arm, first.why) in {
        ("a", Why.TOO_LITTLE),
        ("b", Why.EXPLORED),
        ("a", Why.EXPLORED),
    }
    stage.memory = Memory(
        *results(1, 19, "a"), *[replace(one, number=2) for one in results(19, 1, "b")]
    )
    chosen, choice = await stage.chooser().choose(spec())
    assert (choice.arm, choice.why, chosen.strategy["chosen"]) == ("b", Why.DRAWN, "drawn")
    head, row_a, row_b = choice_lines(choice)
    assert head.startswith("backlog: b, by thompson: b had the highest draw, worth $")
    assert row_a.startswith("  a  1 of 20  9% (1% to 24%)  $1.00  60 s  drew ")
    assert row_b.startswith("* b  19 of 20  91% (76% to 99%)  $1.00  60 s  drew ")


async def test_too_little_is_explained(stage: Stage) -> None:
    stage.file.write_text(f'method = "thompson"\nexplore = 0\nwarm_up = 0\n{FILE}')
    choice = await stage.chooser().explain("backlog")
    assert choice.reason == (
        "a is the default, and below 5 attempts nothing is compared: a has 0, b has 0"
    )
    stage.file.write_text(f'method = "thompson"\nexplore = 1\n{FILE}')
    choice = await stage.chooser().explain("backlog")
    assert choice.reason == f"{choice.arm} was taken at random, to learn how it does"


async def test_the_same_seed_chooses_the_same(stage: Stage) -> None:
    stage.file.write_text(f'method = "thompson"\n{FILE}')
    runs = []
    for _ in range(2):
        chooser = stage.chooser(seed=5)
        runs.append([(await chooser.choose(spec()))[1] for _ in range(30)])
    assert runs[0] == runs[1]


async def test_what_is_chosen_follows_what_is_recorded(stage: Stage) -> None:
    stage.file.write_text(f'method = "thompson"\n{FILE}')
    chooser, random = stage.chooser(3), Random(4)
    taken: Counter[str] = Counter()
    for number in range(200):
        chosen, choice = await chooser.choose(spec())
        good = random.random() < {"a": 0.3, "b": 0.9}[choice.arm]
        ended = attempt(Outcome.SUCCEEDED if good else Outcome.REJECTED)
        await chooser.record(task(number, chosen), ended)
        taken[choice.arm] += number >= 100
    assert taken["b"] > 75


async def test_what_is_too_old_does_not_count(stage: Stage) -> None:
    stage.memory = Memory(*results(10, 0))
    stage.clock.advance(timedelta(days=91).total_seconds())
    assert (await stage.chooser().known())["backlog"][0].tally.attempts == 0
    with pytest.raises(NotFoundError, match="no arm 'a'"):
        await stage.chooser().compare("backlog", "a", "b")


async def test_an_attempt_is_remembered_once_and_by_how_it_was_made(stage: Stage) -> None:
    chooser = stage.chooser()
    chosen, _ = await chooser.choose(spec())
    found = await chooser.record(task(1, chosen), attempt())
    assert found is not None
    assert await chooser.record(task(1, chosen), attempt()) == found
    assert list(stage.memory.kept.values()) == [found]
    assert (found.way.arm, found.way.model, found.way.effort) == ("a", "opus", "high")
    assert (found.seconds, found.cost_usd, found.tokens, found.why) == (90.0, 1.0, 7, "fixed")
    assert await chooser.record(task(1, chosen), attempt(None)) is None
    assert await chooser.record(task(1, spec(COMMAND)), attempt()) is None
    plain = result_of(task(1, replace(spec(strategy={}), template="t")), attempt())
    assert plain is not None
    assert (plain.way.arm, plain.way.task) == ("t", "")
    bare = result_of(task(1, spec(strategy={})), replace(attempt(), result=None))
    assert bare is not None
    assert (bare.way.arm, bare.cost_usd, bare.tokens) == ("claude", None, None)


async def test_a_change_raises_an_alarm_and_its_end_settles_it(stage: Stage) -> None:
    stage.file.write_text(f"recent = 10\nleast_past = 10\n{FILE}")
    chooser = stage.chooser()
    chosen, _ = await chooser.choose(spec())
    ends = [Outcome.SUCCEEDED] * 20 + [Outcome.FAILED] * 10 + [Outcome.LOST] * 3
    for number, outcome in enumerate(ends):
        await chooser.record(task(number, chosen), attempt(outcome))
    assert [one.subject for one in stage.alarms.raised] == ["backlog/a"]
    assert stage.alarms.settled == ["drift backlog/a"] * 2
    for number in range(40, 80):
        await chooser.record(task(number, chosen), attempt())
    assert stage.alarms.settled[-1] == "drift backlog/a"
    assert await chooser.drift("backlog", "b") is None


async def test_without_an_alarm_nobody_is_told(stage: Stage) -> None:
    stage.file.write_text(f"recent = 5\nleast_past = 5\n{FILE}")
    chooser = Chooser(stage.memory, str(stage.file), stage.clock, Random(1))
    for number in range(5):
        chosen, _ = await chooser.choose(spec())
        await chooser.record(task(number, chosen), attempt())
    assert stage.alarms.settled == []


async def test_all_that_is_known_is_told_by_kind_of_work(stage: Stage) -> None:
    stage.memory = Memory(result(1), result(2, arm="old"))
    found = await stage.chooser().known()
    assert [(one.arm, one.tally.attempts) for one in found["backlog"]] == [
        ("a", 1), ("b", 0), ("old", 1),
    ]  # fmt: skip
    assert found["backlog"][2].unavailable == "the file does not declare it"
    stage.memory = Memory()
    assert [one.arm for one in (await stage.chooser().known())[""]] == ["a", "b"]


async def test_arms_are_compared_and_one_that_was_never_tried_is_named(stage: Stage) -> None:
    stage.memory = Memory(*results(9, 1), *[
        replace(one, number=2) for one in results(5, 5, "b")
    ])  # fmt: skip
    found = await stage.chooser().compare("backlog", "a", "b")
    assert [one.count_a for one in found.measures] == [10, 10, 10]
    with pytest.raises(NotFoundError) as caught:
        await stage.chooser().compare("backlog", "a", "c")
    assert caught.value.hint == "Tried were a, b."
    with pytest.raises(NotFoundError) as caught:
        await stage.chooser().compare("other", "a", "b")
    assert caught.value.hint == "Nothing was tried at it."


async def test_what_a_task_will_cost_is_what_such_tasks_cost_with_all_attempts(
    stage: Stage,
) -> None:
    chooser = stage.chooser()
    assert await chooser.estimate(spec()) is None
    stage.memory = Memory(
        result(1, Outcome.FAILED, cost=1.0), replace(result(1, cost=2.0), number=2),
        result(2, arm="b", cost=5.0), result(3, cost=None),
    )  # fmt: skip
    chooser = stage.chooser()
    assert await chooser.estimate(spec()) == 4.0
    assert await chooser.estimate(spec(strategy={"task": "backlog", "arm": "a"})) == 3.0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from(Method), st.sets(st.sampled_from(["a", "b"])))
async def test_no_method_takes_what_is_not_available(
    tmp_path: Path, seed: int, method: Method, away: set[str]
) -> None:
    stage = Stage(tmp_path, f'method = "{method}"\n{FILE}')
    stage.away = dict.fromkeys(away, "away")
    _, choice = await stage.chooser(seed).choose(spec())
    assert choice.arm not in away
    assert bool(choice.arm) == (len(away) < 2)
