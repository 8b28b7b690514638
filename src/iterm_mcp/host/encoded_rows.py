"""A terminal's rows as bytes for the wire, kept as long as they cannot have changed.

Who follows a session asks for the same rows again and again. A row of the history never changes,
and the screen does not while nothing is printed; so what was made of them once is there already.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from iterm_mcp.host import line_wire

if TYPE_CHECKING:
    from iterm_mcp.host.engine import Engine

MAX_BYTES = 1 << 19
"""What is kept of one history at most, several thousand rows."""

MAX_ANSWER_BYTES = 1 << 16
"""An answer is kept as a whole up to here."""

MAX_TERMINALS = 16
"""Of so many terminals, those that were read last, something is kept."""

_RESTLESS = 1  # the history's last row: whether it goes on in the next may yet change


class EncodedRows:
    """Reads rows of one terminal, as the field ``contents`` of a ``GetBufferResponse``."""

    _latest: ClassVar[OrderedDict[int, EncodedRows]] = OrderedDict()
    _all: ClassVar[WeakKeyDictionary[Engine, EncodedRows]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._runs: dict[bool, _Run] = {}  # with styles, and without
        self._last: tuple[tuple[int, int, int, bool], bytes] | None = None
        self._upheavals = -1
        self._answer: tuple[int, bytes, bytes] | None = None

    @classmethod
    def of(cls, engine: Engine) -> EncodedRows:
        """Return the one of a terminal."""
        if (found := cls._all.get(engine)) is None:
            found = cls._all[engine] = cls()
        cls._latest[id(found)] = found
        cls._latest.move_to_end(id(found))
        if len(cls._latest) > MAX_TERMINALS:
            cls._latest.popitem(last=False)[1].forget()
        return found

    def read(self, engine: Engine, first: int, end: int, *, styles: bool) -> bytes:
        """Return lines from `first` up to `end`, of which all must be there.

        Raises:
            EngineClosedError: The terminal has been closed.
        """
        asked = (engine.changes, first, end, styles)
        if self._last is not None and self._last[0] == asked:
            return self._last[1]
        settled = engine.overflow + engine.history - _RESTLESS
        if engine.alternate_screen:
            settled = 0  # the history may be out of reach
        middle = max(first, min(settled, end))
        above = self._history(engine, first, middle, styles=styles) if first < middle else b""
        rows = above + b"".join(_read(engine, middle, end, styles=styles))
        self._last = asked, rows
        return rows

    def answered(self, engine: Engine, asked: bytes) -> bytes | None:
        """Return what was last answered, if the same was asked and nothing has changed since."""
        if self._answer is None or self._answer[:2] != (engine.changes, asked):
            return None
        return self._answer[2]

    def keep_answer(self, engine: Engine, asked: bytes, answer: bytes) -> None:
        """Keep what is answered to a question, both serialised, unless it is much."""
        if len(answer) <= MAX_ANSWER_BYTES:
            self._answer = engine.changes, asked, answer

    def kept(self, engine: Engine, first: int, *, styles: bool) -> int:
        """Return how many lines from `first` on need not be read anew."""
        run = self._runs.get(styles)
        if run is None or self._upheavals != engine.upheavals or first < run.first:
            return 0
        return max(0, run.end - first)

    def forget(self) -> None:
        """Keep nothing."""
        self._runs.clear()
        self._last = self._answer = None

    def _history(self, engine: Engine, first: int, end: int, *, styles: bool) -> bytes:
        if self._upheavals != engine.upheavals:
            self._upheavals = engine.upheavals
            self._runs.clear()
        run = self._runs.get(styles)
        if run is None or not run.first <= first <= run.end:
            run = self._runs[styles] = _Run(first)
        if end > run.end:
            run.add(_read(engine, run.end, end, styles=styles))
        rows = run.rows(first, end)
        run.shorten()
        return rows


class _Run:
    """Neighbouring lines, end to end."""

    __slots__ = ("_bytes", "_ends", "first")

    def __init__(self, first: int) -> None:
        self.first = first
        self._bytes = bytearray()
        self._ends = [0]  # where each line ends, behind where the first begins

    @property
    def end(self) -> int:
        return self.first + len(self._ends) - 1

    def add(self, lines: list[bytes]) -> None:
        at = len(self._bytes)
        self._ends += [at := at + len(line) for line in lines]
        self._bytes += b"".join(lines)

    def rows(self, first: int, end: int) -> bytes:
        ends = self._ends
        return bytes(self._bytes[ends[first - self.first] : ends[end - self.first]])

    def shorten(self) -> None:
        """Drop the older half of what is too much."""
        if len(self._bytes) <= MAX_BYTES:
            return
        drop = len(self._ends) // 2
        cut = self._ends[drop]
        del self._bytes[:cut]
        self._ends = [at - cut for at in self._ends[drop:]]
        self.first += drop


def _read(engine: Engine, first: int, end: int, *, styles: bool) -> list[bytes]:
    return engine.read(first, end - first, partial(line_wire.page, styles=styles))
