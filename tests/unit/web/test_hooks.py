"""How a hook is held, let go, and hung up on."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from tests.unit.web.asgi import ask

from iterm_mcp.agents.hook_answers import permission_asked
from iterm_mcp.errors import StoreError
from iterm_mcp.models.approvals import Asks
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.approvals.dialogs import Dialog
from iterm_mcp.services.approvals.held_hooks import HeldHook, HookDecision
from iterm_mcp.services.approvals.hook_intake import HookEvent, HookSender
from iterm_mcp.telemetry import HttpMetrics
from iterm_mcp.web import hooks
from iterm_mcp.web.counting import Counted
from iterm_mcp.web.hooks import hook_routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.types import Message

    from iterm_mcp.services.approvals.hook_intake import HookIntake
    from iterm_mcp.services.approvals.service import ApprovalService
    from iterm_mcp.services.events.spool import Spool

PATH = "/v1/hooks/claude"
ASKED: dict[str, Any] = {
    "hook_event_name": "PermissionRequest", "tool_name": "Bash", "cwd": "/app",
    "tool_input": {"command": "ls"},
}  # fmt: skip


@dataclass
class Desk:
    """Takes in every event as ann's, and holds hooks as a test wants.

    Attributes:
        decision: What a hook is answered at once; None leaves it waiting.
        ended: How each hold ended: whether the answer was handed over.
    """

    decision: HookDecision | None = None
    senders: list[HookSender] = field(default_factory=list)
    holding: anyio.Event = field(default_factory=anyio.Event)
    ended: list[bool] = field(default_factory=list)

    async def take(self, kind: str, payload: Mapping[str, Any], sender: HookSender) -> HookEvent:
        await anyio.lowlevel.checkpoint()
        self.senders.append(sender)
        asked = permission_asked(payload)
        dialog = Dialog(Asks.PERMISSION, tool="Bash", exact=True) if asked else None
        return HookEvent(kind, "x", AgentName("ann"), payload, dialog, asked)

    @asynccontextmanager
    async def hold(
        self, name: AgentName, dialog: Dialog, choices: tuple[str, ...], cwd: str = ""
    ) -> AsyncIterator[HeldHook]:
        assert (name, dialog.tool, choices, cwd) == ("ann", "Bash", ("allow", "deny"), "/app")
        held = HeldHook(choices)
        if self.decision is not None:
            held.decide(self.decision)
            held.decide(HookDecision("deny"))  # too late
        self.holding.set()
        try:
            yield held
        finally:
            held.close()
            self.ended.append(held.reached_it)

    def app(self) -> Starlette:
        routes = hook_routes(cast("HookIntake", self), cast("ApprovalService", self))
        return Starlette(routes=routes)


async def test_an_event_that_asks_nothing_is_answered_at_once() -> None:
    desk = Desk()
    headers = [("x-iterm-mcp-agent", "ann"), ("x-iterm-mcp-session", "w:1")]
    answer = await ask(desk.app(), PATH, *headers, method="POST", body=b"{}", query=b"epoch=3")
    assert (answer.status, answer.json()) == (200, {})
    assert desk.senders == [HookSender("ann", "w:1", "3")]


async def test_a_decision_is_answered_in_the_agents_form_and_counts_as_handed_over() -> None:
    desk = Desk(HookDecision("deny", "no"))
    answer = await ask(desk.app(), PATH, method="POST", body=json.dumps(ASKED).encode())
    decided = answer.json()["hookSpecificOutput"]["decision"]
    assert (decided, desk.ended) == ({"behavior": "deny", "message": "no"}, [True])


async def test_a_hook_that_nobody_answers_in_its_time_decides_nothing() -> None:
    for query in (b"seconds=0.01", b"seconds=-1"):
        desk = Desk()
        body = json.dumps(ASKED).encode()
        answer = await ask(desk.app(), PATH, method="POST", body=body, query=query)
        assert (answer.status, answer.json(), desk.ended) == (200, {}, [True])


async def test_a_hook_that_waits_for_a_person_is_not_timed_as_the_others_are() -> None:
    registry = CollectorRegistry()
    app = Counted(Desk(HookDecision("allow")).app(), HttpMetrics(registry), set())
    await ask(app, PATH, method="POST", body=json.dumps(ASKED).encode())
    await ask(app, PATH, method="POST", body=b"{}")
    counts = {
        name: registry.get_sample_value(
            "iterm_mcp_http_request_duration_seconds_count", {"class": name}
        )
        for name in ("hook", "stream")
    }
    assert counts == {"hook": 1, "stream": 1}


async def test_a_daemon_that_ends_sends_the_hook_to_the_next_one() -> None:
    desk = Desk(HookDecision(again=True))
    answer = await ask(desk.app(), PATH, method="POST", body=json.dumps(ASKED).encode())
    assert (answer.status, answer.error_code()) == (503, "stopping")


async def test_there_is_an_end_to_how_many_hooks_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "MAX_HELD", 0)
    desk = Desk(HookDecision("allow"))
    answer = await ask(desk.app(), PATH, method="POST", body=json.dumps(ASKED).encode())
    assert (answer.json(), desk.ended) == ({}, [])


@pytest.mark.parametrize("early", [True, False])
async def test_a_hook_that_hangs_up_is_let_go(*, early: bool) -> None:
    desk = Desk()
    sent: list[Message] = []
    told = [{"type": "http.request", "body": json.dumps(ASKED).encode(), "more_body": False}]

    async def receive() -> Message:
        if told and not early:
            return told.pop()
        if not early:
            await desk.holding.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b"seconds=x",
        "root_path": "",
    }  # fmt: skip
    with anyio.fail_after(5):
        await desk.app()(scope, receive, send)
    assert (sent, desk.ended) == ([], [] if early else [False])


class Shelf:
    """A spool in memory.

    Attributes:
        full: It takes nothing.
    """

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.left: list[tuple[str, bytes, tuple[str, ...], str]] = []

    def write(self, kind: str, payload: bytes, sender: tuple[str, ...], delivery: str) -> None:
        if self.full:
            raise StoreError("full", hint="Make room.", code="spool_full")
        self.left.append((kind, payload, sender, delivery))

    def app(self, desk: Desk) -> Starlette:
        routes = hook_routes(
            cast("HookIntake", desk), cast("ApprovalService", desk), cast("Spool", self)
        )
        return Starlette(routes=routes)


async def test_what_is_acknowledged_lies_in_the_spool() -> None:
    desk, shelf = Desk(), Shelf()
    headers = (("x-iterm-mcp-agent", "ann"), ("x-iterm-mcp-delivery", "d-1"))
    body = b'{\n "hook_event_name": "Stop"\r\n}'
    for more in (headers, ()):
        answer = await ask(shelf.app(desk), PATH, *more, method="POST", body=body)
        assert (answer.status, answer.json()) == (200, {})
    (kind, payload, sender, delivery), (*_, other) = shelf.left
    assert (kind, sender, delivery) == ("claude", ("ann", "", ""), "d-1")
    assert b"\n" not in payload
    assert json.loads(payload) == {"hook_event_name": "Stop"}
    assert other not in {"", "d-1"}


async def test_what_its_sender_has_left_in_the_spool_is_not_left_there_again() -> None:
    desk, shelf = Desk(HookDecision("deny", "no")), Shelf(full=True)
    body = json.dumps(ASKED).encode()
    answer = await ask(shelf.app(desk), PATH, method="POST", body=body, query=b"kept=1")
    assert answer.json()["hookSpecificOutput"]["decision"] == {"behavior": "deny", "message": "no"}
    answer = await ask(shelf.app(Desk()), PATH, method="POST", body=b"{}", query=b"kept=1")
    assert (answer.status, answer.json()) == (200, {})


async def test_what_cannot_be_spooled_is_not_acknowledged_but_a_person_is_still_asked() -> None:
    shelf = Shelf(full=True)
    answer = await ask(shelf.app(Desk()), PATH, method="POST", body=b"{}")
    assert (answer.status, answer.error_code()) == (503, "spool_full")
    desk = Desk(HookDecision("allow"))
    answer = await ask(shelf.app(desk), PATH, method="POST", body=json.dumps(ASKED).encode())
    assert (answer.status, desk.ended) == (200, [True])
