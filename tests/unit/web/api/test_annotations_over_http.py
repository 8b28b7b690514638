"""Annotations over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.services.events import told
from tests.unit.web.api.opened import error_of

if TYPE_CHECKING:
    from tests.unit.web.api.opened import Side


async def test_an_annotation_is_made_found_and_removed(side: Side) -> None:
    await side.events.append([told.prompt(one, "x") for one in range(4)])
    made = await side.post("/v1/annotations", {"first": 3, "text": "odd build", "tags": ["ci"]})
    assert made.status == 200, made.body
    one = made.json()
    assert (one["author"], one["first"], one["last"], one["tags"]) == ("admin", 3, 3, ["ci"])
    path = f"/v1/annotations/{one['annotation_id']}"
    for query in ("event=3", "tag=ci", "words=odd", "bookmark=false"):
        found = (await side.get(f"/v1/annotations?{query}")).json()
        assert found["annotations"] == [one]
    assert (await side.get("/v1/annotations?event=4")).json() == {"annotations": []}
    assert (await side.ask("DELETE", path)).json() == {"removed": one["annotation_id"]}
    assert error_of(await side.ask("DELETE", path))[0] == 404


async def test_who_may_only_read_annotates_nothing(side: Side) -> None:
    reader = await side.token("read")
    refused = await side.post("/v1/annotations", {"first": 1, "text": "x"}, token=reader)
    assert error_of(refused) == (403, "scope_refused")
    assert (await side.get("/v1/annotations", token=reader)).status == 200


async def test_what_cannot_be_said_is_refused(side: Side) -> None:
    for body in (
        {"text": "of nothing"},
        {"first": 0, "text": "x"},
        {"first": 1, "nope": 1},
        {"first": 1, "text": "x", "bookmark": 0},
    ):
        assert error_of(await side.post("/v1/annotations", body))[0] == 400


async def test_what_never_happened_cannot_be_annotated(side: Side) -> None:
    await side.events.append([told.prompt(1, "x")])
    for body in ({"first": 2, "text": "x"}, {"first": 1, "last": 9, "text": "x"}):
        found = await side.post("/v1/annotations", body)
        assert error_of(found) == (404, "event_not_found")
    typo = await side.post("/v1/annotations", {"conversation": "event 1", "text": "x"})
    assert error_of(typo) == (404, "conversation_not_found")
    known = await side.post("/v1/annotations", {"conversation": "c1", "text": "x"})
    assert known.json()["conversation"] == "c1"
