"""The application under ``/v1`` is made for the first who asks."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from tests.unit.web.api.opened import Side


def counted(side: Side, route: str) -> float:
    found = side.metrics.registry.get_sample_value(
        "iterm_mcp_http_requests_total", {"route": route, "status": "200"}
    )
    return found or 0.0


async def test_nothing_is_made_before_somebody_asks(side: Side) -> None:
    assert side.api.paths() == frozenset()
    assert (await side.get("/healthz")).status == 200
    assert side.api.paths() == frozenset()
    assert (await side.get("/v1/tools")).status == 200
    assert "/v1/tools" in side.api.paths()


async def test_many_who_ask_first_wait_for_one_application(side: Side) -> None:
    made: list[int] = []

    async def ask() -> None:
        made.append(id(await side.api.application.made()))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
    assert (len(made), len(set(made))) == (20, 1)


async def test_the_first_request_counts_by_its_route(side: Side) -> None:
    before = counted(side, "/v1/tools")
    await side.get("/v1/tools")
    assert counted(side, "/v1/tools") == before + 1


async def test_what_a_daemon_keeps_is_not_looked_through_for_garbage(side: Side) -> None:
    gc.freeze()  # as a daemon does with what it has imported
    before = gc.get_freeze_count()
    try:
        assert (await side.get("/v1/filters")).status == 200
        assert gc.get_freeze_count() > before
        assert gc.isenabled()
    finally:
        gc.unfreeze()


async def test_who_makes_many_applications_may_have_them_collected(side: Side) -> None:
    assert (await side.get("/v1/filters")).status == 200
    assert gc.get_freeze_count() == 0
