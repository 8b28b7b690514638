"""Requests that may be made again without being done again."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from iterm_mcp.errors import ConflictError, InvalidRequestError, StoreError
from iterm_mcp.models.http_answers import KeptAnswer
from iterm_mcp.web.errors import http_problem, refusal
from iterm_mcp.web.security import grant_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from iterm_mcp.clock import Clock
    from iterm_mcp.store.http_answers import HttpAnswerStore

HEADER = b"idempotency-key"
REPLAYED = "Idempotency-Replayed"
KEEP = timedelta(hours=24)
KEY_CHARACTERS = 200
KEPT_BYTES = 256 * 1024
"""A longer answer is not kept: who asks again is told that it was done."""
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
NOT_DONE = {408, 413, 429, 503}
"""With these statuses nothing was done, and the key may be used again."""
NEVER_KEPT = ("/tokens", "/shares")
"""Answers that hold a secret, which is told once."""

log = structlog.get_logger()


class Idempotency:
    """ASGI middleware: a request with an ``Idempotency-Key`` is done once.

    The same key of the same token gives the same answer, for a day, also after a restart.
    """

    def __init__(self, app: ASGIApp, answers: HttpAnswerStore, clock: Clock) -> None:
        self._app = app
        self._answers = answers
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it as it was answered before."""
        shown = dict(scope["headers"]).get(HEADER)
        if shown is None or scope["method"] not in CHANGING:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        key = shown.decode("latin-1")
        if any(one in scope["path"] for one in NEVER_KEPT) or not 1 <= len(key) <= KEY_CHARACTERS:
            error = InvalidRequestError(
                "that Idempotency-Key cannot be used here",
                hint=f"1 to {KEY_CHARACTERS} characters; none for what is told once.",
                code="bad_key",
            )
            await refusal(error)(scope, receive, send)
            return
        try:
            body = await request.body()
        except HTTPException as error:  # too large, or too slow
            await http_problem(error)(scope, receive, send)
            return
        owner = grant_of(scope).name
        digest = _digest(scope, body)
        now = self._clock.now()
        try:
            known = await self._answers.begin(owner, key, digest, now, now + KEEP)
        except StoreError as error:
            await refusal(error)(scope, receive, send)
            return
        if known is not None:
            await _again(known, digest)(scope, receive, send)
            return
        await self._do(scope, _replayed(body, receive), send, owner, key)

    async def _do(self, scope: Scope, receive: Receive, send: Send, owner: str, key: str) -> None:
        """Answer for the first time, and keep the answer before it is told."""
        told: list[Message] = []

        async def collect(message: Message) -> None:
            told.append(message)

        await self._app(scope, receive, collect)
        status = told[0]["status"]
        body = b"".join(one.get("body", b"") for one in told[1:])
        headers = json.dumps([[k.decode(), v.decode()] for k, v in told[0]["headers"]])
        with anyio.CancelScope(shield=True):  # one small transaction
            try:
                if status in NOT_DONE:
                    await self._answers.release(owner, key)
                elif len(body) <= KEPT_BYTES:
                    answer = KeptAnswer("", status, headers, body)
                    await self._answers.end(owner, key, answer)
            except StoreError as error:  # it is done; who asks again is told that it is unknown
                log.warning("answer_not_kept", key=key, reason=str(error))
        for message in told:
            await send(message)


def _digest(scope: Scope, body: bytes) -> str:
    asked = b"\0".join(
        (scope["method"].encode(), scope["path"].encode(), scope["query_string"], body)
    )
    return hashlib.sha256(asked).hexdigest()


def _again(known: KeptAnswer, digest: str) -> Response:
    """Answer what was asked before."""
    if known.request != digest:
        return refusal(
            InvalidRequestError(
                "this Idempotency-Key was used for another request",
                hint="Take a new key for what is new.",
                code="key_reused",
            )
        )
    if not known.status:
        return refusal(
            ConflictError(
                "this request was begun, and its answer is not known",
                hint="It may go on, or was cut off. Look before you ask again with a new key.",
                code="answer_unknown",
            )
        )
    response = Response(known.body, known.status, dict(json.loads(known.headers)))
    response.headers[REPLAYED] = "true"
    return response


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Hand on a body that was read already."""
    read = False

    async def again() -> Message:
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
