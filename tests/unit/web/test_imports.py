"""Files brought in over HTTP, as long as they may be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from tests.unit.services.events.shelf import Shelf
from tests.unit.web.asgi import Answer, ask

from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.importing import Importer
from iterm_mcp.services.events.sources import LINES
from iterm_mcp.services.events.told_once import ToldOnce
from iterm_mcp.testing import FakeClock
from iterm_mcp.web import imports as module
from iterm_mcp.web.errors import EXCEPTION_HANDLERS
from iterm_mcp.web.imports import ImportEnd, import_routes

if TYPE_CHECKING:
    from starlette.types import Message

CODEX = Path(__file__).parents[2] / "fixtures" / "jobs" / "codex"
STREAM = (CODEX / "exec.jsonl").read_bytes()


def importer(shelf: Shelf) -> Importer:
    return Importer(ToldOnce(shelf, shelf), LINES)


async def post(shelf: Shelf, body: bytes, **given: str) -> Answer:
    routes = import_routes(importer(shelf), FakeClock())
    app = Starlette(routes=routes, exception_handlers=EXCEPTION_HANDLERS)
    query = urlencode(given).encode()
    return await ask(app, module.PATH, method="POST", body=body, query=query)


async def test_a_stream_is_kept_with_what_its_sender_knows_of_it() -> None:
    shelf = Shelf()
    answer = await post(
        shelf, STREAM, at="2026-11-21T21:00:00Z", model="gpt-5", agent="worker", session="S-1"
    )
    told = answer.json()
    assert (answer.status, told["kind"], told["skipped"]) == (200, "codex-exec", 0)
    assert told["new"] == told["events"] == len(shelf.events)
    (end,) = [one for one in shelf.events.values() if one.kind is EventKind.TURN_ENDED]
    assert (end.at.hour, end.links.model, end.links.agent, end.links.session) == (
        21, "gpt-5", "worker", "S-1",
    )  # fmt: skip
    assert (await post(shelf, STREAM)).json()["new"] == 0


async def test_a_long_file_is_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_BYTES", 100)
    shelf = Shelf()
    body = (CODEX / "rollout.jsonl").read_bytes().rstrip(b"\n")
    assert (await post(shelf, body)).json()["kind"] == "codex"


async def test_a_line_that_is_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINE_BYTES", 800)
    long = b'{"type":"item.completed","text":"' + b"x" * 1000 + b'"}\n'
    answer = await post(Shelf(), STREAM + long)
    assert (answer.status, answer.json()["skipped"]) == (200, 1)


@pytest.mark.parametrize(
    ("body", "given", "status", "code"),
    [
        (b"hello\n", {}, 400, "invalid_request"),
        (STREAM, {"kind": "emacs"}, 400, "invalid_request"),
        (STREAM, {"at": "yesterday"}, 400, "invalid_request"),
        (STREAM * 2, {}, 413, "too_large"),
    ],
    ids=["unknown lines", "unknown kind", "no time", "too long"],
)
async def test_what_cannot_be_taken_is_refused_with_what_to_do(
    body: bytes, given: dict[str, str], status: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", len(STREAM))
    answer = await post(Shelf(), body, **given)
    assert (answer.status, answer.error_code()) == (status, code)
    assert answer.json()["error"]["hint"]


async def test_what_cannot_be_kept_now_may_come_again() -> None:
    shelf = Shelf()
    shelf.full = True
    answer = await post(shelf, STREAM)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


class Silent:
    """A sender that stops amid its body; a number of them can be under way at once."""

    def __init__(self, end: ImportEnd, *, hangs_up: bool = False) -> None:
        self.end = end
        self.hangs_up = hangs_up
        self.begun = anyio.Event()
        self.sent = [STREAM[:100]]

    async def receive(self) -> Message:
        if self.sent:
            return {"type": "http.request", "body": self.sent.pop(), "more_body": True}
        self.begun.set()
        if not self.hangs_up:
            await anyio.sleep_forever()
        return {"type": "http.disconnect"}

    async def status(self) -> int:
        scope = {
            "type": "http", "method": "POST", "path": module.PATH, "headers": [],
            "query_string": b"",
        }  # fmt: skip
        answer = await self.end(Request(scope, self.receive))
        return answer.status_code


async def test_who_sends_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    assert await Silent(ImportEnd(importer(Shelf()), FakeClock())).status() == 408


async def test_who_hangs_up_is_not_answered() -> None:
    sender = Silent(ImportEnd(importer(Shelf()), FakeClock()), hangs_up=True)
    assert await sender.status() == 499


async def test_too_many_at_once_are_asked_to_come_again() -> None:
    end = ImportEnd(importer(Shelf()), FakeClock())
    senders = [Silent(end) for _ in range(module.MOST_AT_ONCE)]
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for one in senders:
                group.start_soon(one.status)
                await one.begun.wait()
            assert await Silent(end).status() == 503
            group.cancel_scope.cancel()
