"""What agents take, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.web.api.opened import Side


async def test_where_no_agent_runs_there_is_no_tree(side: Side) -> None:
    answer = await side.get("/v1/process-trees", token=await side.token("read"))

    assert answer.status == 200
    assert answer.json() == {"held": "nothing has limits yet", "trees": []}
