"""The daemon's side of a bridge: the journal as it comes, and a voice for the agent behind it."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio import to_thread

from iterm_mcp.agents.bridge import SOCKET
from iterm_mcp.agents.line_buffer import LineBuffer
from iterm_mcp.errors import AgentError, AgentGoneError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from iterm_mcp.models.observations import Json

READ_BYTES = 1 << 16
RECORD_BYTES = 24 << 20
"""More than a bridge lets any side say in one line."""
UNSENT_BYTES = 8 << 20
GREETING_SECONDS = 5.0
HANDED_OVER_SECONDS = 10.0
COMPLAINT_LINES = 50
PATH_BYTES = 100
"""What every system takes for the path of a socket."""


class BridgeError(AgentError):
    """A bridge does not answer, or not as one does; it can be tried again."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a bridge has.

    Attributes:
        base: The first place of its journal that can be read, and `end` the last.
        taken: Up to where a daemon has said that it knows.
        life_at: Where the present life of its agent begins.
    """

    base: int
    end: int
    taken: int
    life_at: int


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the journal, see `bridge_journal`.

    Attributes:
        place: The place behind it.
        at: When it was written, in seconds of the epoch.
    """

    place: int
    mark: bytes
    at: float
    said: bytes

    def message(self) -> Mapping[str, Json] | None:
        """Return it as JSON's object; None when it is none."""
        try:
            message = json.loads(self.said.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) else None


class Link(Protocol):
    """A connection to a bridge that has answered."""

    @property
    def closed(self) -> bool:
        """Whether nothing that is said reaches the bridge any more."""

    async def next(self) -> list[Record]:
        """Wait for the next records; see `BridgeLink`."""

    def say(self, life: str, line: bytes) -> None:
        """Have a line written to the agent; see `BridgeLink`."""

    def taken(self, place: int) -> None:
        """Say up to where nothing need be told again."""

    def finish(self, life: str) -> None:
        """Have the agent's input closed."""


class BridgeLink:
    """A connection to a bridge.

    Attributes:
        closed: It has ended; nothing that is said reaches the bridge any more.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.closed = False
        self._reader = reader
        self._writer = writer
        self._lines = LineBuffer(RECORD_BYTES)
        self._ready: deque[bytes] = deque()
        self._place = 0

    async def greet(self, since: float, begin: Callable[[Greeting], int]) -> Greeting:
        """Ask for the journal, and return what there is of it.

        Args:
            since: When this daemon was started; a bridge serves the newest.
            begin: Returns from which place on.

        Raises:
            BridgeError: It is no bridge, or serves a newer daemon.
        """
        with anyio.move_on_after(GREETING_SECONDS):
            told = _object(await self._line())
            known = (told.get(name) for name in ("base", "end", "taken", "life_at"))
            numbers = [one for one in known if isinstance(one, int)]
            if len(numbers) == 4:  # noqa: PLR2004 - as many as were asked for
                greeting = Greeting(*numbers)
                self._ask({"from": begin(greeting), "since": since})
                told = _object(await self._line())
                if isinstance(place := told.get("at"), int):
                    self._place = place
                    return greeting
            raise BridgeError(f"the bridge refuses: {told.get('refused') or 'it is none'}")
        raise BridgeError("the bridge does not answer")

    async def next(self) -> list[Record]:
        """Wait for the next records, and return all that came at once.

        Raises:
            BridgeError: The connection has ended.
        """
        while not self._ready:
            await self._read()
        records = []
        while self._ready:
            line = self._ready.popleft()
            self._place += len(line) + 1
            at, _, said = line[1:].partition(b" ")
            with suppress(ValueError):
                records.append(Record(self._place, line[:1], float(at), said))
        return records

    def say(self, life: str, line: bytes) -> None:
        """Have a line written to the agent, if it still lives that life.

        Raises:
            AgentError: The connection has ended, or the agent reads nothing any more.
        """
        if self._writer.transport.get_write_buffer_size() > UNSENT_BYTES:
            raise AgentError(
                "the agent reads nothing any more", hint="Interrupt it, or stop it and start again."
            )
        self._ask({"say": line.decode(), "life": life})

    def taken(self, place: int) -> None:
        """Say up to where nothing need be told again, if it can be said."""
        with suppress(BridgeError):
            self._ask({"taken": place})

    def finish(self, life: str) -> None:
        """Have the agent's input closed, if that can be said."""
        with suppress(BridgeError):
            self._ask({"finish": life})

    def close(self) -> None:
        """End the connection."""
        self.closed = True
        self._writer.close()

    def _ask(self, asked: Mapping[str, Json]) -> None:
        if self.closed or self._writer.is_closing():
            raise BridgeError(
                "the agent's bridge is not connected", hint="Try again in a few seconds."
            )
        self._writer.write(json.dumps(asked).encode() + b"\n")

    async def _line(self) -> bytes:
        while not self._ready:
            await self._read()
        return self._ready.popleft()

    async def _read(self) -> None:
        try:
            data = await self._reader.read(READ_BYTES)
        except OSError as error:
            raise BridgeError(f"the bridge is gone: {error}") from None
        if not data or self._lines.left_out:
            raise BridgeError("the bridge is gone")
        self._ready.extend(self._lines.feed(data))


