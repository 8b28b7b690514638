"""Messages that were taken are worked on, whatever the engine says meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import anyio
import pytest
from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, NotFoundError, StoreError
from iterm_mcp.models.task_graphs import FailurePolicy, Graph, GraphSpec
from iterm_mcp.models.task_queries import Machine, Pause
from iterm_mcp.models.tasks import GraphId, TaskSpec
from iterm_mcp.tasks.codec import graph_json
from iterm_mcp.tasks.front.keeper import Keeper
from iterm_mcp.tasks.front.ledger import Entry, Ledger
from iterm_mcp.tasks.front.options import FrontOptions

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.tasks.engine import TaskEngine

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GRAPH = graph_json(GraphSpec("g", (TaskSpec("t", "shell", "true", "/"),)))


class Engine:
    """As much of an engine as a keeper asks, with what it is to raise, one after the other."""

    def __init__(self) -> None:
        self.raises: list[ItermMcpError] = []
        self.paused: list[Pause] = []
        self.known: list[Machine] = []
        self.keys: list[str] = []

    async def submit(self, graph: GraphSpec, submitter: str) -> Graph:
        self.keys.append(graph.key)
        self._raise()
        return Graph(GraphId("g-1"), graph.name, FailurePolicy.CONTINUE, NOW, submitter)

    async def graph(self, graph_id: str) -> Graph:
        self._raise()
        return Graph(GraphId(graph_id), "g", FailurePolicy.CONTINUE, NOW)

    async def wait(self, ids: list[str], seconds: float) -> tuple[()]:
        assert not ids
        assert seconds
        return ()

    async def cancel_graph(self, graph_id: str, who: str, reason: str) -> None:
        assert (graph_id, who, reason) == ("g-1", "the shared backlog", "why")
        self._raise()

    async def pauses(self) -> list[Pause]:
        self._raise()
        return self.paused

    async def machines(self) -> list[Machine]:
        return self.known

    def _raise(self) -> None:
        if self.raises:
            raise self.raises.pop(0)


def keeper_of(engine: Engine, folder: Path, group: anyio.abc.TaskGroup, at_once: int = 5) -> Keeper:
    options = FrontOptions("redis://db", str(folder), "one", at_once=at_once, again_seconds=0.001)
    return Keeper(options, cast("TaskEngine", engine), Ledger(options.folder), group)


async def test_an_engine_that_is_away_is_asked_again(tmp_path: Path) -> None:
    engine = Engine()
    engine.raises = [StoreError("away"), StoreError("away")]
    async with anyio.create_task_group() as group:
        keeper = keeper_of(engine, tmp_path, group)
        stepped = keeper.stepped
        kept = await keeper.take(Entry("m", 3, GRAPH))
        assert await keeper.take(Entry("m", 3, GRAPH)) is kept
        with anyio.fail_after(5):
            await stepped.wait()
        assert kept.result is not None
        assert kept.result.graph_id == "g-1"
        assert set(engine.keys) == {"front:m:3"}
        await keeper.finish(kept)

    assert not keeper.kept
    assert not await to_thread.run_sync(Ledger(str(tmp_path)).entries)


async def test_what_the_engine_refuses_is_handed_back_with_its_reason(tmp_path: Path) -> None:
    engine = Engine()
    engine.raises = [InvalidRequestError("no such kind")]
    async with anyio.create_task_group() as group:
        keeper = keeper_of(engine, tmp_path, group)
        stepped = keeper.stepped
        refused = await keeper.take(Entry("m", 1, GRAPH))
        with anyio.fail_after(5):
            await stepped.wait()
        stepped = keeper.stepped
        strange = await keeper.take(Entry("n", 1, {"from": "a later version"}))
        with anyio.fail_after(5):
            await stepped.wait()

    assert refused.result is not None
    assert "no such kind" in refused.result.reason
    assert strange.result is not None
    assert "one cannot do" in strange.result.reason


async def test_what_was_taken_goes_on_in_the_next_life(tmp_path: Path) -> None:
    await to_thread.run_sync(Ledger(str(tmp_path)).write, Entry("m", 2, GRAPH))
    engine = Engine()
    async with anyio.create_task_group() as group:
        keeper = keeper_of(engine, tmp_path, group)
        await keeper.restore()
        assert keeper.has("m")

    assert engine.keys == ["front:m:2"]


async def test_what_is_dropped_is_ended_unless_it_has_ended(tmp_path: Path) -> None:
    engine = Engine()
    async with anyio.create_task_group() as group:
        keeper = keeper_of(engine, tmp_path, group)
        kept = await keeper.take(Entry("m", 1, GRAPH))
        kept.graph_id = "g-1"
        engine.raises = [StoreError("away")]
        with pytest.raises(StoreError):
            await keeper.drop(kept, "why")
        assert keeper.has("m")
        engine.raises = [NotFoundError("graph", "g-1")]
        await keeper.drop(kept, "why")

    assert not keeper.has("m")
    assert kept.over.is_set()


async def test_who_is_paused_or_drained_or_only_submits_takes_nothing(tmp_path: Path) -> None:
    engine = Engine()
    async with anyio.create_task_group() as group:
        keeper = keeper_of(engine, tmp_path, group)
        assert await keeper.takes_work()
        engine.paused = [Pause("team:x", "ann", NOW)]
        engine.known = [Machine("other", 5, draining=True), Machine("one", 5)]
        assert await keeper.takes_work()
        engine.known = [Machine("one", 5, draining=True)]
        assert not await keeper.takes_work()
        engine.paused = [Pause("everything", "ann", NOW)]
        assert not await keeper.takes_work()
        engine.raises = [StoreError("away")]
        assert not await keeper.takes_work()
        assert not await keeper_of(Engine(), tmp_path, group, at_once=0).takes_work()
