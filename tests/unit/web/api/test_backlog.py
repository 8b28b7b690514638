"""Backlogs over HTTP; what they do over real repositories stands in the integration tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from tests.unit.services.backlog.marks import mark, scan_of
from tests.unit.web.api.opened import Side, error_of, open_side

from iterm_mcp.errors import ConflictError
from iterm_mcp.models.backlog import Grouping, MarkId, Order, Plan, Progress
from iterm_mcp.models.tasks import TaskId
from iterm_mcp.services.backlog.planning import Wanted, planned
from iterm_mcp.services.backlog.scanning import Look

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.models.backlog import Scan
    from iterm_mcp.services.backlog.opening import BacklogDesk

SCAN = scan_of(mark("m1"), mark("m2"))
HERE = "directory=/src/app"


class Desk:
    """Says what it was asked, and answers always the same."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.failing = False

    @property
    def backlog(self) -> Desk:
        return self

    async def scan(self, look: Look) -> Scan:
        self.asked.append((look,))
        return SCAN

    async def plan(self, look: Look, wanted: Wanted) -> Plan:
        self.asked.append((look, wanted))
        tasks = [planned(SCAN, [one], ("make test",), wanted) for one in SCAN.marks]
        return Plan(SCAN, tuple(tasks), ("make test",), 3, {"most tasks": 2})

    async def submit(self, look: Look, wanted: Wanted, who: str) -> tuple[Plan, dict[str, TaskId]]:
        if self.failing:
            raise ConflictError("the tests fail already", code="tests_fail_already")
        plan = await self.plan(look, wanted)
        self.asked.append((who,))
        return plan, {plan.tasks[0].spec.key: TaskId("t-1")}

    async def progress(self, look: Look) -> Progress:
        self.asked.append((look,))
        return Progress("/r", "c" * 40, (), 1, 2, 3, 4, 5, 6, 0.5, 0)

    async def renew(self, look: Look) -> tuple[MarkId, ...]:
        self.asked.append((look,))
        return (MarkId("m1"),)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def side(tmp_path: Path, desk: Desk) -> AsyncIterator[Side]:
    async with open_side(tmp_path, backlog=cast("BacklogDesk", desk)) as side:
        yield side


async def test_a_commit_is_scanned(side: Side, desk: Desk) -> None:
    found = (await side.get(f"/v1/backlog?{HERE}&commit=v1")).json()
    assert [one["id"] for one in found["marks"]] == ["m1", "m2"]
    assert desk.asked == [(Look("/src/app", "v1"),)]


async def test_a_batch_is_planned_and_handed_in_by_the_name_of_the_token(
    side: Side, desk: Desk
) -> None:
    wish = {
        "directory": "/src/app", "by": "file", "order": "newest", "most_tasks": 3, "most_usd": 5,
        "tests": [], "kind": "codex", "paths": ["src"], "tags": ["TODO"],
    }  # fmt: skip
    planned_ = (await side.post("/v1/backlog/plan", wish)).json()
    assert [one["marks"] for one in planned_["tasks"]] == [["m1"], ["m2"]]
    look, wanted = desk.asked[0]
    assert look == Look("/src/app", "HEAD", ("src",))
    assert isinstance(wanted, Wanted)
    assert (wanted.by, wanted.order, wanted.tests) == (Grouping.FILE, Order.NEWEST, ())
    assert (wanted.limits.most_tasks, wanted.limits.most_usd) == (3, 5)
    found = (await side.post("/v1/backlog/submit", wish)).json()
    assert [(one["task_id"], one["marks"]) for one in found["tasks"]] == [("t-1", ["m1"])]
    assert (found["submitted"], found["beyond"]) == (3, {"most tasks": 2})
    assert len(desk.asked[-1]) == 1


async def test_progress_is_told_and_what_failed_may_be_renewed(side: Side, desk: Desk) -> None:
    found = (await side.get(f"/v1/backlog/progress?{HERE}")).json()
    assert (found["done"], found["left"], found["cost_usd"]) == (1, 6, 0.5)
    renewed = await side.post("/v1/backlog/renew", {"directory": "/src/app"})
    assert renewed.json() == {"marks": ["m1"]}
    assert desk.asked == [(Look("/src/app"),)] * 2


async def test_what_cannot_be_is_refused(side: Side, desk: Desk) -> None:
    assert error_of(await side.get("/v1/backlog?directory=here"))[0] == 400
    assert error_of(await side.post("/v1/backlog/plan", {"directory": "/a", "by": "x"}))[0] == 400
    assert error_of(await side.post("/v1/backlog/plan", {"directory": "/a", "moon": 1}))[0] == 400
    desk.failing = True
    failed = await side.post("/v1/backlog/submit", {"directory": "/a"})
    assert error_of(failed) == (409, "tests_fail_already")


async def test_who_may_only_read_hands_nothing_in(side: Side, desk: Desk) -> None:
    reader = await side.token("read")
    assert (await side.get(f"/v1/backlog?{HERE}", token=reader)).status == 200
    refused = await side.post("/v1/backlog/submit", {"directory": "/a"}, token=reader)
    assert error_of(refused) == (403, "scope_refused")
    assert len(desk.asked) == 1
