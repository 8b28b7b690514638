"""Chains after a list that a task finds: each element goes through its own as soon as it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.tasks.desks import Bench, open_bench, spec

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.models.tasks import (
    GATHER,
    Condition,
    FanOut,
    Operator,
    Outcome,
    RetryPolicy,
    TaskState,
)
from iterm_mcp.tasks.checking import check_graph

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.models.tasks import TaskSpec

ALONG = FanOut("port", along=True)
ONCE = RetryPolicy(1)


def chain(*more: TaskSpec, **check: object) -> list[TaskSpec]:
    """Return tasks that find a list, port each of its elements, check and then land it."""
    return [
        spec("find"),
        spec("port", "find", prompt="port ${item}", fan_out=FanOut("find"), retry=ONCE),
        spec(
            "check",
            "port",
            *check.pop("needs", ()),  # type: ignore[misc]  # names
            **{"prompt": "check ${item}, ${tasks.port.output}", "fan_out": ALONG, **check},
        ),
        spec("land", "check", prompt="land ${index} ${tasks.check.output}", fan_out=ALONG),
        *more,
    ]


async def names_of(bench: Bench, ids: dict[str, str]) -> dict[str, str]:
    graph = await bench.desk.graph((await bench.desk.get(ids["find"])).graph)
    return {name: str(one) for name, one in graph.tasks.items()}


async def test_each_element_has_a_chain_that_waits_for_its_own_steps_alone(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(*chain(spec("report", "land")))
        assert (await bench.states(ids))["check"] == "waiting"
        await bench.run(ids["find"], output=["a", "b"])
        ids = await names_of(bench, ids)
        assert set(ids) == {
            "find", "port", "port-1", "port-2", "check", "check-1", "check-2",
            "land", "land-1", "land-2", "report",
        }  # fmt: skip
        kinds = {name: (await bench.desk.get(ids[name])).spec.kind for name in ("port", "land")}
        assert kinds == {"port": GATHER, "land": GATHER}

        await bench.run(ids["port-2"], output=20)
        found = await bench.states(ids)
        assert [found[one] for one in ("check-1", "check-2")] == ["waiting", "queued"]
        check = (await bench.desk.get(ids["check-2"])).spec
        assert (check.needs, check.prompt) == (("port-2",), "check b, ${tasks.port-2.output}")
        assert check.fan_out is None
        land = (await bench.desk.get(ids["land-2"])).spec
        assert (land.needs, land.prompt) == (("check-2",), "land 2 ${tasks.check-2.output}")

        for name in ("check-2", "land-2", "port-1", "check-1", "land-1"):
            await bench.run(ids[name], output=name)
        gathered = await bench.desk.get(ids["land"])
        assert gathered.result
        assert gathered.result.output == ["land-1", "land-2"]
        assert (await bench.states(ids))["report"] == "queued"


async def test_of_an_empty_list_every_step_has_succeeded(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(*chain(spec("report", "land")))
        await bench.run(ids["find"], output=[])

        assert await bench.states(ids) == {
            "find": "succeeded", "port": "succeeded", "check": "succeeded", "land": "succeeded",
            "report": "queued",
        }  # fmt: skip


async def test_an_element_that_fails_ends_its_own_chain_and_may_be_tried_again(
    folder: Path,
) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(*chain(spec("report", "land")))
        await bench.run(ids["find"], output=["a", "b"])
        ids = await names_of(bench, ids)
        await bench.run(ids["port-1"], Outcome.FAILED)
        for name in ("port-2", "check-2", "land-2"):
            await bench.run(ids[name])
        found = await bench.states(ids)
        assert [found[one] for one in ("check-1", "land-1", "land-2", "land", "report")] == [
            "skipped", "skipped", "succeeded", "skipped", "skipped",
        ]  # fmt: skip

        await bench.desk.retry(ids["port-1"], "ann")
        for name in ("port-1", "check-1", "land-1"):
            await bench.run(ids[name])
        assert set((await bench.states(ids)).values()) == {"succeeded", "queued"}
        assert (await bench.states(ids))["report"] == "queued"


async def test_a_condition_of_a_step_is_asked_of_each_element(folder: Path) -> None:
    async with open_bench(folder) as bench:
        when = (Condition("port", "output", Operator.EQUALS, "good"),)
        ids = await bench.submit(*chain(when=when))
        await bench.run(ids["find"], output=["a", "b"])
        ids = await names_of(bench, ids)
        await bench.run(ids["port-1"], output="good")
        await bench.run(ids["port-2"], output="bad")

        await bench.run(ids["check-1"])
        found = await bench.states(ids)
        assert [found[one] for one in ("check-1", "check-2")] == ["succeeded", "skipped"]


async def test_a_step_that_was_skipped_for_another_s_sake_is_there_when_that_succeeds(
    folder: Path,
) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("lint", retry=ONCE), *chain(needs=("lint",)))
        await bench.run(ids["lint"], Outcome.FAILED)
        assert (await bench.states(ids))["check"] == "skipped"
        await bench.run(ids["find"], output=["a"])
        ids = await names_of(bench, ids)
        await bench.run(ids["port-1"])
        found = await bench.states(ids)
        assert [found[one] for one in ("check-1", "land-1", "check", "land")] == ["skipped"] * 4

        await bench.desk.retry(ids["lint"], "ann")
        for name in ("lint", "check-1", "land-1"):
            await bench.run(ids[name])
        assert set((await bench.states(ids)).values()) == {"succeeded"}


async def test_a_step_that_was_cancelled_before_is_not_begun_for_any_element(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(*chain())
        await bench.desk.cancel(ids["check"], "ann", "not now")
        await bench.run(ids["find"], output=["a"])
        ids = await names_of(bench, ids)
        assert set(ids) == {"find", "port", "port-1", "check", "land"}
        await bench.run(ids["port-1"])
        found = await bench.states(ids)
        assert [found[one] for one in ("port", "check", "land")] == [
            "succeeded", "cancelled", "skipped",
        ]  # fmt: skip

        again = await bench.desk.retry(ids["check"], "ann")
        assert again.state is TaskState.DEAD
        assert "'port' has fanned out without 'check'" in again.reason


async def test_what_would_make_a_name_twice_starts_nothing_of_the_chain(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(*chain(spec("check-1")))
        await bench.run(ids["find"], output=["a"])

        assert "check-1" in (await bench.desk.get(ids["port"])).reason
        assert len(await names_of(bench, ids)) == len(ids)
        found = await bench.states(ids)
        assert [found[one] for one in ("port", "check", "land")] == ["dead", "skipped", "skipped"]


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (spec("check", "port", fan_out=FanOut("prot", along=True)), "along with 'prot'"),
        (spec("check", "find", fan_out=FanOut("find", along=True)), "along with 'find'"),
        (spec("check", "find", fan_out=ALONG), "is no step after 'port'"),
        (spec("check", fan_out=ALONG), "is no step after 'port'"),
    ],
)
def test_a_step_of_no_chain_is_refused(step: TaskSpec, told: str) -> None:
    find, port, *_ = chain()

    with pytest.raises(InvalidRequestError, match=told):
        check_graph(GraphSpec("graph", (find, port, step)))
