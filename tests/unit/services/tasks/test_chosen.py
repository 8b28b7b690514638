"""Tasks that leave open who does them."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.services.choosing.outcomes import Memory, attempt
from tests.unit.tasks.services import ROOM, known, open_asked

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.callers import Caller
from iterm_mcp.models.choosing import TASK
from iterm_mcp.models.task_queries import TaskQuery
from iterm_mcp.models.tasks import GATHER, Outcome
from iterm_mcp.services.choosing.chooser import Chooser, result_of
from iterm_mcp.services.tasks import views
from iterm_mcp.services.tasks.graphs.known import Known
from iterm_mcp.services.tasks.graphs.reading import look_at, read_graph
from iterm_mcp.services.tasks.graphs.telling import tell
from iterm_mcp.services.tasks.service import TaskService
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from tests.unit.tasks.services import Asked

    from iterm_mcp.models.choosing import Arm
    from iterm_mcp.models.tasks import TaskSpec

MANUAL = Path(__file__).parents[4] / "docs/choosing.md"
KNOWN = Known(frozenset({"claude", "codex"}), {"careful": "claude"}, lambda _: "")
ANN = Caller(None, "ann")
ARMS = """
default = "careful"
[arms.careful]
kind = "claude"
template = "careful"
prefix = "Plan first."
[arms.quick]
kind = "codex"
[tasks.bugfix]
default = "quick"
"""
BY_ARM = """
graph: mend
defaults: {directory: /, kind: auto}
tasks:
  fix: {prompt: Mend it., work: bugfix}
  look: {prompt: Look at it., needs: fix}
  count: {run: ls}
  own: {prompt: Say it., kind: codex, work: telling}
"""


def specs(body: str, head: str = "defaults: {directory: /src}") -> dict[str, TaskSpec]:
    graph = read_graph(f"graph: one\n{head}\ntasks:\n{body}", known=KNOWN)
    return {one.name: one for one in graph.tasks}


class Bench:
    """A service that chooses by a file."""

    def __init__(self, asked: Asked, folder: Path, text: str = ARMS) -> None:
        self.file = folder / "choosing.toml"
        self.file.write_text(text)
        self.memory = Memory()
        self.away: dict[str, str] = {}
        self.looks = 0
        clock = FakeClock()
        chooser = Chooser(
            self.memory, str(self.file), clock, Random(1), unavailable=self._unavailable
        )
        self.service = TaskService(asked.service.engine, known, lambda: ROOM, chooser=chooser)

    async def _unavailable(self, arm: Arm) -> str:
        self.looks += 1
        return self.away.get(arm.name, "")

    async def submit(self, document: str = BY_ARM) -> dict[str, TaskSpec]:
        view = await self.service.submit(ANN, document)
        return {one.spec.name: one.spec for one in view.tasks}


async def test_who_does_a_task_is_chosen_by_its_kind_of_work_and_told_with_it(
    tmp_path: Path,
) -> None:
    async with open_asked(tmp_path) as asked:
        bench = Bench(asked, tmp_path)
        found = await bench.submit()

        assert [found[name].kind for name in found] == ["codex", "claude", "command", "codex"]
        assert found["fix"].strategy == {
            "task": "bugfix",
            "arm": "quick",
            "chosen": "fixed",
            "because": "by the file, quick is the default",
        }
        assert (found["look"].template, found["look"].prompt) == (
            "careful", "Plan first.\n\nLook at it.",
        )  # fmt: skip
        assert found["own"].strategy == {"task": "telling"}, "it is only remembered by that"
        assert found["count"].strategy == {}
        page, _ = await bench.service.find(TaskQuery(text="Mend"))
        shown = views.whole(await bench.service.explain(page.tasks[0].task_id))
        assert shown["spec"]["strategy"]["because"] == "by the file, quick is the default"
        result = result_of(page.tasks[0], attempt(Outcome.SUCCEEDED))
        assert result is not None
        assert (result.way.task, result.way.arm, result.way.kind) == ("bugfix", "quick", "codex")


async def test_a_dry_run_tells_what_would_be_chosen(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        plan = await Bench(asked, tmp_path).service.plan(BY_ARM)

        told = [one for one in tell(plan, 200) if one.startswith("chosen")]
        assert told == [
            "chosen for fix: quick: by the file, quick is the default",
            "chosen for look: careful: by the file, careful is the default",
        ]
        assert {one.name: one.kind for one in plan.tasks}["fix"] == "codex"
        assert (await asked.service.find(TaskQuery()))[0].tasks == ()


async def test_a_dry_run_of_many_choices_tells_some(tmp_path: Path) -> None:
    text = "".join(f'[arms.a{number}]\nkind = "claude"\n' for number in range(8))
    text += "".join(f'[tasks.w{number}]\ndefault = "a{number}"\n' for number in range(8))
    body = "".join(f"  t{number}: {{prompt: x, work: w{number}}}\n" for number in range(8))
    async with open_asked(tmp_path) as asked:
        bench = Bench(asked, tmp_path, text)
        document = f"graph: x\ndefaults: {{directory: /, kind: auto}}\ntasks:\n{body}"
        lines = tell(await bench.service.plan(document), 200)

    assert sum(one.startswith("chosen for") for one in lines) == 6
    assert "and 2 more choices" in lines


async def test_what_cannot_be_had_is_not_chosen_and_without_any_nothing_is_submitted(
    tmp_path: Path,
) -> None:
    async with open_asked(tmp_path) as asked:
        bench = Bench(asked, tmp_path)
        bench.away = {"quick": "codex is not installed"}
        found = await bench.submit()
        assert found["fix"].kind == "claude"
        assert "codex is not installed" in found["fix"].strategy["because"]

        bench.away["careful"] = "no template 'careful'"
        for call in (bench.submit(), bench.service.plan(BY_ARM)):
            with pytest.raises(InvalidRequestError) as refused:
                await call
            assert str(refused.value) == (
                "nobody can be chosen for 'fix' for work 'bugfix': no arm can be had now: careful "
                "(no template 'careful'), quick (codex is not installed)"
            )
            assert refused.value.code == "no_arm"
        assert len((await asked.service.find(TaskQuery()))[0].tasks) == 4


@pytest.mark.parametrize("has_chooser", [True, False])
async def test_who_declared_no_arm_is_told_where_to(tmp_path: Path, *, has_chooser: bool) -> None:
    part: dict[str, Any] = {"kind": "auto", "prompt": "x", "directory": "/"}
    async with open_asked(tmp_path) as asked:
        service = Bench(asked, tmp_path, "").service if has_chooser else asked.service
        with pytest.raises(InvalidRequestError, match="nobody can be chosen for 'a': ") as refused:
            await service.submit_one(ANN, "a", part)
        assert "choosing.toml" in refused.value.hint


async def test_every_element_has_a_choice_and_what_is_known_is_looked_up_once(
    tmp_path: Path,
) -> None:
    document = """
