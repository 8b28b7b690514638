"""What is met rarely: names, places, rates and leases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.tasks.desks import open_bench, spec

from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.models.task_queries import Hindrance, TaskQuery
from iterm_mcp.models.tasks import Outcome, TaskState
from iterm_mcp.tasks.database import driver_url
from iterm_mcp.tasks.desk import Waits
from iterm_mcp.tasks.engine import EngineOptions
from iterm_mcp.tasks.explaining import explain
from iterm_mcp.tasks.lease import machine_name
from iterm_mcp.tasks.limits import AdmitAll, DispatchLimits, Refusal, StartRate, demand_of
from iterm_mcp.tasks.settling import End, settle
from iterm_mcp.tasks.stops import Stops
from iterm_mcp.tasks.submitting import repository_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from iterm_mcp.tasks.limits import Demand


class Refusing:
    def why_not(self, demand: Demand, now: datetime) -> Refusal | None:
        assert now.tzinfo
        return Refusal(f"{demand.task_id} needs 2 GB, 1.1 GB is available")

    def admit(self, demand: Demand, now: datetime) -> Refusal | None:
        raise AssertionError(f"{demand.task_id} is only asked for, at {now}, and does not start")


def test_a_folder_keeps_the_name_of_its_machine(folder: Path) -> None:
    options = EngineOptions("", str(folder))
    name = machine_name(options)

    assert name
    assert machine_name(options) == name
    assert machine_name(replace(options, machine="mine")) == "mine"
    with pytest.raises(StoreError, match="machine's name"):
        machine_name(replace(options, folder=str(folder / "none")))


def test_a_directory_is_of_the_checkout_that_it_is_in_or_whose_worktree(folder: Path) -> None:
    main, tree, odd = folder / "main", folder / "tree", folder / "odd"
    for one in (main / ".git" / "worktrees" / "tree", main / "src", tree / "src", odd):
        one.mkdir(parents=True)
    (tree / ".git").write_text(f"gitdir: {main}/.git/worktrees/tree\n")
    (odd / ".git").write_text("gitdir: ../elsewhere\n")

    assert repository_of(str(main / "src")) == str(main)
    assert repository_of(str(tree / "src")) == str(main)
    assert repository_of(str(odd)) == str(odd)
    assert repository_of(str(folder / "none")) == ""


def test_urls_have_the_driver_that_is_there() -> None:
    assert driver_url("postgres://a/b") == "postgresql+psycopg://a/b"
    assert driver_url("postgresql://a/b") == "postgresql+psycopg://a/b"
    assert driver_url("sqlite:///a") == "sqlite:///a"


async def test_rates_and_admission_are_explained(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("first"), spec("next"))
        bench.limits = DispatchLimits(at_once=1)
        await bench.run(ids["first"])
        limits = DispatchLimits(rates=(StartRate(1, 60.0),))
        found = await bench.desk.read(
            lambda at: explain(at, ids["next"], "here", limits, Refusing(), bench.desk.now())
        )
        assert [one.what for one in found.obstacles] == [Hindrance.RATE, Hindrance.ADMISSION]
        assert found.obstacles[-1].sentence == f"{ids['next']} needs 2 GB, 1.1 GB is available"


async def test_what_needs_others_is_explained_by_their_states(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"), spec("b", "a"))
        (obstacle,) = (await bench.desk.explain(ids["b"])).obstacles

        assert obstacle.sentence == "it needs 'a', which is queued"
        assert AdmitAll().admit(demand_of("t-a", spec("a")), bench.clock.now()) is None


async def test_a_full_machine_looks_at_no_queue(folder: Path) -> None:
    async with open_bench(folder) as bench:
        await bench.submit(spec("a"), spec("b"))
        bench.limits = DispatchLimits(at_once=1)
        assert len((await bench.claim()).attempts) == 1
        claimed = await bench.claim()
        assert not claimed.attempts
        assert not claimed.obstacles
        assert claimed.full == "1 tasks run, and 1 may at once"


async def test_a_success_that_was_kept_is_verified_before_it_counts(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"))
        await bench.claim()
        await bench.desk.write(
            lambda at: settle(at, bench.lease.holder, ids["a"], 1, End(Outcome.SUCCEEDED))
        )
        task = await bench.desk.get(ids["a"])

        assert [one.state for one in task.moves[-3:]] == [
            TaskState.RUNNING,
            TaskState.VERIFYING,
            TaskState.SUCCEEDED,
        ]


async def test_a_shared_lease_is_trusted_only_as_long_as_it_was_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_bench(folder) as bench:
        trusted = [bench.lease.trusted]
        bench.clock.advance(bench.options.lease_seconds)
        trusted.append(bench.lease.trusted)  # a file is nobody else's
        monkeypatch.setattr(bench.desk._database, "is_shared", True)
        assert [*trusted, bench.lease.trusted] == [True, True, False]
        stops = Stops(bench.desk, bench.lease)
        event = stops.of("t-1~1")
        await stops.look()
        assert event.is_set()


async def test_keys_that_no_database_takes_are_refused(folder: Path) -> None:
    async with open_bench(folder) as bench:
        with pytest.raises(InvalidRequestError, match="longer than"):
            await bench.desk.submit(GraphSpec("g", (spec("a"),), key="x" * 301), "")


async def test_a_queued_task_says_what_it_waits_for(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"), spec("b", "a"))
        bench.desk.waits = Waits({ids["a"]: "needs 2 GB"}, "5 tasks run")

        assert (await bench.desk.get(ids["a"])).reason == "needs 2 GB"
        page = await bench.desk.find(TaskQuery())
        assert [one.reason for one in page.tasks] == ["", "needs 2 GB"]
