"""Who may come in: this machine's own clients, by Host and Origin, with the token."""

from __future__ import annotations

import hmac
import os
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from iterm_mcp.access import TIERS
from iterm_mcp.agents.reports import report_token
from iterm_mcp.models.http_access import ROOT, Grant
from iterm_mcp.web.errors import problem

if TYPE_CHECKING:
    from starlette.responses import JSONResponse
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
OPEN_PATHS = {"/healthz", "/readyz"}
"""Answered without the token: they tell nothing but whether we live."""

PUBLIC_PREFIXES = ("/v1/docs", "/v1/openapi.json", "/s/")
"""Read without the token, as a browser does before anybody can show it one: how we may be asked,
and files whose links are as good as a token for them."""

SCOPES_OF_PREFIXES = tuple(
    (prefix, TIERS[1])
    for prefix in ("/v1/hooks/", "/v1/imports", "/v1/logs", "/v1/metrics", "/v1/traces")
)
"""What is needed where what is asked does not itself look at who asks."""

REPORTER = Grant("reports", TIERS[1])
"""An agent that we have started: it may come in by those prefixes, and nowhere else."""

SAID_ONCE = {b"host", b"origin", b"authorization", b"content-length"}
"""Where these are said twice, two readers may take a request for two different ones."""

NO_HOST = frozenset("@/\\?#")
"""With any of these a Host is a piece of a URL, in which its name may stand anywhere."""

GRANT = "iterm_mcp.grant"
"""Where in an ASGI scope the `Grant` of a request stands."""


class Tokens(Protocol):
    """Knows the tokens that were made, besides the one in the state folder."""

    def find(self, text: str) -> Grant | None:
        """Return what a token may do; None if there is none, or no more."""


def grant_of(scope: Scope) -> Grant:
    """Return what the one that made a request may do; behind a `Gate` alone."""
    found = scope[GRANT]
    assert isinstance(found, Grant)  # noqa: S101 - the gate has set it
    return found


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

    def __init__(self, app: ASGIApp, token: str, tokens: Tokens | None = None) -> None:
        self._app = app
        self._expected = b"Bearer " + token.encode()
        self._reports = b"Bearer " + report_token(token).encode()
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or a WebSocket on, or answer it with 400, 401, 403 or 421."""
        refusal = None if scope["type"] == "lifespan" else self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        foreign = _foreign(scope, headers)
        if foreign is not None:
            return foreign
        path: str = scope["path"]
        if path in OPEN_PATHS or (
            path.startswith(PUBLIC_PREFIXES) and scope.get("method") in {"GET", "HEAD"}
        ):
            return None
        grant = self._grant(headers.get(b"authorization", b""), path)
        if grant is None:
            return problem(
                401,
                "unauthorized",
                "Send 'Authorization: Bearer <token>'; the token stands in the state folder.",
                {"WWW-Authenticate": "Bearer"},
            )
        for prefix, needed in SCOPES_OF_PREFIXES:
            if path.startswith(prefix) and not grant.allows(needed):
                return problem(403, "scope_refused", f"This needs the scope {needed}.")
        scope[GRANT] = grant
        return None

    def _grant(self, shown: bytes, path: str) -> Grant | None:
        if hmac.compare_digest(shown, self._expected):
            return ROOT
        if hmac.compare_digest(shown, self._reports):
            reports = any(path.startswith(prefix) for prefix, _ in SCOPES_OF_PREFIXES)
            return REPORTER if reports else None
        scheme, _, text = shown.partition(b" ")
        if self._tokens is None or scheme != b"Bearer" or not text:
            return None
        return self._tokens.find(text.decode("latin-1"))


def _foreign(scope: Scope, headers: dict[bytes, bytes]) -> JSONResponse | None:
    """Return a refusal of what was not meant for us, or may have been."""
    if len(headers) < len(scope["headers"]):
        names = [name for name, _ in scope["headers"]]
        twice = next((one for one in SAID_ONCE if names.count(one) > 1), None)
        if twice is not None:
            return problem(400, "bad_headers", f"There is more than one {twice.decode()}.")
    host = headers.get(b"host", b"").decode("latin-1")
    if _host_name(host) not in LOOPBACK:
        return problem(421, "misdirected", "This server answers to loopback names only.")
    origin = headers.get(b"origin")
    if origin is not None and origin.decode("latin-1") != f"http://{host}":
        return problem(403, "foreign_origin", "Requests from other origins are refused.")
    return None


@lru_cache(maxsize=64)
def _host_name(host: str) -> str | None:
    if not NO_HOST.isdisjoint(host):
        return None
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