graph: many
defaults: {directory: /, kind: auto, work: porting}
tasks:
  port: {fan_out: [a, b, c], prompt: "Port ${item}."}
"""
    async with open_asked(tmp_path) as asked:
        bench = Bench(asked, tmp_path, ARMS.replace("default", 'method = "thompson"\ndefault', 1))
        found = await bench.submit(document)

        assert [one.kind == GATHER for one in found.values()] == [False, False, False, True]
        assert all(found[f"port-{number}"].strategy["chosen"] for number in (1, 2, 3))
        assert bench.looks == 2, "one look at each arm"


def test_what_cannot_be_left_open_is_told() -> None:
    body = """
  a: {kind: auto, template: careful, prompt: x}
  b: {run: ls, work: bugfix}
  c: {run: ls, kind: auto}
  d: {kind: auto, prompt: x, work: true}
"""
    found = look_at(f"graph: x\ndefaults: {{directory: /}}\ntasks:{body}", known=KNOWN).problems

    assert [f"{one.key}: {one.text}" for one in found] == [
        "tasks.a.template: who is chosen has a template of its own",
        "tasks.b.work: nobody is chosen for a command line",
        "tasks.c.kind: a auto runs no command line",
        "tasks.d.work: it is no text",
    ]


def test_a_command_takes_no_work_from_what_all_have_in_common() -> None:
    found = specs(
        "  a: {run: ls}\n  b: {prompt: x}", "defaults: {directory: /, kind: auto, work: w}"
    )

    assert found["a"].strategy == {}
    assert found["b"].strategy == {TASK: "w"}


def test_the_manual_s_example_is_sound() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", MANUAL.read_text("utf-8"), re.DOTALL)
    found = {one.name: one for one in read_graph(str(example), known=KNOWN).tasks}

    assert {name: one.strategy[TASK] for name, one in found.items()} == {
        "clock": "bugfix", "review": "review",
    }  # fmt: skip
    assert {one.kind for one in found.values()} == {"auto"}
