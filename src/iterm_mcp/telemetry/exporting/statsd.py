"""A registry in StatsD's lines: counters as what they grew by, histograms summed up.

Pure but for what has been told before. Two dialects: DogStatsD, whose labels are tags, and plain
StatsD, whose labels stand in the name.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from iterm_mcp.telemetry.exporting.readings import COUNTER, HISTOGRAM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from iterm_mcp.telemetry.exporting.readings import Family, Labels, Spread

DOGSTATSD, PLAIN = "dogstatsd", "plain"
OWN = "iterm_mcp_"
QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))

_NO_TAG = re.compile(r"[\s,|#]")
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")

Key = tuple[str, "Labels"]
Told = float | tuple[int, ...]


class Line(NamedTuple):
    """What must stand in one datagram.

    Attributes:
        text: Without the line's end; of several lines, where only together they mean something.
        key: What is told by it, for `Statsd.sent`; None for what is told anew each time.
    """

    text: str
    key: Key | None = None
    told: Told = 0.0


class Statsd:
    """Writes readings as lines, each counter's growth once.

    A counter begins at zero with the daemon, so the first reading tells all of it. What was not
    sent is told by the next reading.

    Args:
        tags: Stand on every line; with the plain dialect they stand nowhere.
    """

    def __init__(self, dialect: str = DOGSTATSD, tags: Mapping[str, str] | None = None) -> None:
        self._plain = dialect == PLAIN
        self._tags = tuple((tags or {}).items())
        self._told: dict[Key, Told] = {}

    def sent(self, lines: Iterable[Line]) -> None:
        """Note that lines have gone out: what they told is not told again."""
        for line in lines:
            if line.key is not None:
                self._told[line.key] = line.told

    def lines(self, families: Iterable[Family]) -> Iterator[Line]:
        """Yield what a reading tells beyond what was sent."""
        for family in families:
            name = family.name.replace(OWN, "iterm_mcp.", 1)
            if family.form == HISTOGRAM:
                for spread in family.spreads:
                    yield from self._spread(name, spread)
                continue
            for labels, value in family.numbers:
                if family.form == COUNTER:
                    yield from self._growth(name, labels, value)
                else:
                    yield Line(self._gauge(name, labels, value))

    def _growth(self, name: str, labels: Labels, value: float) -> Iterator[Line]:
        key = (name, labels)
        before = self._told.get(key, 0.0)
        # Less than before has begun anew.
        grown = value - before if isinstance(before, float) and value >= before else value
        if grown > 0:
            yield Line(self._line(name, labels, grown, "c"), key, value)

    def _gauge(self, name: str, labels: Labels, value: float) -> str:
        line = self._line(name, labels, value, "g")
        if self._plain and value < 0:  # there a sign means: by so much less than now
            return f"{self._line(name, labels, 0, 'g')}\n{line}"
        return line

    def _spread(self, name: str, spread: Spread) -> Iterator[Line]:
        labels, counts = spread.labels, tuple(spread.counts)
        key = (name, labels)
        before = self._told.get(key, (0,) * len(counts))
        grown = _grown(before if isinstance(before, tuple) else (), counts)
        if any(grown):
            for suffix, part in QUANTILES:
                found = float(f"{quantile(part, spread.bounds, grown):.6g}")
                yield Line(self._line(f"{name}.{suffix}", labels, found, "g"))
            yield Line(self._line(f"{name}.count", labels, sum(grown), "c"), key, counts)
        yield from self._growth(f"{name}.sum", labels, spread.total)

    def _line(self, name: str, labels: Labels, value: float, form: str) -> str:
        if self._plain:
            parts = (part for label in labels for part in label)
            path = ".".join((name, *(_NO_NAME.sub("_", part) or "_" for part in parts)))
            return f"{path}:{number(value)}|{form}"
        tags = ",".join(f"{tag}:{_NO_TAG.sub('_', one)}" for tag, one in (*self._tags, *labels))
        return f"{name}:{number(value)}|{form}" + (f"|#{tags}" if tags else "")


def _grown(before: tuple[int, ...], now: tuple[int, ...]) -> tuple[int, ...]:
    """Return what came into each bucket; all of it, where the histogram has begun anew."""
    pairs = tuple(zip(before, now, strict=False))
    if len(before) != len(now) or any(old > new for old, new in pairs):
        return now
    return tuple(new - old for old, new in pairs)


def quantile(part: float, bounds: Sequence[float], counts: Sequence[int]) -> float:
    """Return a quantile, guessed within its bucket as Prometheus' ``histogram_quantile`` does.

    Args:
        part: From 0 to 1.
        counts: Observations in each bucket alone; at least one of all.
    """
    wanted = part * sum(counts)
    below = 0
    for place, count in enumerate(counts):
        if count and below + count >= wanted:
            if place == len(bounds):
                break
            lower = bounds[place - 1] if place else min(0.0, bounds[0])
            return lower + (bounds[place] - lower) * (wanted - below) / count
        below += count
    return bounds[-1] if bounds else 0.0


def number(value: float) -> str:
    """Return a number as every parser reads it: no exponent, nothing lost."""
    if value == int(value):
        return str(int(value))
    text = repr(float(value))
    return format(Decimal(text), "f") if "e" in text else text
