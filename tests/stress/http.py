"""``uv run python -m tests.stress.http [--seconds N] [--rate R]``: the HTTP interface under load.

Reads and writes come at a steady rate, whether answers come or not; how long one takes counts from
the moment at which it was due. Then comes far more at once than may be worked on: what is refused
must say when to come again, and afterwards all is as before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
from rich.console import Console
from tests.integration.homes import open_home
from tests.integration.http_home import start_daemon

if TYPE_CHECKING:
    from tests.integration.homes import Home

CONNECTIONS = 64
FLOOD = 600
"""Connections at once in the second part."""
FLOOD_SECONDS = 5.0
READS = (
    "/v1/events?limit=20",
    "/v1/events?kind=ToolFailed&limit=20",
    "/v1/filters",
    "/v1/notes?namespace=shared",
    "/v1/sessions",
    "/v1/costs?by=day",
    "/v1/events/stats",
)
WRITE_SHARE = 0.1
NORMAL = {200, 304}
SHED = {429, 503}


@dataclass
class Figures:
    """What came of the requests.

    Attributes:
        late: Seconds from when each was due until its answer.
        seconds: From the first request to the last answer, which may be later than was wanted.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)
    broken: int = 0
    without_retry: int = 0
    seconds: float = 0.0

    def at(self, share: float) -> float:
        """Return the milliseconds within which a share of them was answered."""
        ordered = sorted(self.late)
        return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


class Client:
    """One connection, kept open; small enough not to be what is measured."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 0)
        self._head = f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Return the status and the head of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        kind = "Content-Type: application/json\r\n" if body else ""
        length = f"Content-Length: {len(body)}\r\n\r\n"
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{kind}{length}"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        lower = answer.lower()
        size = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(size)
        if b"connection: close" in lower:
            self.close()
        return int(answer.split(b" ", 2)[1]), lower

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Load:
    """Requests to one daemon."""

    def __init__(self, home: Home, seed: int) -> None:
        self._home = home
        self._random = random.Random(seed)
        self._numbers = count()

    def client(self) -> Client:
        return Client(self._home.http_url(), self._home.token())

    async def one(self, client: Client, figures: Figures, due: float) -> None:
        """Make one request, and note what came of it."""
        try:
            with anyio.fail_after(30):
                if self._random.random() < WRITE_SHARE:
                    number = next(self._numbers)
                    body = json.dumps({"value": f"written {number}"}).encode()
                    answer = await client.ask("PUT", f"/v1/notes/key{number % 50}", body)
                else:
                    answer = await client.ask("GET", self._random.choice(READS))
        except (OSError, EOFError, TimeoutError):
            client.close()
            figures.broken += 1
            return
        status, head = answer
        figures.statuses[status] += 1
        figures.late.append(monotonic() - due)
        figures.without_retry += status in SHED and b"retry-after" not in head

    async def steady(self, seconds: float, rate: float) -> Figures:
        """Ask at a steady rate."""
        figures = Figures()
        began = monotonic()
        due = (began + number / rate for number in range(int(seconds * rate)))

        async def work() -> None:
            client = self.client()
            for at in due:
                await anyio.sleep(max(0.0, at - monotonic()))
                await self.one(client, figures, at)
            client.close()

        async with anyio.create_task_group() as group:
            for _ in range(CONNECTIONS):
                group.start_soon(work)
        figures.seconds = monotonic() - began
        return figures

    async def flood(self, seconds: float, connections: int) -> Figures:
        """Ask as much as many clients can."""
        figures = Figures()
        began = monotonic()
        ends_at = began + seconds

        async def work() -> None:
            client = self.client()
            while monotonic() < ends_at:
                await self.one(client, figures, monotonic())
            client.close()

        async with anyio.create_task_group() as group:
            for _ in range(connections):
                group.start_soon(work)
        figures.seconds = monotonic() - began
        return figures


def told(what: str, figures: Figures) -> str:
    total = sum(figures.statuses.values())
    return (
        f"{what}: {total} answers, {total / figures.seconds:.0f}/s, {dict(figures.statuses)}, "
        f"{figures.broken} broken; p50 {figures.at(0.5):.1f} ms, p95 {figures.at(0.95):.1f} ms, "
        f"p99 {figures.at(0.99):.1f} ms"
    )


def faults(steady: Figures, flood: Figures, after: Figures) -> list[str]:
    """Return what was not as it should be; how long things took is for people to judge."""
    found = [
        f"{what}: {wrong}"
        for what, figures, allowed in (
            ("steady", steady, NORMAL),
            ("flood", flood, NORMAL | SHED),
            ("after", after, NORMAL),
        )
        if (wrong := {k: v for k, v in figures.statuses.items() if k not in allowed})
    ]
    found += [
        f"{what}: {one.broken} broken"
        for what, one in (("steady", steady), ("after", after))
        if one.broken
    ]
    if flood.without_retry:
        found.append(f"flood: {flood.without_retry} refusals say not when to come again")
    return found


async def run(seconds: float, rate: float, flood: int, most_at_once: int) -> int:
    """Run all parts in a home of its own; return the exit code."""
    console = Console(highlight=False, width=160, soft_wrap=True)
    async with open_home("headless") as home:
        home.environ |= {
            "ITERM_MCP_HTTP_REQUESTS_PER_SECOND": "0",
            "ITERM_MCP_HTTP_MOST_AT_ONCE": str(most_at_once),
        }
        await start_daemon(home)
        load = Load(home, 1)
        await load.steady(1, 20)  # everything is imported and opened
        steady = await load.steady(seconds, rate)
        console.print(told(f"steady, {rate:g}/s wanted", steady))
        flooded = await load.flood(FLOOD_SECONDS, flood)
        console.print(told(f"flood, {flood} connections", flooded))
        after = await load.steady(2, 50)
        console.print(told("after", after))
    problems = faults(steady, flooded, after)
    for problem in problems:
        console.print(f"[red]{problem}")
    if not problems:
        console.print("[green]No error; what was too much was told to come again.")
    return 1 if problems else 0


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress.http", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second")
    parser.add_argument("--flood", type=int, default=FLOOD, help="connections at once, at the end")
    parser.add_argument("--most-at-once", type=int, default=128, help="the daemon's own bound")
    given = parser.parse_args()
    return anyio.run(run, given.seconds, given.rate, given.flood, given.most_at_once)


if __name__ == "__main__":
    sys.exit(main())
