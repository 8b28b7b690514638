"""Annotations over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.web.api.opened import error_of

if TYPE_CHECKING:
    from tests.unit.web.api.opened import Side


async def test_an_annotation_is_made_found_and_removed(side: Side) -> None:
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
    for body in ({"text": "of nothing"}, {"first": 0, "text": "x"}, {"first": 1, "nope": 1}):
        assert error_of(await side.post("/v1/annotations", body))[0] == 400
