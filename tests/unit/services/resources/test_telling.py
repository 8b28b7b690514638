"""What is told of trees: alerts, totals, JSON, and who holds limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import anyio

from iterm_mcp.errors import StoreError
from iterm_mcp.models.alerts import AlertKind, Finding
from iterm_mcp.models.resources import Excess, ProcessUsage, Resource, TreeUsage, WatchedTree
from iterm_mcp.models.task_limits import OverLimit, ResourceLimits
from iterm_mcp.services.resources.alerts import ResourceAlerts
from iterm_mcp.services.resources.answers import tree_answer
from iterm_mcp.services.resources.opening import SystemGroups, make_resources
from iterm_mcp.services.resources.totals import KindTotals, Totals
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from iterm_mcp.services.resources.watching import Listener, ResourceWatch

EXCESS = Excess(Resource.MEMORY, 2.0, 1.0, "it takes too much", OverLimit.STOP)
USAGE = TreeUsage(
    START,
    (ProcessUsage(10, 1, "sh", 5, 1.0, "S"), ProcessUsage(11, 10, "make", 7, 2.5, "R")),
    12, cpu_seconds=3.5, cpu_cores=0.5, read_bytes=100, written_bytes=None,
)  # fmt: skip
TREE = WatchedTree("ada", "claude", usage=USAGE)


class FakeWatch:
    """Trees as a test has them."""

    def __init__(self) -> None:
        self.trees: dict[str, WatchedTree] = {}
        self.verdicts: dict[str, str] = {}
        self.listener: Listener = lambda _tree, _excess: None

    def tell(self, listener: Listener) -> None:
        self.listener = listener

    def find(self, key: str) -> WatchedTree | None:
        return self.trees.get(key)

    def over(self, key: str) -> str:
        return self.verdicts.get(key, "")


class FakeAlerts:
    """Alerts in memory; the first few times they cannot be kept."""

    def __init__(self) -> None:
        self.open: dict[str, Finding] = {}
        self.failures = 0

    async def raise_alert(self, finding: Finding) -> None:
        await anyio.lowlevel.checkpoint()
        if self.failures:
            self.failures -= 1
            raise StoreError("locked")
        self.open[finding.subject] = finding

    async def settle(self, kind: AlertKind, subject: str) -> None:
        assert kind is AlertKind.OVER_LIMIT
        await anyio.lowlevel.checkpoint()
        del self.open[subject]

    async def open_subjects(self, kind: AlertKind) -> frozenset[str]:
        assert kind is AlertKind.OVER_LIMIT
        await anyio.lowlevel.checkpoint()
        return frozenset(self.open)


class Scene:
    def __init__(self) -> None:
        self.watch, self.alerts = FakeWatch(), FakeAlerts()
        self.telling = ResourceAlerts(cast("ResourceWatch", self.watch), self.alerts)

    def exceed(self, tree: WatchedTree = TREE, done: OverLimit = OverLimit.WARN) -> None:
        excess = replace(EXCESS, done=done)
        self.watch.trees[tree.key] = replace(tree, excess=excess)
        self.watch.listener(tree, excess)


async def test_an_excess_is_an_alert_until_it_is_over() -> None:
    scene = Scene()
    scene.exceed()
    await scene.telling.look()

    assert scene.alerts.open["ada"].text == "ada: it takes too much; it goes on"
    assert scene.alerts.open["ada"].agent == "ada"
    await scene.telling.look()
    assert scene.alerts.open
    scene.watch.trees["ada"] = TREE
    await scene.telling.look()
    assert not scene.alerts.open


async def test_what_was_ended_stays_an_alert_until_it_is_begun_anew() -> None:
    scene = Scene()
    scene.exceed(replace(TREE, key="t~1", kind="command"), OverLimit.STOP)
    scene.watch.trees.clear()
    scene.watch.verdicts["t~1"] = "it takes too much"
    await scene.telling.look()

    assert scene.alerts.open["t~1"].agent == ""
    scene.watch.verdicts.clear()
    await scene.telling.look()
    assert not scene.alerts.open


async def test_what_cannot_be_kept_now_is_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iterm_mcp.services.resources.alerts.EVERY_SECONDS", 0.001)
    scene = Scene()
    scene.alerts.failures = 2
    with anyio.fail_after(20):
        async with scene.telling.running():
            scene.exceed()
            while not scene.alerts.open:  # noqa: ASYNC110 - what is waited for rings no bell
                await anyio.sleep(0.005)


def test_totals_keep_what_trees_took_that_are_gone() -> None:
    totals = Totals()
    totals.look([TREE, replace(TREE, key="bob")], 0.5)
    more = replace(USAGE, cpu_seconds=5.0, read_bytes=150, written_bytes=20)
    totals.look([replace(TREE, usage=more), WatchedTree("new", "codex")], 0.5)

    assert totals.kinds == {"claude": KindTotals(1, 2, 12, 8.5, 250, 20)}
    assert (totals.looks, totals.look_seconds) == (2, 1.0)

    totals.leave("ada")
    totals.look([TREE])
    assert totals.kinds["claude"].cpu_seconds == 12.0


def test_prometheus_is_told_by_kind() -> None:
    metrics, totals = Metrics(), Totals()
    read = metrics.registry.get_sample_value
    kind = {"kind": "claude"}

    assert read("iterm_mcp_agent_trees", kind) is None
    metrics.resources.begin(lambda: totals)
    totals.look([TREE], 0.25)
    totals.exceeded("claude", EXCESS)
    told = {
        "agent_trees": 1, "agent_processes": 2, "agent_memory_bytes": 12,
        "agent_cpu_seconds_total": 3.5, "agent_disk_read_bytes_total": 100,
        "agent_disk_written_bytes_total": 0,
    }  # fmt: skip

    assert {name: read(f"iterm_mcp_{name}", kind) for name in told} == told
    exceeded = {**kind, "resource": "memory", "done": "stop"}
    assert read("iterm_mcp_agent_limits_exceeded_total", exceeded) == 1
    assert read("iterm_mcp_resource_looks_total") == 1
    assert read("iterm_mcp_resource_look_cpu_seconds_total") == 0.25


def test_a_tree_is_told_with_its_largest_processes_first() -> None:
    limits = ResourceLimits(memory_bytes=100, over=OverLimit.PAUSE)
    told = tree_answer(replace(TREE, limits=limits, held_by="watch", excess=EXCESS, is_paused=True))

    assert [one["pid"] for one in told["processes"]] == [11, 10]
    assert told["limits"] == {"memory_bytes": 100, "over": "pause"}
    assert told["excess"] == {
        "resource": "memory", "reason": "it takes too much", "done": "stop",
    }  # fmt: skip
    assert (told["paused"], told["held_by"], told["cpu_cores"]) == (True, "watch", 0.5)


def test_a_tree_that_was_not_looked_at_yet_is_told_without_what_it_takes() -> None:
    assert tree_answer(WatchedTree("ada", "claude")) == {
        "name": "ada", "kind": "claude", "paused": False,
    }  # fmt: skip


def test_who_holds_limits_is_known_when_the_first_are_set(tmp_path: Path) -> None:
    groups = SystemGroups(str(tmp_path))

    assert groups.reason == "nothing has limits yet"
    possible = groups.possible()
    assert possible.reason
    resources = make_resources(FakeClock(), str(tmp_path))
    assert resources.watch.standing() == ()
