"""HTTP POST of JSON with nothing but asyncio's streams: a hook must not hold up the keyboard."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit

LONGEST_ANSWER = 1 << 20


class PostError(Exception):
    """No usable answer came; the text says why."""


async def post_json(url: str, body: bytes, headers: dict[str, str]) -> str:
    """Return the body of the answer.

    Raises:
        PostError: Nobody listens, the answer is no success, or it is not HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        raise PostError(f"only http:// is understood, not {url!r}")
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    except OSError as error:
        raise PostError(f"{parts.netloc}: {error}") from error
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        answer = await reader.read(LONGEST_ANSWER)
        while chunk := await reader.read(LONGEST_ANSWER):
            answer += chunk
    except OSError as error:
        raise PostError(f"{parts.netloc}: {error}") from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return read_answer(answer)


def read_answer(answer: bytes) -> str:
    """Return the body of an HTTP answer that was read to its end.

    Raises:
        PostError: It is no success, or not HTTP.
    """
    head, found, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if not found or len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004 - version, status
        raise PostError("the answer is not HTTP")
    if not words[1].startswith("2"):
        raise PostError(f"answered with {words[1]}")
    if any(line.lower().replace(" ", "") == "transfer-encoding:chunked" for line in rest):
        body = _unchunked(body)
    return body.decode("utf-8", "replace")


def _unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if length == 0:
            break
        parts.append(body[:length])
        body = body[length + 2 :]
    return b"".join(parts)
