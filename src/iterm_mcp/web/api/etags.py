"""ETags: whoever knows an answer is not sent it again."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

DIGEST_BYTES = 12
OK = 200


class Etags:
    """ASGI middleware: gives each whole answer to a GET its tag, and answers 304 to who has it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        known = dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1")
        held: Message | None = None

        async def tagged(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and message["status"] == OK:
                held = message
                return
            if held is None:
                await send(message)
                return
            start, held = held, None
            if not message.get("more_body", False):
                headers: list[tuple[bytes, bytes]] = list(start["headers"])
                told = dict(headers)
                tag = told.get(b"etag") or _tag(message.get("body", b""))
                if b"etag" not in told:
                    headers.append((b"etag", tag))
                if b"cache-control" not in told:
                    headers.append((b"cache-control", b"private, no-cache"))
                if known and _matches(known, tag.decode("latin-1")):
                    headers = [one for one in headers if one[0] != b"content-length"]
                    start["status"] = 304
                    message["body"] = b""
                start["headers"] = headers
            await send(start)
            await send(message)

        await self._app(scope, receive, tagged)


def _tag(body: bytes) -> bytes:
    return b'"%b"' % blake2b(body, digest_size=DIGEST_BYTES).hexdigest().encode()


def _matches(known: str, tag: str) -> bool:
    tags = {one.strip().removeprefix("W/") for one in known.split(",")}
    return tag in tags or "*" in tags
