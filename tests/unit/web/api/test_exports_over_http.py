"""Files of what happened, and how things went, over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.events import told
from tests.unit.web.api.opened import error_of

if TYPE_CHECKING:
    from tests.unit.web.api.opened import Side


async def kept(side: Side) -> None:
    await side.events.append(
        [told.prompt(0, "mend it"), *told.call("c1", 1, 2), told.answer(3), told.turn_end(4)]
    )


@pytest.fixture(scope="module")
async def telling(still: Side) -> Side:
    """The module's own side, which has something to tell."""
    await kept(still)
    return still


async def test_a_query_is_sent_as_a_file(side: Side) -> None:
    await kept(side)
    await side.ask("PUT", "/v1/filters/prompts", {"kind": ["PromptSubmitted"]})
    found = await side.get("/v1/exports/events?saved=prompts")
    event, last = [json.loads(one) for one in found.body.splitlines()]
    assert (event["text"], last) == ("mend it", {"export": {"events": 1, "complete": True}})
    assert found.headers["content-disposition"].startswith('attachment; filename="iterm-mcp-')
    assert found.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "html"])
@pytest.mark.parametrize(
    "path", ["events?", "conversations/c1?", "compare?conversation=c1&conversation=c1&"]
)
async def test_everything_is_sent_in_every_format(telling: Side, path: str, kind: str) -> None:
    found = await telling.get(f"/v1/exports/{path}format={kind}")
    assert found.status == 200
    assert b"mend it" in found.body
    assert "sandbox" in found.headers["content-security-policy"]
    assert found.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status"),
    [("exports/conversations/none", 404), ("exports/events?format=exe", 400),
     ("exports/events?pattern=(", 400), ("exports/events?most=0", 400),
     ("exports/compare", 400), ("history/weeks?weeks=0", 400), ("history/trends?days=999", 400)],
)  # fmt: skip
async def test_what_cannot_be_is_refused(telling: Side, path: str, status: int) -> None:
    assert error_of(await telling.get(f"/v1/{path}"))[0] == status


async def test_weeks_trends_and_shifts_are_told(side: Side) -> None:
    weeks = (await side.get("/v1/history/weeks?weeks=2")).json()["weeks"]
    assert [one["complete"] for one in weeks] == [False, True]
    trends = (await side.get("/v1/history/trends")).json()
    assert {one["direction"] for one in trends["trends"]} == {"none"}
    shifts = (await side.get("/v1/history/shifts?days=7")).json()
    assert len(shifts["shifts"]) == len(trends["trends"])
