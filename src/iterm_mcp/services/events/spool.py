"""The folder in which agents' hooks leave events, taken out of it once each.

See `iterm_mcp.agents.hook_spool` for who writes, and in what form. An event is gone from the folder
only when it is kept: whoever is killed in between finds it again, with the same delivery id.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from iterm_mcp.agents.hook_spool import BELL, COUNTER, EVENT_BLOCKS, HEAD, SCRIPT, spool_script
from iterm_mcp.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from iterm_mcp.models.observations import Json

TAKEN = "taken-"
_TAKEN = re.compile(r"taken-\d+-.+\.")
TORN = "torn"
OWN = "-own"
"""Ends the names of files that we have written ourselves."""
MOST_TORN = 100
MOST_EVENTS = EVENT_BLOCKS * 512
CLAIM_FILES = 500
CLAIM_BYTES = 16 << 20
UNFINISHED_SECONDS = 60.0
"""A file that has no end for so long never gets one: its writer was killed."""


@dataclass(frozen=True, slots=True)
class SpooledEvent:
    """One event as a hook left it.

    Attributes:
        agent, epoch, session: What its surroundings say of whose it is.
        delivery: The same whenever the same event is found again.
        written_at: Seconds since 1970.
        own: We have left it there ourselves; see `Spool.write`.
    """

    kind: str
    payload: dict[str, Json]
    agent: str
    epoch: str
    session: str
    delivery: str
    written_at: float
    own: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file that was taken, and what is in it.

    Attributes:
        size: That was read.
        torn: Something in it is no event.
    """

    path: Path
    size: int
    events: tuple[SpooledEvent, ...]
    torn: bool


