"""What people and programs ask of the backlog that machines share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.tasks.services import nothing_asked, open_asked

from iterm_mcp.errors import InvalidRequestError, NotFoundError, RefusedError, StoreError
from iterm_mcp.models.callers import Caller
from iterm_mcp.models.tasks import TaskState
from iterm_mcp.services.tasks import shared_backlog, views
from iterm_mcp.services.tasks.shared_backlog import SharedGraph
from iterm_mcp.tasks.front.results import FrontResult, Standing

if TYPE_CHECKING:
    from pathlib import Path

ANN = Caller(None, "ann")
ONE = "graph: one\ntasks:\n  a: {run: echo hi, directory: /}\n"


async def test_the_same_key_is_the_same_shared_graph(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        shared = asked.service.shared
        first = await shared.submit(ANN, ONE, key="k")
        assert views.shared(first) == {"shared_id": first.shared_id, "state": "queued"}
        assert (await shared.submit(ANN, ONE, key="k")).shared_id == first.shared_id
        assert (await shared.submit(ANN, ONE)).shared_id != first.shared_id
        assert asked.front.graphs[first.shared_id].tasks[0].prompt == "echo hi"
        with pytest.raises(InvalidRequestError):
            await shared.submit(ANN, "graph: none")


async def test_what_was_put_there_has_an_id_though_redis_goes_then(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        asked.front.away = True
        made = await asked.service.shared.submit(ANN, ONE)
        assert made.standing.state == "queued"
        with pytest.raises(StoreError):
            await asked.service.shared.show(made.shared_id)


async def test_a_shared_graph_is_shown_with_what_came_of_it(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        shared = asked.service.shared
        one = (await shared.submit(ANN, ONE)).shared_id
        asked.front.messages[one] = Standing("other")
        assert views.shared(await shared.show(one)) == {
            "shared_id": one, "state": "running", "machine": "other",
        }  # fmt: skip
        asked.front.end(one, TaskState.DEAD)
        told = views.shared(await shared.show(one))
        assert (told["state"], told["succeeded"]) == ("settled", False)
        assert told["tasks"]["a"]["state"] == "dead"
        assert told["tasks"]["a"]["reason"] == "exit 3"
        assert told["tasks"]["a"]["result"]["output"] == 42
        ended = SharedGraph(one, Standing("", FrontResult("", "", reason="cancelled by ann")))
        assert views.shared(ended)["reason"] == "cancelled by ann"
        with pytest.raises(NotFoundError):
            await shared.show("s-none")
        with pytest.raises(InvalidRequestError, match="no id of a shared graph"):
            await shared.show("t-1")


async def test_several_are_waited_for_within_one_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_asked(tmp_path) as asked:
        shared = asked.service.shared
        ids = [(await shared.submit(ANN, ONE)).shared_id for _ in range(2)]
        found = await shared.wait([*ids, ids[0]], 5.0)
        assert [one.shared_id for one in found] == ids
        assert all(one <= 5.0 for one in asked.front.waited)
        monkeypatch.setattr(shared_backlog, "MOST_WAITED_FOR", 1)
        with pytest.raises(InvalidRequestError, match="too many"):
            await shared.wait(ids, 5.0)


async def test_what_is_over_is_not_cancelled(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        shared = asked.service.shared
        one = (await shared.submit(ANN, ONE)).shared_id
        await shared.cancel(ANN, one, "enough")
        assert asked.front.cancelled == {one: "ann: enough"}
        asked.front.end(one)
        asked.front.cancelled.clear()
        assert (await shared.cancel(ANN, one)).standing.state == "settled"
        assert not asked.front.cancelled


async def test_a_machines_part_is_told_with_redis_and_without(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        told = views.shared_status(await asked.service.shared.status())
        assert told == {
            "connected": True, "machines": ["one", "other"], "taken": 2, "settled": 1,
        }  # fmt: skip
        asked.front.away = True
        told = views.shared_status(await asked.service.shared.status())
        assert (told["connected"], told["problem"]) == (False, "gone")


async def test_who_takes_no_part_is_told_what_to_set(tmp_path: Path) -> None:
    async with nothing_asked(tmp_path) as service:
        with pytest.raises(RefusedError) as refused:
            await service.shared.submit(ANN, ONE)
        assert "ITERM_MCP_TASKS_FRONT" in str(refused.value.hint)
        assert views.shared_status(await service.shared.status()) == {}
