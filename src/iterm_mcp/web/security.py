"""Who may come in: this machine's own clients, by Host and Origin, with the token."""

from __future__ import annotations

import hmac
import os
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
OPEN_PATHS = {"/healthz", "/readyz"}
"""Answered without the token: they tell nothing but whether we live."""


def load_token(path: str) -> str:
    """Return the token of the HTTP side; make one, mode 0600, when there is none yet.

    A file that others may read is tightened first.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        os.chmod(path, 0o600)  # noqa: PTH101 - beside its twin below
        with open(path, encoding="ascii") as file:  # noqa: PTH123
            token = file.read().strip()
        if token:
            return token
        fd = os.open(path, os.O_WRONLY | os.O_TRUNC, 0o600)
    token = secrets.token_urlsafe(32)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(token + "\n")
    return token


class Gate:
    """ASGI middleware: refuses what a web page or another user might send.

    A page in a browser can reach loopback, and a name can be made to resolve to it (DNS
    rebinding), so Host must name this machine; Origin, where there is one, must be our own.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = b"Bearer " + token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or a WebSocket on, or answer it with 401, 403 or 421."""
        refusal = None if scope["type"] == "lifespan" else self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if _host_name(host) not in LOOPBACK:
            return problem(421, "misdirected", "This server answers to loopback names only.")
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1") != f"http://{host}":
            return problem(403, "foreign_origin", "Requests from other origins are refused.")
        if scope["path"] in OPEN_PATHS:
            return None
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            return problem(
                401,
                "unauthorized",
                "Send 'Authorization: Bearer <token>'; the token stands in the state folder.",
                {"WWW-Authenticate": "Bearer"},
            )
        return None


def problem(
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    *,
    hint: str = "",
) -> JSONResponse:
    """Return an error in the one shape that all HTTP errors have.

    Args:
        hint: What to do next, if anything can be done.
    """
    error = {"code": code, "message": message, **({"hint": hint} if hint else {})}
    return JSONResponse({"error": error}, status, headers)


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
