"""What is too much is told so at once; who is let in is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest
from starlette.exceptions import HTTPException
from tests.unit.web.api.opened import error_of, open_side
from tests.unit.web.asgi import ask

from iterm_mcp.models.http_access import ROOT
from iterm_mcp.testing import FakeClock
from iterm_mcp.web.api.admission import Admission
from iterm_mcp.web.api.bodies import Bodies
from iterm_mcp.web.api.opening import ApiLimits
from iterm_mcp.web.errors import problem
from iterm_mcp.web.security import GRANT

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import TaskGroup
    from starlette.types import Message, Receive, Scope, Send


class Held:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.entered = 0
        self.go = anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered += 1
        await self.go.wait()
        await problem(200, "done", "Done.")(scope, receive, send)


async def enter(admission: Admission, held: Held, count: int, group: TaskGroup) -> None:
    """Begin requests, and wait until they are being answered."""
    before = held.entered
    for _ in range(count):
        group.start_soon(ask, admission, "/")
    with anyio.fail_after(5):
        while held.entered < before + count:
            await anyio.lowlevel.checkpoint()


async def test_more_requests_than_may_be_worked_on_are_told_to_come_again() -> None:
    held = Held()
    admission = Admission(held, FakeClock(), per_second=0, most_at_once=3)
    async with anyio.create_task_group() as group:
        await enter(admission, held, 3, group)
        refused = await ask(admission, "/")
        assert error_of(refused) == (503, "overloaded")
        assert refused.headers["retry-after"] == "1"
        assert (admission.running, admission.shed) == (3, 1)
        held.go.set()
    assert (await ask(admission, "/")).status == 200
    assert admission.running == 0


async def test_those_that_wait_for_long_are_in_nobodys_way() -> None:
    held, clock = Held(), FakeClock()
    admission = Admission(held, clock, per_second=0, most_at_once=2)
    async with anyio.create_task_group() as group:
        await enter(admission, held, 2, group)
        clock.advance(2)
        await enter(admission, held, 2, group)
        assert error_of(await ask(admission, "/")) == (503, "overloaded")
        assert admission.running == 4
        held.go.set()


async def test_a_token_that_asks_too_often_waits_and_others_do_not(tmp_path: Path) -> None:
    async with open_side(tmp_path, ApiLimits(per_second=3)) as side:
        other = await side.token("read")
        answers = [await side.get("/v1/filters") for _ in range(8)]
        refused = [one for one in answers if one.status == 429]
        assert refused
        assert error_of(refused[0]) == (429, "rate_limited")
        assert int(refused[0].headers["retry-after"]) >= 1
        assert (await side.get("/v1/filters", token=other)).status == 200
        side.clock.advance(1)
        assert (await side.get("/v1/filters")).status == 200
        assert side.api.admission.limited == len(refused)


def asked(headers: list[tuple[bytes, bytes]]) -> Scope:
    return {"type": "http", "method": "POST", "path": "/", "headers": headers, GRANT: ROOT}


async def test_a_body_that_never_ends_is_not_waited_for() -> None:
    told: list[Message] = []
    hung_up = anyio.Event()

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, send
        while True:
            message = await receive()
            told.append(message)
            if not message.get("more_body"):
                return

    async def receive() -> Message:
        if not told:
            return {"type": "http.request", "body": b"{", "more_body": True}
        await hung_up.wait()
        raise AssertionError

    async def send(message: Message) -> None:
        del message

    with pytest.raises(HTTPException) as refused:
        await Bodies(read, max_seconds=0.01)(asked([]), receive, send)
    assert refused.value.status_code == 408
    assert len(told) == 1


async def test_a_body_that_grows_beyond_its_bound_is_cut_off() -> None:
    seen = 0

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal seen
        del scope, send
        while True:
            seen += len((await receive())["body"])

    async def receive() -> Message:
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    async def send(message: Message) -> None:
        del message

    with pytest.raises(HTTPException) as refused:
        await Bodies(read, max_bytes=1000)(asked([]), receive, send)
    assert refused.value.status_code == 413
    assert seen == 1000
