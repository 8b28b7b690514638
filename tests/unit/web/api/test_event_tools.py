"""The tools for what happened, called as any tool over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.services.events import told
from tests.unit.web.api.opened import error_of

if TYPE_CHECKING:
    from tests.unit.web.api.opened import Side

STORY = (
    told.prompt(0, "mend the build"),
    *told.call("k1", 1, 2, failed="no rule to make \x1b[31mtarget"),
    told.answer(3, tokens=10, nano=2_000_000),
    told.turn_end(4),
)


async def kept(side: Side) -> None:
    side.clock.advance((told.START - side.clock.now()).total_seconds() + 3600)
    await side.events.append(STORY)


async def test_events_are_found_cut_and_made_safe(side: Side) -> None:
    await kept(side)
    answer = (await side.post("/v1/tools/query_events", {"kinds": ["ToolFailed"]})).json()
    assert answer["untrusted"] == ["events"]
    assert [one["kind"] for one in answer["events"]] == ["ToolFailed"]
    assert "\x1b" not in answer["events"][0]["payload"]
    first = (await side.post("/v1/tools/query_events", {"limit": 2})).json()
    rest = await side.post("/v1/tools/query_events", {"cursor": first["cursor"]})
    assert len(first["events"]) + len(rest.json()["events"]) == len(STORY)


async def test_a_conversation_is_summed_up_by_its_id_or_its_agent(side: Side) -> None:
    await kept(side)
    by_id = (await side.post("/v1/tools/session_summary", {"conversation": "c1"})).json()
    by_agent = (await side.post("/v1/tools/session_summary", {"agent": "ada"})).json()
    assert by_id == by_agent
    assert by_id["tools"] == [{"tool": "Bash", "calls": 1, "failed": 1}]
    assert by_id["dollars"] == 0.002
    listed = (await side.post("/v1/tools/session_summary")).json()
    assert [one["conversation"] for one in listed["conversations"]] == ["c1"]
    missing = await side.post("/v1/tools/session_summary", {"conversation": "none"})
    assert error_of(missing) == (404, "conversation_not_found")


async def test_conversations_are_compared(side: Side) -> None:
    await kept(side)
    body = {"conversations": ["c1", "c1"], "differing": False}
    answer = (await side.post("/v1/tools/compare_sessions", body)).json()
    assert [one["similarity"] for one in answer["conversations"]] == [1.0, 1.0]
    assert answer["same_steps"] == len(answer["steps"]) == 2
    assert (await side.post("/v1/tools/compare_sessions", body | {"differing": True})).json()[
        "steps"
    ] == []
    empty = await side.post("/v1/tools/compare_sessions", {"conversations": ["", ""]})
    assert error_of(empty) == (404, "conversation_not_found")


async def test_costs_are_reported(side: Side) -> None:
    await kept(side)
    answer = (await side.post("/v1/tools/cost_report", {"by": ["agent", "model"]})).json()
    assert [(one["agent"], one["model"], one["dollars"]) for one in answer["rows"]] == [
        ("ada", "m", 0.002)
    ]
    assert answer["total"]["tokens"]["output"] == 10


@pytest.mark.parametrize(
    ("tool", "body"),
    [
        ("query_events", {"kinds": ["Nothing"]}),
        ("cost_report", {"by": ["hour"]}),
        ("query_events", {"failed": 0}),
        ("query_events", {"words": None}),
        ("query_events", {"limit": True}),
    ],
)
async def test_what_means_nothing_is_refused(
    still: Side, tool: str, body: dict[str, object]
) -> None:
    assert error_of(await still.post(f"/v1/tools/{tool}", body)) == (400, "bad_arguments")
