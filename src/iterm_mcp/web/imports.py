"""Where what agents wrote or printed is brought in: ``POST /v1/imports``.

The body is lines of JSON, as they were written; it is kept while it comes, so it may be long. The
parameter ``kind`` says what they are, where the lines do not: ``codex``, ``codex-exec``,
``claude``, ``gemini``; ``at`` when it happened, where they do not say; ``session``, ``agent`` and
``model`` whose it is. When the answer is 200, all of it stands on the disk; else all of it may be
sent again, and is kept once.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from iterm_mcp.agents.events.telling import time_of
from iterm_mcp.agents.line_buffer import LineBuffer
from iterm_mcp.errors import InvalidRequestError, ItermMcpError
from iterm_mcp.models.events import Links
from iterm_mcp.web.errors import overloaded, problem, refusal

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.events.importing import Import, Imports

PATH = "/v1/imports"
MAX_BYTES = 1 << 30
LINE_BYTES = 16 << 20
"""A line that is longer is left out, and counts as one that could not be understood."""
PIECE_BYTES = 1 << 20
"""So much is read at once."""
PATIENCE_SECONDS = 60.0
"""Of who sends nothing."""
MOST_AT_ONCE = 4
NAME_CHARACTERS = 200


class ImportEnd:
    """Takes what is brought in."""

    def __init__(self, imports: Imports, clock: Clock) -> None:
        self._imports = imports
        self._clock = clock
        self._taking = 0

    async def __call__(self, request: Request) -> Response:
        """Take one file, or what was printed."""
        if self._taking >= MOST_AT_ONCE:
            return overloaded(request.scope, "There are too many imports at once.")
        self._taking += 1
        try:
            return await self._take(request)
        except ClientDisconnect:
            return Response(status_code=499)
        except TimeoutError:
            return problem(408, "too_slow", f"Nothing came for {PATIENCE_SECONDS:.0f} s.")
        except ItermMcpError as error:
            return refusal(error)
        finally:
            self._taking -= 1

    async def _take(self, request: Request) -> Response:
        given = request.query_params
        links = Links(**{
            name: given.get(name, "")[:NAME_CHARACTERS] for name in ("session", "agent", "model")
        })  # fmt: skip
        at = self._at(given.get("at", ""))
        taking = self._imports.begin(given.get("kind", ""), at, links)
        lines = LineBuffer(LINE_BYTES)
        await self._feed(request, taking, lines)
        if rest := lines.rest():
            await taking.feed([rest])
        done = await taking.finish()
        return JSONResponse({**asdict(done), "skipped": done.skipped + lines.left_out})

    async def _feed(self, request: Request, taking: Import, lines: LineBuffer) -> None:
        stream, size = request.stream(), 0
        piece = bytearray()
        while True:
            with anyio.fail_after(PATIENCE_SECONDS):
                chunk = await anext(stream, None)
            piece += chunk or b""
            size += len(chunk or b"")
            if size > MAX_BYTES:
                raise InvalidRequestError(
                    f"there is more than {MAX_BYTES >> 20} MiB",
                    hint="What came before is kept; cut the rest into files of their own.",
                    code="too_large",
                )
            if chunk is None or len(piece) >= PIECE_BYTES:
                if whole := lines.feed(bytes(piece)):
                    await taking.feed(whole)
                piece.clear()
            if chunk is None:
                return

    def _at(self, text: str) -> datetime:
        at = time_of(text) if text else self._clock.now()
        if at is None:
            raise InvalidRequestError(
                f"{text[:40]!r} is no time", hint="Write it as 2026-01-31T12:00:00Z."
            )
        return at


def import_routes(imports: Imports, clock: Clock) -> list[Route]:
    """Return the route by which files are brought in."""
    return [Route(PATH, ImportEnd(imports, clock).__call__, methods=["POST"])]