@asynccontextmanager
async def open_link(
    folder: Path, since: float, begin: Callable[[Greeting], int]
) -> AsyncIterator[tuple[BridgeLink, Greeting]]:
    """Connect to the bridge of a folder for the length of the block; see `BridgeLink.greet`.

    Raises:
        BridgeError: There is none, or it does not answer.
    """
    with anyio.CancelScope(shield=True):  # quick, and a link that was made is removed
        shorter = await to_thread.run_sync(_reachable, folder)
    try:
        try:
            reader, writer = await asyncio.open_unix_connection(str(shorter / SOCKET))
        except OSError as error:
            raise BridgeError(f"there is no bridge: {error.strerror or error}") from None
    finally:
        if shorter != folder:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(_forget, shorter)
    link = BridgeLink(reader, writer)
    try:
        yield link, await link.greet(since, begin)
    finally:
        link.close()


class BridgeVoice:
    """Speaks to one life of the agent behind a bridge; see `driver.Voice`."""

    def __init__(self, link: Link, life: str, pid: int) -> None:
        self._link = link
        self._life = life
        self._pid = pid
        self._unconfirmed: deque[bytes] = deque()
        self._complained: deque[str] = deque(maxlen=COMPLAINT_LINES)
        self._ended = False
        self._changed = anyio.Event()

    @property
    def pid(self) -> int:
        """The process."""
        return self._pid

    @property
    def complaints(self) -> str:
        """What it last wrote to stderr."""
        return "\n".join(self._complained)

    def send(self, message: Mapping[str, Json]) -> None:
        """Write a message; see `Voice.send`."""
        if self._ended:
            raise AgentGoneError(
                "the agent's process has ended", hint="Start it again; nothing more was sent to it."
            )
        line = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
        self._link.say(self._life, line)
        self._unconfirmed.append(line)

    async def handed_over(self) -> None:
        """Wait until all that was sent is in the bridge's journal, 10 seconds at most."""
        with anyio.move_on_after(HANDED_OVER_SECONDS):
            while self._unconfirmed and not (self._ended or self._link.closed):
                await self._changed.wait()
        if not self._unconfirmed:
            return
        if self._ended:
            raise AgentGoneError("the agent's process has ended", hint="Start it again.")
        raise AgentError(
            "the agent's bridge did not say that it has taken the message",
            hint="Look again in a few seconds: it may have.",
        )

    async def wait_ended(self) -> None:
        """Wait until the process has ended, as far as the bridge can be asked."""
        while not (self._ended or self._link.closed):
            await self._changed.wait()

    def finish(self) -> None:
        """End its input."""
        if not self._ended:
            self._link.finish(self._life)

    async def stop(self, grace_seconds: float) -> None:
        """End its input and wait for its end; who forces it is `services.agents.ends`."""
        self.finish()
        with anyio.move_on_after(grace_seconds):
            await self.wait_ended()

    # What the journal tells.

    def confirmed(self, line: bytes) -> None:
        """Know that a line is in the journal."""
        if self._unconfirmed and self._unconfirmed[0] == line:
            self._unconfirmed.popleft()
            self._ring()

    def complained(self, line: bytes) -> None:
        """Keep a line of stderr."""
        self._complained.append(line.decode("utf-8", "replace"))

    def ended(self) -> None:
        """Know that the process has ended, or that nobody can tell any more."""
        self._ended = True
        self._ring()

    def cut_off(self) -> None:
        """Know that the connection has ended."""
        self._ring()

    def _ring(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _reachable(folder: Path) -> Path:
    """Return the folder by a path that is short enough: itself, or a link that must go again."""
    if len(os.fsencode(folder / SOCKET)) <= PATH_BYTES:
        return folder
    link = Path(tempfile.mkdtemp(prefix="im-", dir="/tmp")) / "b"
    link.symlink_to(folder)
    return link


def _forget(link: Path) -> None:
    with suppress(OSError):
        link.unlink()
        link.parent.rmdir()


def _object(line: bytes) -> Mapping[str, Json]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
