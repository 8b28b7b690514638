"""Where in a trace one stands, as W3C Trace Context writes it. Standard library only.

What comes from outside is read strictly: what is malformed counts as not there, as the
recommendation asks for, so that a bad header never fails a request.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
BAGGAGE = "baggage"

MOST_STATE_CHARACTERS = 512
MOST_BAGGAGE_CHARACTERS = 2048
"""The recommendation allows more; ours goes into environments and onto the disk."""

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_STATE = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,256}")
_BAGGAGE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\s*=[\x21\x23-\x2b\x2d-\x7e\s]*")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One span of one trace.

    Attributes:
        trace_id: 32 hexadecimal digits, not all 0.
        span_id: 16 of them.
        sampled: Whether spans of this trace are exported.
        state: As in ``tracestate``; passed on unchanged.
        baggage: As in ``baggage``; passed on unchanged, and never exported.
    """

    trace_id: str
    span_id: str
    sampled: bool = True
    state: str = ""
    baggage: str = ""

    @property
    def traceparent(self) -> str:
        """As it goes over a wire."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def child(self, span_id: str = "") -> TraceContext:
        """Return another span of the same trace; a new one, where no id is given."""
        return replace(self, span_id=span_id or new_span_id())

    def written(self) -> dict[str, str]:
        """Return it as `read_context` reads it."""
        known = {TRACEPARENT: self.traceparent, TRACESTATE: self.state, BAGGAGE: self.baggage}
        return {name: value for name, value in known.items() if value}

    def environment(self) -> dict[str, str]:
        """Return it as variables of a process, whose own spans become part of the trace."""
        return {name.upper(): value for name, value in self.written().items()}


def new_trace_id() -> str:
    """Return the id of a trace that nobody has begun."""
    return secrets.token_hex(16)


def new_span_id() -> str:
    """Return the id of a span that nobody has begun."""
    return secrets.token_hex(8)


def span_id_of(*parts: str) -> str:
    """Return the id of the span of something that has a name: the same whoever asks, and when.

    So what is told of late, twice, or by the next daemon, belongs to the same span.
    """
    return _digest(16, *parts)


def trace_id_of(*parts: str) -> str:
    """Return the id of the trace of something that has a name, and no trace from elsewhere."""
    return _digest(32, *parts)


def _digest(digits: int, *parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:digits]


def read_context(carrier: Mapping[str, object] | None) -> TraceContext | None:
    """Return the context that a message carries; None where it carries none, or a malformed one.

    Args:
        carrier: ``_meta`` of a request, headers with lower-case names, or what was written by
            `TraceContext.written`.
    """
    parent = carrier.get(TRACEPARENT) if carrier else None
    if carrier is None or not isinstance(parent, str):
        return None
    found = _PARENT.fullmatch(parent)
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if (
        version == "ff"
        or (version == "00" and rest)
        or not int(trace_id, 16)
        or not int(span_id, 16)
    ):
        return None
    return TraceContext(
        trace_id,
        span_id,
        sampled=bool(int(flags, 16) & 1),
        state=_members(carrier.get(TRACESTATE), MOST_STATE_CHARACTERS, _STATE),
        baggage=_members(carrier.get(BAGGAGE), MOST_BAGGAGE_CHARACTERS, _BAGGAGE),
    )


def _members(value: object, most: int, form: re.Pattern[str]) -> str:
    """Return a list with commas if it is one, of a size that is passed on; else nothing."""
    if not isinstance(value, str) or len(value) > most:
        return ""
    parts = [one.strip() for one in value.split(",") if one.strip()]
    return ",".join(parts) if all(form.fullmatch(one) for one in parts) else ""


_CURRENT: ContextVar[TraceContext | None] = ContextVar("iterm_mcp_trace", default=None)


def current() -> TraceContext | None:
    """Return the span in which this task works; None when nothing is traced here."""
    return _CURRENT.get()


def current_trace_id() -> str | None:
    """Return the id of the trace that is exported from here; None when none is.

    For exemplars: it leads to something only where the trace is sampled.
    """
    here = _CURRENT.get()
    return here.trace_id if here is not None and here.sampled else None


@contextmanager
def within(context: TraceContext | None) -> Iterator[None]:
    """Work in a span for the block, with all tasks that are begun in it."""
    token = _CURRENT.set(context)
    try:
        yield
    finally:
        _CURRENT.reset(token)