class Spool:
    """Takes events out of the folder, and puts some in. All of it blocks: use it in a thread.

    Attributes:
        seen: How many files lay there when it was looked last, and their bytes.
        put_aside: How many torn files were put aside since this was made.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self.seen = (0, 0)
        self.put_aside = 0

    def make(self) -> None:
        """Make the folder: from now on hooks leave their events in it.

        Raises:
            StoreError: It cannot be made.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            script = self._folder / f"{SCRIPT}-{uuid4().hex}"
            script.write_text(spool_script(str(self._folder)), "utf-8")
            script.replace(self._folder / SCRIPT)
        except OSError as error:
            raise _unusable(self._folder, error) from None

    def hang_bell(self) -> int | None:
        """Return the pipe by which whoever leaves an event calls, open for reading without waiting.

        None where the folder can hold none: then it has to be looked into.
        """
        bell = self._folder / BELL
        try:
            with suppress(FileExistsError):
                os.mkfifo(bell, 0o600)
            if stat.S_ISFIFO(bell.lstat().st_mode):
                return os.open(bell, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:  # such as on a file system without named pipes
            return None
        return None

    def write(self, kind: str, payload: bytes, sender: Iterable[str], delivery: str) -> None:
        """Leave an event in the folder; when it returns, it outlives this process.

        Whoever does it has told already what the event says of how its agent is.

        Args:
            sender: Agent, epoch and session.

        Raises:
            StoreError: It could not be left there, or too many are there.
        """
        head = "\t".join(_field(one) for one in (*sender, delivery))
        path = self._folder / f"{kind}.{uuid4().hex}{OWN}"
        try:
            with (self._folder / COUNTER).open("ab") as counter:
                if counter.tell() >= MOST_EVENTS:
                    raise StoreError(
                        "the spool of events is full",
                        hint="Events cannot be kept: see `iterm-mcp doctor`.",
                        code="spool_full",
                    )
                counter.write(b".")
            with path.open("xb", buffering=0) as file:
                file.write(head.encode("utf-8", "replace") + b"\n" + payload + b"\n")
            self._ring()
        except OSError as error:
            raise _unusable(self._folder, error) from None

    def claim(self, now: float) -> list[Claimed]:
        """Take the oldest events that are whole, as they came; empty when there are none.

        What is taken comes again until `release` has had it.

        Args:
            now: Seconds since 1970, to tell what will never be whole.

        Raises:
            StoreError: The folder cannot be read.
        """
        try:
            found = sorted(self._files())
            self.seen = (len(found), sum(size for _, _, size in found))
            if not found:
                self._forget_count()
            claimed: list[Claimed] = []
            size = 0
            for _, name, _ in found[:CLAIM_FILES]:
                one = self._claim(name, now)
                if one is not None:
                    claimed.append(one)
                    size += one.size
                if size > CLAIM_BYTES:
                    break
        except OSError as error:
            raise _unusable(self._folder, error) from None
        return claimed

    def release(self, claimed: Claimed) -> None:
        """Let go of a file whose events are kept; one that was torn is put aside.

        Raises:
            StoreError: It cannot be removed; its events will come again.
        """
        try:
            if claimed.path.stat().st_size != claimed.size:
                return  # somebody wrote to it meanwhile: that is to be taken, too
            if claimed.torn:
                self._put_aside(claimed.path)
            else:
                claimed.path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unusable(self._folder, error) from None

    @property
    def torn(self) -> int:
        """How many torn files were put aside, of which some are left."""
        try:
            return sum(1 for _ in (self._folder / TORN).iterdir())
        except OSError:
            return 0

    def _ring(self) -> None:
        with suppress(OSError):  # nobody listens, or nobody has for long
            bell = os.open(self._folder / BELL, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            try:
                os.write(bell, b".")
            finally:
                os.close(bell)

    def _files(self) -> Iterator[tuple[int, str, int]]:
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or "." not in entry.name:
                    continue
                if not entry.is_file(follow_symlinks=False):
                    continue
                with suppress(FileNotFoundError):
                    facts = entry.stat()
                    yield _written_at(entry.name, facts.st_mtime_ns), entry.name, facts.st_size

    def _claim(self, name: str, now: float) -> Claimed | None:
        path = self._folder / name
        with suppress(FileNotFoundError):
            written = path.stat().st_mtime_ns
            taken = name if _TAKEN.match(name) else f"{TAKEN}{written}-{name}"
            data = path.read_bytes()
            read = _read(path.with_name(taken), data)
            if read.torn and written / 1e9 > now - UNFINISHED_SECONDS:
                return None  # it is being written
            if name != taken:  # from then on nobody else begins to write to it
                path = path.rename(read.path)
                more = path.read_bytes()
                read = read if more == data else _read(path, more)
            return read
        return None

    def _forget_count(self) -> None:
        counter = self._folder / COUNTER
        with suppress(FileNotFoundError):
            if counter.stat().st_size:
                os.truncate(counter, 0)

    def _put_aside(self, path: Path) -> None:
        torn = self._folder / TORN
        torn.mkdir(mode=0o700, exist_ok=True)
        path.rename(torn / path.name)
        self.put_aside += 1
        for old in sorted(torn.iterdir())[:-MOST_TORN]:
            old.unlink(missing_ok=True)


def _read(path: Path, data: bytes) -> Claimed:
    """Read events out of a file that was taken: a line of who, a line of what."""
    _, stamp, origin = path.name.split("-", 2)
    written, kind = int(stamp), origin.partition(".")[0]
    name = hashlib.sha256(path.name.encode()).hexdigest()[:20]
    lines = [line for line in data.split(b"\n") if line]
    events = []
    for index in range(0, len(lines) - 1, 2):
        head = lines[index].decode("utf-8", "replace").split("\t")
        payload = _object(lines[index + 1])
        if payload is None or len(head) != HEAD:
            continue
        agent, epoch, session, told = head
        delivery = told or f"{name}-{index // 2}"
        events.append(
            SpooledEvent(
                kind, payload, agent, epoch, session, delivery, written / 1e9, origin.endswith(OWN)
            )
        )
    return Claimed(path, len(data), tuple(events), len(events) * 2 != len(lines) or not lines)


def _object(line: bytes) -> dict[str, Json] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _written_at(name: str, otherwise: int) -> int:
    """Return when a file was written, which its name tells once it was taken; in nanoseconds."""
    return int(name.split("-", 2)[1]) if _TAKEN.match(name) else otherwise


def _field(text: str) -> str:
    return text.replace("\t", " ").replace("\n", " ").replace("\r", " ")


def _unusable(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the spool {folder} cannot be used: {error.strerror or error}",
        hint="Make room on its disk, or permit yourself to write there.",
        code="spool_unusable",
    )
