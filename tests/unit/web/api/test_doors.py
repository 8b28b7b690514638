"""What stands under the interface goes there at once, and looks as it would behind a mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.web.api.opened import error_of

if TYPE_CHECKING:
    import pytest
    from tests.unit.web.api.opened import Side


def counted(side: Side) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for family in side.metrics.registry.collect()
        if family.name == "iterm_mcp_http_requests"
        for sample in family.samples
        if sample.name.endswith("_total")
    }


async def test_answers_are_counted_by_route_the_second_like_the_first(side: Side) -> None:
    for _ in range(2):
        await side.get("/v1/filters")
        await side.get("/v1/nowhere")
        await side.get("/v1/")
        await side.get("/v1")
        await side.get("/v10/filters")

    assert counted(side) == {
        ("/v1/filters", "200"): 2,
        ("other", "404"): 6,
        ("other", "307"): 2,
    }


async def test_a_bug_has_an_incident_and_tells_nothing_of_itself(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug() -> None:
        raise ValueError("the secret inside")

    await side.get("/v1/filters")
    monkeypatch.setattr(side.events, "stats", bug)
    answer = await side.get("/v1/events/stats")

    assert error_of(answer) == (500, "internal")
    assert "secret" not in answer.body.decode()
    assert isinstance(answer.crash, ValueError)  # the server logs it too


async def test_an_answer_that_is_known_is_not_sent_again_nor_its_length(side: Side) -> None:
    first = await side.get("/v1/filters")
    again = await side.get("/v1/filters", ("if-none-match", f'"other", W/{first.headers["etag"]}'))
    other = await side.get("/v1/filters", ("if-none-match", '"other"'))

    assert (again.status, again.body) == (304, b"")
    assert "content-length" not in again.headers
    assert again.headers["cache-control"] == "private, no-cache"
    assert (other.status, other.body) == (200, first.body)
