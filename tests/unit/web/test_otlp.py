"""OTLP over HTTP, as exporters speak it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from starlette.applications import Starlette
from tests.unit.services.events.shelf import Shelf
from tests.unit.web.asgi import Answer, ask

from iterm_mcp.access import TIERS
from iterm_mcp.models.http_access import Grant
from iterm_mcp.testing import FakeClock
from iterm_mcp.web import otlp
from iterm_mcp.web.otlp import otlp_routes
from iterm_mcp.web.security import Gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.events import Event, Kept

JSON = ("content-type", "application/json")
GZIP = ("content-encoding", "gzip")
EXPORTS = Path(__file__).parents[2] / "fixtures" / "jobs" / "otlp"


def app(shelf: Shelf) -> Starlette:
    return Starlette(routes=otlp_routes(shelf, FakeClock()))


def metrics(*values: str) -> bytes:
    points = [{"asInt": one, "timeUnixNano": "5"} for one in values]
    told = {"name": "n", "gauge": {"dataPoints": points}}
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [told]}]}]}).encode()


async def post(
    shelf: Shelf, body: bytes, *headers: tuple[str, str], path: str = "/v1/metrics"
) -> Answer:
    return await ask(app(shelf), path, *headers, method="POST", body=body)


@pytest.mark.parametrize("kind", ["claude", "codex", "gemini"])
async def test_what_real_agents_sent_is_kept_once(kind: str) -> None:
    shelf = Shelf()
    bodies = [json.loads(one) for one in (EXPORTS / f"{kind}.jsonl").read_text().splitlines()]
    counts = []
    for _ in range(2):
        for one in bodies:
            sent = gzip.compress(json.dumps(one["body"]).encode())
            answer = await post(shelf, sent, JSON, GZIP, path=one["path"])
            assert (answer.status, answer.json()) == (200, {})
        counts.append(len(shelf.events))
    assert counts[0] == counts[1] > 0


async def test_an_empty_export_is_taken() -> None:
    answer = await post(Shelf(), b"{}", ("content-type", "application/json; charset=utf-8"))
    assert (answer.status, answer.json(), answer.headers["content-type"]) == (
        200, {}, "application/json",
    )  # fmt: skip


async def test_what_is_no_record_is_told_and_the_rest_is_kept() -> None:
    shelf = Shelf()
    answer = await post(shelf, metrics("1", "one"), JSON)
    assert answer.status == 200
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "1"
    assert len(shelf.events) == 1


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\x0a\x00", [("content-type", "application/x-protobuf")], 415),
        (b"{}", [], 415),
        (b"{}", [JSON, ("content-encoding", "br")], 415),
        (b"{", [JSON], 400),
        (b"[" * 100_000, [JSON], 400),
        (b"[]", [JSON], 400),
        (b"{}", [JSON, GZIP], 400),
        (gzip.compress(b"{}")[:-9], [JSON, GZIP], 400),
        (b" " * (otlp.MAX_BYTES + 1), [JSON], 413),
        (gzip.compress(b" " * (otlp.MAX_PLAIN_BYTES + 1)), [JSON, GZIP], 413),
    ],
    ids=[
        "protobuf", "no type", "brotli", "half an object", "deep", "a list", "no gzip",
        "half a gzip", "large", "large when unpacked",
    ],
)  # fmt: skip
async def test_what_will_never_be_taken_is_refused_for_good(
    body: bytes, headers: list[tuple[str, str]], status: int
) -> None:
    answer = await post(Shelf(), body, *headers)
    assert answer.status == status
    assert answer.json().keys() == {"code", "message"}
    assert "retry-after" not in answer.headers


async def test_protobuf_is_refused_with_what_to_do() -> None:
    answer = await post(Shelf(), b"", ("content-type", "application/x-protobuf"))
    assert "http/json" in answer.json()["message"]


async def test_too_many_records_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "MAX_RECORDS", 1)
    answer = await post(Shelf(), metrics("1", "2"), JSON)
    assert answer.status == 413


async def test_what_cannot_be_kept_now_is_asked_for_again() -> None:
    shelf = Shelf()
    shelf.full = True
    answer = await post(shelf, metrics("1"), JSON)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert not shelf.events


async def test_what_the_store_refuses_is_refused_for_good() -> None:
    shelf = Shelf()
    shelf.hated = "bad"
    body: dict[str, Any] = {"eventName": "x", "body": {"stringValue": "bad"}}
    told = {"resourceLogs": [{"scopeLogs": [{"logRecords": [body]}]}]}
    answer = await post(shelf, json.dumps(told).encode(), JSON, path="/v1/logs")
    assert answer.status == 400


async def test_too_many_at_once_are_asked_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Shelf):
        """Keeps nothing before it may."""

        def __init__(self) -> None:
            super().__init__()
            self.asked = anyio.Event()
            self.free = anyio.Event()

        async def take(self, events: Sequence[Event]) -> Kept:
            self.asked.set()
            await self.free.wait()
            return await super().take(events)

    monkeypatch.setattr(otlp, "MOST_AT_ONCE", 1)
    shelf = Slow()
    served = app(shelf)
    async with anyio.create_task_group() as group:

        async def first() -> None:
            answer = await ask(served, "/v1/metrics", JSON, method="POST", body=metrics("1"))
            assert answer.status == 200

        group.start_soon(first)
        await shelf.asked.wait()
        second = await ask(served, "/v1/metrics", JSON, method="POST", body=metrics("2"))
        assert (second.status, second.headers["retry-after"]) == (503, "1")
        shelf.free.set()


class Tokens:
    """One token, which may but look."""

    def find(self, text: str) -> Grant | None:
        return Grant("looker", TIERS[0]) if text == "looker" else None


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/metrics", "/v1/traces"])
@pytest.mark.parametrize(("token", "status"), [("", 401), ("looker", 403), ("root", 200)])
async def test_only_those_who_may_change_something_may_export(
    path: str, token: str, status: int
) -> None:
    gate = Gate(app(Shelf()), "root", Tokens())
    answer = await ask(gate, path, JSON, method="POST", body=b"{}", token=token)
    assert answer.status == status
