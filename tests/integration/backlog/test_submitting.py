"""From marks to tasks, and each mark to one task alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.integration.backlog.yards import APP, OTHER, KilledError

from iterm_mcp.errors import ConflictError, InvalidRequestError
from iterm_mcp.models.backlog import Grouping
from iterm_mcp.models.tasks import TaskState
from iterm_mcp.services.backlog.baselines import Baselines
from iterm_mcp.services.backlog.batching import TOO_MANY, Limits
from iterm_mcp.services.backlog.planning import Wanted
from iterm_mcp.services.backlog.service import Backlog

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.backlog.yards import Yard

    from iterm_mcp.models.backlog import Plan
    from iterm_mcp.models.tasks import TaskSpec


async def plan(yard: Yard, wanted: Wanted | None = None) -> Plan:
    return await yard.backlog.plan(yard.look(), wanted or Wanted())


async def submit(yard: Yard, wanted: Wanted | None = None) -> list[str]:
    tasks = await yard.backlog.submit(await plan(yard, wanted), yard.desk, "ann")
    return sorted(tasks.values())


async def test_a_second_submission_makes_no_second_task(yard: Yard) -> None:
    assert await submit(yard) == ["t-1", "t-2"]
    second = await plan(yard)
    assert (second.tasks, second.submitted) == ((), 2)
    assert await submit(yard) == []
    one = yard.desk.tasks[next(iter(yard.desk.tasks))]
    assert (one.submitter, one.spec.directory) == ("ann", str(yard.repository))


async def test_marks_that_move_or_get_other_neighbours_have_their_task_already(yard: Yard) -> None:
    await submit(yard)
    for text in (
        f"# nothing\n\n{APP}",
        APP.replace("    return text.split()", "    return [text]"),
        APP.replace("def parse(text):", "def read(text):\n    text = str(text)"),
    ):
        yard.commit("app.py", text)
        assert await submit(yard) == []
    yard.git("mv", "app.py", "renamed.py")
    yard.commit("b.py", OTHER)
    (new,) = (await plan(yard)).tasks
    assert new.marks[0].tag == "HACK"
    assert await submit(yard) == ["t-3"]


async def test_one_that_was_done_and_is_said_again_elsewhere_is_another_one(yard: Yard) -> None:
    await submit(yard)
    yard.commit("app.py", APP.replace("    # FIXME: this is not safe\n", ""))
    assert await submit(yard) == []
    yard.commit("b.py", "def other():\n    # FIXME: this is not safe\n    return 1\n")
    assert await submit(yard) == ["t-3"]


@pytest.mark.parametrize("killed_after", [0, 1])
async def test_whoever_is_killed_while_submitting_may_do_it_again(
    yard: Yard, killed_after: int
) -> None:
    yard.desk.killed_after = killed_after
    by_file = Wanted(by=Grouping.FILE, limits=Limits(most_marks=1))
    with pytest.raises(KilledError):
        await submit(yard, by_file)
    yard.desk.killed_after = None
    yard.commit("b.py", OTHER)
    again = await plan(yard)
    assert [one.marks[0].tag for one in again.tasks] == ["TODO", "FIXME", "HACK"][killed_after:]
    await yard.backlog.submit(again, yard.desk, "ann")
    assert len(yard.desk.tasks) == 3
    assert (await plan(yard)).tasks == ()


async def test_one_that_was_taken_and_not_noted_is_the_same_one(yard: Yard) -> None:
    first = await plan(yard)
    await yard.desk.submit_task(first.tasks[0].spec, "ann")
    assert len(await submit(yard)) == 2
    assert len(yard.desk.tasks) == 2


async def test_of_two_who_submit_at_once_the_slower_one_makes_no_second_task(yard: Yard) -> None:
    by_mark, by_file = await plan(yard), await plan(yard, Wanted(by=Grouping.FILE))
    assert len(await yard.backlog.submit(by_mark, yard.desk, "ann")) == 2
    assert await yard.backlog.submit(by_file, yard.desk, "bob") == {}
    assert len(yard.desk.tasks) == 2


async def test_a_batch_keeps_its_limits_and_says_what_is_left(yard: Yard) -> None:
    yard.commit("b.py", OTHER)
    found = await plan(yard, Wanted(limits=Limits(most_tasks=1), cost_usd=0.5))
    assert (len(found.tasks), dict(found.beyond), found.cost_usd) == (1, {TOO_MANY: 2}, 0.5)
    with pytest.raises(InvalidRequestError, match="nobody knows yet"):
        await plan(yard, Wanted(limits=Limits(most_usd=2)))

    async def estimate(spec: TaskSpec) -> float | None:
        return 0.9 if spec.kind == "claude" else None

    backlog = Backlog(yard.store.backlogs, "none.toml", yard.clock, estimate=estimate)
    known = await backlog.plan(yard.look(), Wanted(limits=Limits(most_usd=2)))
    assert (len(known.tasks), known.cost_usd) == (2, 1.8)


async def test_a_users_file_says_how_a_repository_is_tested_and_by_whom(yard: Yard) -> None:
    yard.commit("Makefile", "test:\n\ttrue\n")
    assert (await plan(yard)).tests == ("make test",)
    yard.settings.write_text(
        f'[[repository]]\npath = "{yard.repository}"\ntests = ["true"]\n'
        'kind = "codex"\ntemplate = "careful"\nexclude = ["Makefile"]\n'
    )
    found = await plan(yard)
    assert (found.tests, found.tasks[0].spec.kind) == (("true",), "codex")
    assert found.tasks[0].spec.template == "careful"
    own = await plan(yard, Wanted(tests=(), kind="gemini"))
    assert (own.tests, own.tasks[0].spec.kind) == ((), "gemini")


async def test_how_the_work_is_done_may_be_chosen(yard: Yard) -> None:
    async def choose(spec: TaskSpec) -> TaskSpec:
        return replace(spec, strategy={**spec.strategy, "arm": "best"})

    backlog = Backlog(yard.store.backlogs, "none.toml", yard.clock, choose=choose)
    await backlog.submit(await plan(yard), yard.desk, "ann")
    for one in yard.desk.tasks.values():
        assert one.spec.strategy == {"task": "backlog", "arm": "best"}


async def test_progress_tells_what_is_done_failed_left_and_spent(yard: Yard) -> None:
    await submit(yard)
    yard.desk.settle("t-1", TaskState.SUCCEEDED, 0.5)
    yard.desk.settle("t-2", TaskState.DEAD, 0.25)
    yard.commit("app.py", APP.replace("    # TODO(bob): handle empty text\n", ""))
    yard.commit("b.py", OTHER)
    found = await yard.backlog.progress(yard.look(), yard.desk)
    assert (found.done, found.failed, found.gone, found.left) == (1, 1, 1, 1)
    assert found.cost_usd == 0.75


async def test_what_failed_or_was_purged_may_have_another_task(yard: Yard) -> None:
    yard.commit("b.py", OTHER)
    await submit(yard)
    yard.desk.settle("t-1", TaskState.DEAD)
    del yard.desk.tasks[next(key for key in yard.desk.tasks if key == "t-3")]
    renewed = await yard.backlog.renew(yard.look(), yard.desk)
    assert len(renewed) == 2
    again = await plan(yard)
    assert {one.mark_id for task in again.tasks for one in task.marks} == set(renewed)
    assert all(one.spec.key.endswith("#2") for one in again.tasks)
    assert len(await yard.backlog.submit(again, yard.desk, "ann")) == 2
    assert await yard.backlog.renew(yard.look(), yard.desk) == ()


def baselines(yard: Yard, seconds: float = 60.0) -> Baselines:
    return Baselines(yard.worktrees, yard.store.backlogs, yard.clock, seconds=seconds)


async def test_nothing_is_submitted_when_tests_fail_already(yard: Yard, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    tests = (f"echo once >> {ran}", "test -e app.py", "echo boom >&2; exit 3")
    found = await plan(yard, Wanted(tests=tests))
    for _ in range(2):
        with pytest.raises(ConflictError, match=r"fail already.*ended with 3: boom"):
            await yard.backlog.submit(found, yard.desk, "ann", baselines=baselines(yard))
    assert yard.desk.tasks == {}
    assert ran.read_text() == "once\n"  # how it goes in a commit is known after one run
    assert yard.git("worktree", "list").count("\n") == 0


async def test_tests_that_pass_are_run_once_for_a_commit_unless_asked_again(
    yard: Yard, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    found = await plan(yard, Wanted(tests=(f"pwd >> {ran}; touch rubbish; test -n $CI",)))
    for again in (False, False, True):
        await yard.backlog.submit(found, yard.desk, "ann", baselines=baselines(yard), again=again)
    places = ran.read_text().splitlines()
    assert len(places) == 2
    assert all(one.startswith(f"{tmp_path}/worktrees/tests-") for one in places)
    assert not (yard.repository / "rubbish").exists()
    yard.commit("b.py", OTHER)
    await yard.backlog.submit(
        await plan(yard, Wanted(tests=found.tests)), yard.desk, "ann", baselines=baselines(yard)
    )
    assert len(ran.read_text().splitlines()) == 3


async def test_tests_that_do_not_end_or_cannot_begin_say_nothing_of_a_commit(yard: Yard) -> None:
    found = await plan(yard, Wanted(tests=("sleep 600",)))
    with pytest.raises(ConflictError, match=r"took longer than 0\.2 s"):
        await yard.backlog.submit(found, yard.desk, "ann", baselines=baselines(yard, 0.2))
    settings = yard.folder / "worktrees.toml"
    settings.write_text(f'[[repository]]\npath = "{yard.repository}"\nsetup = ["exit 4"]\n')
    with pytest.raises(ConflictError, match="the set-up of a worktree failed"):
        await yard.backlog.submit(found, yard.desk, "ann", baselines=baselines(yard))
    assert await yard.store.backlogs.baseline(
        found.scan.repository, found.scan.commit, found.tests
    ) is None  # fmt: skip
    assert yard.git("worktree", "list").count("\n") == 0
