"""One process that asks a daemon over HTTP at a steady rate, whether answers come or not.

How long an answer takes counts from the moment at which its request was due: who is kept waiting
by those before it counts that, too. What is asked stands ready as bytes, and answers are parted
and nothing more, so that the two cores of a small machine are the daemon's, not ours. Started by
`tests.stress.http`, with a `Task` as JSON on its standard input; prints `Figures` as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from time import monotonic

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
KEYS = 50
TICK_SECONDS = 0.001
LAST_SECONDS = 30.0
"""How long the last answers are waited for; what comes later is broken."""
SHED = {429, 503}


@dataclass(frozen=True)
class Task:
    """What one process asks.

    Attributes:
        rate: Requests a second.
        patient: What could not be asked in time, for want of a connection, is asked after it.
    """

    host: str
    port: int
    token: str
    seconds: float
    rate: float
    connections: int
    seed: int
    patient: bool


@dataclass
class Figures:
    """What came of the requests.

    Attributes:
        late: Microseconds from when each was due until its answer; those refused are left out.
        unanswered: Requests whose connection broke, or whose answer did not come.
        unasked: Requests for which there was no connection in time.
        without_retry: Refusals that say not when to come again.
        seconds: From the first request to the last answer.
    """

    statuses: dict[str, int] = field(default_factory=dict)
    late: list[int] = field(default_factory=list)
    unanswered: int = 0
    unasked: int = 0
    without_retry: int = 0
    seconds: float = 0.0


class Asker(asyncio.Protocol):
    """One connection, kept open, with one request at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.WriteTransport | None = None
        self._due = 0.0
        self._asking = False
        self._come = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def ask(self, request: bytes, due: float) -> None:
        assert self._transport is not None
        self._due, self._asking = due, True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._come += data
        head, end, body = self._come.partition(b"\r\n\r\n")
        if not end:
            return
        lower = head.lower()
        size = int(lower.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(body) < size:
            return
        self._come, self._asking = b"", False
        self._load.answered(int(head[9:12]), monotonic() - self._due, b"\nretry-after:" in lower)
        self._load.is_idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._load.lost(self, asking=self._asking)


class Load:
    """The requests of one process."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._random = random.Random(task.seed)
        self._figures = Figures()
        self._statuses: Counter[str] = Counter()
        self._idle: list[Asker] = []
        self._due: deque[float] = deque()
        self._answers = 0
        self._ended = asyncio.Event()
        head = f"Host: {task.host}:{task.port}\r\nAuthorization: Bearer {task.token}\r\n"
        self._reads = [f"GET {path} HTTP/1.1\r\n{head}\r\n".encode() for path in READS]
        self._write = head + "Content-Type: application/json\r\nContent-Length: "

    async def run(self) -> Figures:
        """Ask; return when all has been answered, or is waited for no longer."""
        for _ in range(self._task.connections):
            await self._connect()
        wanted = int(self._task.seconds * self._task.rate)
        began, asked = monotonic(), 0
        while asked < wanted:
            now = monotonic() - began
            while asked < wanted and asked / self._task.rate <= now:
                self._due.append(began + asked / self._task.rate)
                asked += 1
            self._send()
            await asyncio.sleep(TICK_SECONDS)
        if not self._task.patient:
            self._figures.unasked = len(self._due)
            wanted -= len(self._due)
            self._due.clear()
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while self._answers < wanted:
                    self._ended.clear()
                    await self._ended.wait()
        except TimeoutError:
            self._figures.unanswered += wanted - self._answers
        self._figures.seconds = monotonic() - began
        self._figures.statuses = dict(self._statuses)
        return self._figures

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        task = self._task
        _, asker = await loop.create_connection(lambda: Asker(self), task.host, task.port)
        self._idle.append(asker)

    def _send(self) -> None:
        while self._due and self._idle:
            self._idle.pop().ask(self._request(), self._due.popleft())

    def _request(self) -> bytes:
        if self._random.random() >= WRITE_SHARE:
            return self._random.choice(self._reads)
        body = f'{{"value": "written {self._random.random()}"}}'
        key = self._random.randrange(KEYS)
        return f"PUT /v1/notes/key{key} HTTP/1.1\r\n{self._write}{len(body)}\r\n\r\n{body}".encode()

    def answered(self, status: int, late: float, tells_when: bool) -> None:  # noqa: FBT001
        self._statuses[str(status)] += 1
        if status not in SHED:
            self._figures.late.append(round(late * 1e6))
        elif not tells_when:
            self._figures.without_retry += 1
        self._count()

    def is_idle(self, asker: Asker) -> None:
        self._idle.append(asker)
        self._send()

    def lost(self, asker: Asker, *, asking: bool) -> None:
        if asking:
            self._figures.unanswered += 1
            self._count()
        elif asker in self._idle:
            self._idle.remove(asker)

    def _count(self) -> None:
        self._answers += 1
        self._ended.set()


def main() -> None:
    """Do the task of the standard input."""
    task = Task(**json.load(sys.stdin))

    async def run() -> Figures:
        return await Load(task).run()

    json.dump(asdict(asyncio.run(run())), sys.stdout)


if __name__ == "__main__":
    main()
