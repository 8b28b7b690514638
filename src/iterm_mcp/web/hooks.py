"""Where agents' hooks tell what happens, and wait for what a person decides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio
import structlog
from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import StoreError
from iterm_mcp.services.approvals.hook_intake import HookSender
from iterm_mcp.web.errors import HELD, problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Message, Receive, Scope, Send

    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.approvals.held_hooks import HookDecision
    from iterm_mcp.services.approvals.hook_intake import HookEvent, HookIntake
    from iterm_mcp.services.approvals.service import ApprovalService
    from iterm_mcp.services.events.spool import Spool

MAX_BYTES = 4 << 20
HOLD_SECONDS = 24 * 3600.0
"""How long a hook is held if it does not say how long it waits; its agent hangs up earlier."""

MAX_HELD = 500

PATH = "/v1/hooks/{kind}"

log = structlog.get_logger()


class HookEnd:
    """The ASGI end of the hooks' intake: it must see a hook hang up while it is held.

    ``POST /v1/hooks/KIND`` takes an event as the agent's own JSON. Headers ``X-Iterm-Mcp-Agent``,
    ``-Epoch`` and ``-Session``, or parameters of these names, say whose it is; the parameter
    ``seconds`` says how long a permission may be waited for. The answer is the hook's output: it
    decides nothing for an event that asks nothing, that is nobody's, or that nobody answered.
    When it comes, the event is kept, or stands in the spool, but where the parameter ``kept`` is 1:
    then its sender has left it there. ``X-Iterm-Mcp-Delivery`` is the same for an event that is
    sent again.
    """

    def __init__(
        self, intake: HookIntake, approvals: ApprovalService, spool: Spool | None = None
    ) -> None:
        self._intake = intake
        self._approvals = approvals
        self._spool = spool
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one event."""
        request = Request(scope, receive)
        try:
            body = await _body(request)
            payload = _object(body)
        except ClientDisconnect:
            return
        except ValueError as error:
            await problem(413 if "larger" in str(error) else 400, "bad_event", str(error))(
                scope, receive, send
            )
            return
        params, headers = request.query_params, request.headers
        sender = HookSender(
            headers.get("x-iterm-mcp-agent") or params.get("agent", ""),
            headers.get("x-iterm-mcp-session") or params.get("session", ""),
            headers.get("x-iterm-mcp-epoch") or params.get("epoch", ""),
        )
        kind = request.path_params["kind"]
        event = await self._intake.take(kind, payload, sender)
        delivery = headers.get("x-iterm-mcp-delivery", "")
        try:
            if params.get("kept") != "1":
                await self._leave(find_kind(kind).name, body, sender, delivery)
        except StoreError as error:  # a person who is asked matters more
            if event is None or event.asked is None:
                await problem(503, error.code, str(error), {"retry-after": "1"})(
                    scope, receive, send
                )
                return
            log.warning("hook_not_kept", error=str(error))
        if event is None or event.asked is None or self._held >= MAX_HELD:
            await JSONResponse({})(scope, receive, send)
            return
        self._held += 1
        scope[HELD] = True
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_until_hung_up, receive, group.cancel_scope)
                await self._hold(event, _seconds(params.get("seconds", "")), scope, receive, send)
                group.cancel_scope.cancel()
        finally:
            self._held -= 1

    async def _leave(self, kind: str, body: bytes, sender: HookSender, delivery: str) -> None:
        """Put an event into the spool; what empties it into the event store will find it."""
        if self._spool is None:
            return
        line = body.replace(b"\r", b" ").replace(b"\n", b" ")  # between values; within, escaped
        whose = (sender.agent, sender.epoch, sender.session)
        await to_thread.run_sync(self._spool.write, kind, line, whose, delivery or uuid4().hex)

    async def _hold(
        self, event: HookEvent, seconds: float, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if event.dialog is None or event.asked is None:
            return
        asked = event.asked
        async with self._approvals.hold(
            event.agent, event.dialog, asked.choices, asked.directory
        ) as held:
            decision = await held.wait(seconds)
            answer = JSONResponse(_output(event, decision))
            if decision.again:
                answer = problem(503, "stopping", "The daemon ends; ask the next one.")
            await answer(scope, receive, send)
            held.delivered()


def _output(event: HookEvent, decision: HookDecision) -> Mapping[str, Json]:
    if event.asked is None or not decision.choice:
        return {}
    return event.asked.answer(decision.choice, decision.message)


async def _body(request: Request) -> bytes:
    """Return what was sent.

    Raises:
        ValueError: It is too large.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise ValueError(f"the event is larger than {MAX_BYTES} bytes")
    return body


def _object(body: bytes) -> dict[str, Json]:
    """Return the event.

    Raises:
        ValueError: It is no JSON object.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the event is no JSON") from None
    if not isinstance(payload, dict):
        raise ValueError("the event is no JSON object")  # noqa: TRY004 - of the caller's making
    return payload


async def _until_hung_up(receive: Receive, scope: anyio.CancelScope) -> None:
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()
    scope.cancel()


def _seconds(text: str) -> float:
    try:
        return min(max(float(text), 0.0), HOLD_SECONDS)
    except ValueError:
        return HOLD_SECONDS


def hook_routes(
    intake: HookIntake, approvals: ApprovalService, spool: Spool | None = None
) -> list[Route]:
    """Return the routes of the hooks' intake."""
    return [Route(PATH, HookEnd(intake, approvals, spool), methods=["POST"])]
