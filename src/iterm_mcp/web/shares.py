"""``GET /s/TOKEN``: a shared file, for whoever has its link; and one answer to everything else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import anyio
from anyio import open_file
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from iterm_mcp.models.exports import ExportFormat
from iterm_mcp.services.buckets import Bucket
from iterm_mcp.services.events.exporting.markup import POLICY
from iterm_mcp.web.errors import problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.shares.book import Shares

CHUNK_BYTES = 64 << 10
MISSES_PER_SECOND, MISSES_AT_ONCE = 2.0, 20.0
"""What opens nothing: nobody comes upon 256 random bits, but nobody shall try, either."""

READS_PER_SECOND, READS_AT_ONCE = 10.0, 40.0
MOST_READERS = 16
"""At once, of all shares together."""

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}
_TYPES = {
    ExportFormat.HTML: "text/html; charset=utf-8",
    ExportFormat.JSON: "application/json",
    ExportFormat.ASCIICAST: "application/x-asciicast",
}


def share_routes(shares: Shares, clock: Clock) -> list[Route]:
    """Return the route of shared files. Parameters of the address are not looked at."""
    misses = Bucket(MISSES_PER_SECOND, MISSES_AT_ONCE, clock)
    reads = Bucket(READS_PER_SECOND, READS_AT_ONCE, clock)
    readers = 0

    async def read(request: Request) -> Response:
        nonlocal readers
        found = await shares.open(request.path_params["token"])
        bucket = misses if found is None else reads
        wait = bucket.seconds_until(1)
        if wait or readers >= MOST_READERS:
            return _too_often(max(wait, 1.0))
        bucket.take(1)
        if found is None:
            return _nothing()
        share, path = found
        try:
            file = await open_file(path, "rb")
        except OSError:  # revoked just now
            return _nothing()
        await shares.viewed(share)
        headers = {**HEADERS, "Content-Length": str(share.size_bytes)}
        shown = share.format is ExportFormat.HTML
        kind = "inline" if shown else "attachment"
        headers["Content-Disposition"] = f'{kind}; filename="{share.name}"'
        if request.method == "HEAD":
            await file.aclose()
            return Response(headers=headers, media_type=_TYPES[share.format])

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal readers
            readers += 1
            try:
                while chunk := await file.read(CHUNK_BYTES):
                    yield chunk
            finally:
                readers -= 1
                with anyio.CancelScope(shield=True):
                    await file.aclose()

        return StreamingResponse(chunks(), headers=headers, media_type=_TYPES[share.format])

    return [Route("/s/{token}", read, methods=["GET"])]


def _nothing() -> JSONResponse:
    """Answer the same to what never was, what has expired, and what was revoked."""
    return problem(404, "no_share", "There is nothing here, or no longer.", HEADERS)


def _too_often(wait: float) -> JSONResponse:
    told = {**HEADERS, "Retry-After": str(math.ceil(wait))}
    return problem(429, "rate_limited", "This is asked too often.", told)
