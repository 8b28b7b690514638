"""Where agents export what OpenTelemetry knows of them: OTLP over HTTP, as JSON.

``POST /v1/logs``, ``/v1/metrics`` and ``/v1/traces``, answered as OTLP 1 has it: with 200 when the
events stand on the disk, ``partialSuccess`` telling what was none; with 503 and ``Retry-After``
when they cannot be kept now; with 400, 413 or 415 for what would not be taken another time either.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from iterm_mcp.agents.events.otlp_events import Exported, read_logs, read_metrics, read_traces
from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.web.errors import SHED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.events.hook_events import Takes

MAX_BYTES = 4 << 20
"""Of a body as it is sent."""
MAX_PLAIN_BYTES = 16 << 20
"""Of a body that is no longer compressed."""
MAX_RECORDS = 20_000
"""Events of one export."""
MOST_AT_ONCE = 16
"""Exports of one signal; more are asked to come again."""
AGAIN = {"retry-after": "1"}
HINT = "Set the exporter's protocol to http/json (OTEL_EXPORTER_OTLP_PROTOCOL=http/json)."


class RefusedError(Exception):
    """An export that is not taken, now or ever.

    Args:
        code: Of gRPC, as OTLP has it in its ``Status``.
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class OtlpEnd:
    """Takes the exports of one signal.

    Args:
        read: What an export tells.
        rejected: What the answer calls records that were none.
    """

    def __init__(
        self,
        intake: Takes,
        clock: Clock,
        read: Callable[[Mapping[str, Json], datetime], Exported],
        rejected: str,
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._read = read
        self._rejected = rejected
        self._taking = 0

    async def __call__(self, request: Request) -> Response:
        """Take one export."""
        if self._taking >= MOST_AT_ONCE:
            request.scope[SHED] = True
            return _status(503, 14, "there are too many exports at once", AGAIN)
        self._taking += 1
        try:
            return await self._take(request)
        finally:
            self._taking -= 1

    async def _take(self, request: Request) -> Response:
        try:
            body = await _body(request)
            found = await to_thread.run_sync(self._events, body, request.headers)
            await self._intake.take(found.events)
        except ClientDisconnect:
            return Response(status_code=499)
        except RefusedError as error:
            return _status(error.status, error.code, str(error))
        except InvalidRequestError as error:
            return _status(400, 3, str(error))
        except StoreError as error:
            return _status(503, 14, f"{error} {error.hint}", AGAIN)
        if not found.rejected:
            return JSONResponse({})
        told = {self._rejected: str(found.rejected), "errorMessage": "some are no records of OTLP"}
        return JSONResponse({"partialSuccess": told})

    def _events(self, body: bytes, headers: Mapping[str, str]) -> Exported:
        """Return what a body tells.

        Raises:
            RefusedError: It is not taken.
        """
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise RefusedError(415, 3, f"only application/json is taken. {HINT}")
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding == "gzip":
            body = _plain(body)
        elif coding not in {"identity", ""}:
            raise RefusedError(415, 3, "only gzip is known as a content-encoding")
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            raise RefusedError(400, 3, "the body is no JSON") from None
        if not isinstance(told, dict):
            raise RefusedError(400, 3, "the body is no JSON object")
        found = self._read(told, self._clock.now())
        if len(found.events) > MAX_RECORDS:
            raise RefusedError(413, 3, f"an export has at most {MAX_RECORDS} records")
        return found


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise RefusedError(413, 3, f"a body has at most {MAX_BYTES} bytes")
    return bytes(body)


def _plain(body: bytes) -> bytes:
    """Return what was compressed, of a bounded size however small it was made."""
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(body, MAX_PLAIN_BYTES + 1)
    except zlib.error:
        raise RefusedError(400, 3, "the body is no gzip") from None
    if len(plain) > MAX_PLAIN_BYTES:
        raise RefusedError(413, 3, f"a body has at most {MAX_PLAIN_BYTES} bytes once unpacked")
    if not unpacking.eof:
        raise RefusedError(400, 3, "the body is torn")
    return plain


def _status(
    status: int, code: int, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status, headers)


def otlp_routes(intake: Takes, clock: Clock) -> list[Route]:
    """Return the routes to which agents export."""
    ends = (
        ("/v1/logs", read_logs, "rejectedLogRecords"),
        ("/v1/metrics", read_metrics, "rejectedDataPoints"),
        ("/v1/traces", read_traces, "rejectedSpans"),
    )
    return [
        Route(path, OtlpEnd(intake, clock, read, rejected).__call__, methods=["POST"])
        for path, read, rejected in ends
    ]
