"""Random requests, garbage and hang-ups at a real host, while an honest client looks on."""

from __future__ import annotations

import base64
import json
from collections import deque
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
import psutil
from google.protobuf.message import DecodeError
from iterm2 import api_pb2
from tests.fuzz.api_client import DroppedError, RawClient, UnansweredError
from tests.fuzz.findings import Findings
from tests.fuzz.messages import Requests
from tests.fuzz.planted_host import started
from tests.integration.homes import open_home
from tests.integration.host.wire_client import open_wire
from websockets.exceptions import ConnectionClosed

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rich.console import Console
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

CLIENTS = 3
ANSWER_SECONDS = 45.0
"""Beyond what the host itself bounds: typing into who does not read, drawing, transactions."""

HONEST_SECONDS = 5.0
MOST_SESSIONS = 16
KEPT_INPUTS = 300
GROWTH_BYTES = 64 << 20
_LOOK_SECONDS = 2.0
_GONE = (OSError, ConnectionClosed, DroppedError)


class ApiRun:
    """One run against a host of its own.

    Args:
        folder: Where findings are kept.
        plant: Which planted fault the host has; none if empty.
    """

    def __init__(self, folder: str, seed: str, seconds: float, *, plant: str = "") -> None:
        self.findings = Findings(folder)
        self._seed = seed
        self._seconds = seconds
        self._plant = plant
        self._inputs: deque[tuple[int, str, str]] = deque(maxlen=KEPT_INPUTS)
        self._memory: list[int] = []
        self._descriptors: list[int] = []
        self._log_read = 0
        self._frozen = anyio.Lock()  # a transaction keeps the honest client waiting by right
        self._turn = anyio.Lock()
        self.requests = self.answers = self.drops = self.checks = 0
        self.worst: tuple[float, str] = (0.0, "")
        self.worst_honest = 0.0

    async def run(self) -> None:
        """Send until the time is over."""
        async with self._host() as home, anyio.create_task_group() as group:
            group.start_soon(self._look_on, home)
            with anyio.move_on_after(self._seconds):
                async with anyio.create_task_group() as fuzzing:
                    for number in range(CLIENTS):
                        fuzzing.start_soon(self._client, home, number)
            group.cancel_scope.cancel()

    async def replay(self, file: str) -> None:
        """Send again what was sent before a fault, client by client, in the same order."""
        inputs = json.loads(await anyio.Path(file).read_text())["inputs"]
        async with self._host() as home:
            clients: dict[int, RawClient] = {}
            for number, kind, data in inputs:
                client = clients.get(number)
                if client is None:
                    client = clients[number] = await RawClient.open(home)
                try:
                    await self._send(client, number, kind, base64.b64decode(data))
                except _GONE:
                    await clients.pop(number).close()
                await self._look(home)
            for client in clients.values():
                await client.close()

    def report(self, console: Console) -> None:
        """Say what was done, and how it went."""
        seconds, what = self.worst
        console.print(
            f"{self.requests} messages sent, {self.answers} answered, {self.drops} connections"
            f" dropped, {self.checks} looks of an honest client; slowest answer"
            f" {seconds:.2f} s ({what or 'none'}), to the honest client {self.worst_honest:.2f} s"
        )
        if self._memory:
            first, last = self._memory[0] / (1 << 20), self._memory[-1] / (1 << 20)
            console.print(
                f"memory {first:.1f} MiB before, {last:.1f} MiB after;"
                f" descriptors {self._descriptors[0]} before, {self._descriptors[-1]} after"
            )

    @asynccontextmanager
    async def _host(self) -> AsyncIterator[Home]:
        """Start a host; afterwards close what is open, and look at what is left."""
        async with open_home("headless") as home:
            await started(home, self._plant)
            self._measure(home)
            yield home
            with anyio.CancelScope(shield=True):
                await self._settle(home)

    async def _settle(self, home: Home) -> None:
        await self._look(home)
        with anyio.move_on_after(60), suppress(*_GONE):
            async with open_wire(home) as wire:
                await self._close_most(wire, 0)
                process = self._process(home)
                while process and process.children():  # noqa: ASYNC110 - processes ring no bell
                    await anyio.sleep(0.1)
        self._measure(home)
        if self._descriptors and self._descriptors[-1] > self._descriptors[0] + CLIENTS + 2:
            self._add("descriptors grow", str(self._descriptors))
        middle = self._memory[len(self._memory) // 2] if self._memory else 0
        if len(self._memory) > 20 and self._memory[-1] > middle + GROWTH_BYTES:
            self._add("memory grows", str(self._memory))

    # Sending.

    async def _client(self, home: Home, number: int) -> None:
        """Connect, send, be dropped or hang up, and come again."""
        dice = Random(f"{self._seed}/{number}")
        requests = Requests(dice)
        while True:
            try:
                client = await RawClient.open(home)
            except (*_GONE, TimeoutError):
                await anyio.sleep(0.1)  # the one that looks on says whether the host is gone
                continue
            try:
                for _ in range(dice.randint(1, 200)):
                    await self._act(client, number, dice, requests)
                    requests.ids = client.ids or requests.ids
            except _GONE:
                self.drops += 1
            finally:
                with anyio.CancelScope(shield=True):
                    await client.close()

    async def _act(self, client: RawClient, number: int, dice: Random, requests: Requests) -> None:
        act = dice.choices(
            ["ask", "subscribe", "many", "garbage", "text", "hang-up", "freeze", "listing"],
            [60, 8, 4, 1.5, 1, 0.5, 1, 8],
        )[0]
        if act == "ask":
            message = requests.request(client.next_id())
            await self._send(client, number, "ask", message.SerializeToString())
        elif act == "subscribe":
            message = requests.subscribing(client.next_id())
            await self._send(client, number, "ask", message.SerializeToString())
        elif act == "listing":
            message = api_pb2.ClientOriginatedMessage(id=client.next_id())
            message.list_sessions_request.SetInParent()
            await self._send(client, number, "ask", message.SerializeToString())
        elif act == "many":
            for _ in range(dice.randint(2, 20)):
                message = requests.request(client.next_id())
                await self._send(client, number, "only send", message.SerializeToString())
            await self._send(client, number, "await", b"")
        elif act == "garbage":
            await self._send(client, number, "garbage", requests.garbage())
        elif act == "text":
            await self._send(client, number, "text", requests.text().encode())
        elif act == "hang-up":
            message = requests.request(client.next_id())
            await self._send(client, number, "hang up", message.SerializeToString())
        else:
            await self._freeze(client, number, requests)

    async def _freeze(self, client: RawClient, number: int, requests: Requests) -> None:
        """Ask a few things in a transaction; the honest client need not be served meanwhile."""
        async with self._frozen:
            for begin in (True, False):
                message = api_pb2.ClientOriginatedMessage(id=client.next_id())
                message.transaction_request.begin = begin
                await self._send(client, number, "ask", message.SerializeToString())
                if begin:
                    message = requests.request(client.next_id())
                    await self._send(client, number, "ask", message.SerializeToString())

    async def _send(self, client: RawClient, number: int, kind: str, data: bytes) -> None:
        self._inputs.append((number, kind, base64.b64encode(data).decode()))
        self.requests += 1
        began = monotonic()
        name = "garbage" if kind == "garbage" else _name_of(data)
        try:
            answered = await client.send(kind, data, ANSWER_SECONDS)
            self.answers += answered
        except UnansweredError:
            self._add(f"no answer: {name}", f"within {ANSWER_SECONDS:g} s")
            raise DroppedError from None
        finally:
            self.worst = max(self.worst, (monotonic() - began, name))
        for error in client.take_errors():
            if "Internal error" in error:
                self._add(f"internal error: {name}", error)

    # Looking on.

    async def _look_on(self, home: Home) -> None:
        """Be an honest client, read the log, and keep the host from filling up."""
        while True:
            async with self._frozen:
                began = monotonic()
                try:
                    with anyio.fail_after(HONEST_SECONDS):
                        await self._ask_honestly(home)
                except (*_GONE, TimeoutError, AssertionError) as error:
                    self._add("an honest client is not served", repr(error))
                self.worst_honest = max(self.worst_honest, monotonic() - began)
            self.checks += 1
            await self._look(home)
            self._measure(home)
            await anyio.sleep(_LOOK_SECONDS)

    async def _ask_honestly(self, home: Home) -> None:
        async with open_wire(home) as wire:
            await wire.ask(api_pb2.FocusRequest())
            await self._close_most(wire, MOST_SESSIONS)

    async def _close_most(self, wire: WireClient, most: int) -> None:
        listing = await wire.ask(api_pb2.ListSessionsRequest())
        windows = [window.window_id for window in listing.windows]
        tabs = [tab for window in listing.windows for tab in window.tabs]
        panes = sum(str(tab.root).count("unique_identifier") for tab in tabs)
        close = api_pb2.CloseRequest
        buried = [one.unique_identifier for one in listing.buried_sessions]
        if panes + len(buried) <= most:
            return
        await wire.ask(close(windows=close.CloseWindows(window_ids=windows)))
        await wire.ask(close(sessions=close.CloseSessions(session_ids=buried)))

    async def _look(self, home: Home) -> None:
        """Read what the host has logged since, and see that it lives."""
        file = Path(home.paths.logs) / "host.log"
        if await anyio.Path(file).exists():
            text = (await anyio.Path(file).read_bytes())[self._log_read :]
            whole = text[: text.rfind(b"\n") + 1]
            self._log_read += len(whole)
            for line in whole.decode(errors="replace").splitlines():
                self._judge(line)
        if not lock_holder(home.paths.host_lock):
            self._add("the host has ended", "see its inputs")

    def _judge(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            self._add(f"not a line of the log: {line[:60]}", line)
            return
        if entry.get("level") in {"error", "critical"} or "exception" in entry:
            where = _where(entry.get("exception") or [])
            self._add(f"{entry.get('event')}: {where or line[:60]}", f"{line[:2000]}\n{where}")

    def _process(self, home: Home) -> psutil.Process | None:
        pid = lock_holder(home.paths.host_lock)
        return psutil.Process(pid) if pid else None

    def _measure(self, home: Home) -> None:
        with suppress(psutil.Error):
            process = self._process(home)
            if process is not None:
                self._memory.append(process.memory_info().rss)
                self._descriptors.append(process.num_fds())

    def _add(self, what: str, details: str) -> None:
        self.findings.add(what, details, {"inputs": list(self._inputs)})


def _name_of(data: bytes) -> str:
    try:
        message = api_pb2.ClientOriginatedMessage.FromString(data)
    except DecodeError:
        return "no message"
    return message.WhichOneof("submessage") or "nothing"


def _where(exceptions: list[dict[str, Any]]) -> str:
    """Return what was raised and the innermost places, so that a fault is kept once."""
    out = []
    for one in exceptions[-1:]:
        out.append(f"{one.get('exc_type')}: {str(one.get('exc_value'))[:200]}")
        out += [
            f"  {frame.get('filename')}:{frame.get('lineno')} {frame.get('name')}"
            for frame in one.get("frames", [])[-4:]
        ]
    return "\n".join(out)
