"""What agents wrote or printed at some time, brought into the event store because somebody asks.

The same may be brought as often as one likes: each fact is kept once, also beside the files that
are followed anyway.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from anyio import to_thread

from iterm_mcp.agents.events.codex_exec_events import CodexExecEvents
from iterm_mcp.agents.events.telling import table, word
from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from iterm_mcp.models.events import Event, Links
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.events.hook_events import Takes
    from iterm_mcp.services.events.transcripts import LineReader

PRINTED = "codex-exec"
"""What ``codex exec --json`` prints; all other kinds are those of agents that write files."""
MOST_NAMED = 20
LOOKED_AT = 100
"""So many lines are looked at for one that tells what they are."""
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of it: all that is new stands on the disk.

    Attributes:
        kind: What the lines were.
        events: How many facts they told.
        new: How many of these were not known before, from whatever source.
        skipped: Lines that could not be understood.
        conversations: Whose they are; the first of them.
    """

    kind: str
    events: int
    new: int
    skipped: int
    conversations: tuple[str, ...]


class Imports(Protocol):
    """Begins imports."""

    def begin(self, kind: str, at: datetime, links: Links) -> Import:
        """Return what takes the lines."""


class Importer:
    """Begins imports.

    Args:
        intake: Keeps each fact once, see `ToldOnce`.
        readers: Of agents' files, by kind.
    """

    def __init__(self, intake: Takes, readers: Mapping[str, Callable[[], LineReader]]) -> None:
        self._intake = intake
        self._readers = readers

    def begin(self, kind: str, at: datetime, links: Links) -> Import:
        """Return what takes the lines of one file, or of what was printed.

        Args:
            kind: What they are; empty to tell it by the lines themselves.
            at: When it happened, as far as the lines do not say.
            links: Whose they are, as far as they do not say.

        Raises:
            InvalidRequestError: There is no such kind.
        """
        known = sorted([*self._readers, PRINTED])
        if kind and kind not in known:
            raise InvalidRequestError(
                f"nobody reads lines of {kind!r}", hint=f"Use one of: {', '.join(known)}."
            )

        def make(kind: str) -> LineReader:
            return CodexExecEvents(at, links) if kind == PRINTED else self._readers[kind]()

        return Import(self._intake, make, kind)


class Import:
    """Takes lines, some at a time, in order."""

    def __init__(self, intake: Takes, make: Callable[[str], LineReader], kind: str) -> None:
        self._intake = intake
        self._make = make
        self._kind = kind
        self._reader = make(kind) if kind else None
        self._waiting: list[bytes] = []
        self._events = self._new = 0
        self._conversations: dict[str, None] = {}

    async def feed(self, lines: Sequence[bytes]) -> None:
        """Keep what further lines tell.

        Raises:
            InvalidRequestError: Nobody can tell what they are.
            StoreError: It cannot be kept, or not now: import all of it again later.
        """
        if self._reader is None:
            self._waiting += [one for one in lines if one.strip()]
            self._kind = next(filter(None, map(kind_of, self._waiting[:LOOKED_AT])), "")
            if not self._kind:
                if len(self._waiting) > LOOKED_AT:
                    raise _unknown()
                return
            self._reader = self._make(self._kind)
            lines, self._waiting = self._waiting, []
        await self._keep(await to_thread.run_sync(self._reader.read, lines))

    async def finish(self) -> Imported:
        """Keep what was held back, and tell what became of all.

        Raises:
            InvalidRequestError: Nobody can tell what the lines are.
            StoreError: As from `feed`.
        """
        if self._reader is None:
            raise _unknown()
        await self._keep(self._reader.finish())
        return Imported(
            self._kind, self._events, self._new, self._reader.skipped,
            tuple(self._conversations)[:MOST_NAMED],
        )  # fmt: skip

    async def _keep(self, events: Sequence[Event]) -> None:
        for start in range(0, len(events), BATCH):
            some = events[start : start + BATCH]
            kept = await self._intake.take(some)
            self._events += len(some)
            self._new += kept.new
            self._conversations |= dict.fromkeys(one.links.conversation for one in some)


def _unknown() -> InvalidRequestError:
    return InvalidRequestError(
        "these lines are of no known kind",
        hint="Give a rollout, a transcript, a chat, or what `codex exec --json` printed.",
    )


def kind_of(line: bytes) -> str:
    """Return what a file is that has a line as this; empty where the line does not tell."""
    try:
        told: Json = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    kind = word(told, "type")
    if kind == "thread.started" and word(told, "thread_id"):
        return PRINTED
    if kind == "session_meta" and table(told, "payload"):
        return "codex"
    if word(told, "projectHash"):
        return "gemini"
    return "claude" if word(told, "sessionId") and kind else ""
