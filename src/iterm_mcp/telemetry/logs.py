"""JSON lines on stderr or in a file; stdout belongs to MCP."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from iterm_mcp.telemetry.trace_context import current

if TYPE_CHECKING:
    from typing import TextIO

    from structlog.typing import EventDict

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def open_logs(level: str, stream: TextIO | None = None) -> None:
    """Send the product's and its libraries' records to one stream as JSON lines.

    A record that cannot be written is lost: a full disk or a closed pipe stops no program.

    Args:
        level: A key of `LEVELS`.
        stream: Where to; stderr by default.
    """
    out = cast("TextIO", _Lossy(stream or sys.stderr))
    tracebacks = structlog.processors.ExceptionRenderer(
        ExceptionDictTransformer(show_locals=False)  # locals may hold what was typed
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        add_trace,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(),
            foreign_pre_chain=[*shared, tracebacks],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(LEVELS[level], logging.WARNING))


def add_trace(_logger: object, _method: str, record: EventDict) -> EventDict:
    """Say in a record in which span of which trace it was written, if in any."""
    here = current()
    if here is not None:
        record["trace_id"], record["span_id"] = here.trace_id, here.span_id
    return record


class _Lossy:
    """A stream that takes everything."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: it has been closed
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()
