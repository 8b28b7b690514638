"""A place to which programs export OTLP over HTTP as JSON; all bodies are kept as they came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scripts.canary.local_model import Json, LocalModel, serve_local

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

TRACES = 3
SPANS = 5
TOLD = ("token", "cost", "tool.call", "session.count", "lines", "active_time", "turn.e2e")
"""Words in the names of the metrics that are kept, of hundreds."""
MACHINE = ("process.", "host.", "os.", "auth.", "config.", "gen_ai.request.", "gen_ai.input")
LONGEST = 300


class OtlpSink(LocalModel):
    """Takes everything.

    Attributes:
        bodies: ``path`` and ``body`` of each request, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[dict[str, Any]] = []

    def reply(self, path: str, request: Json) -> tuple[bytes, str]:
        """Take one export."""
        with self._lock:
            self.bodies.append({"path": path, "body": request})
        return b"{}", "application/json"

    def lines(self) -> str:
        """Return them, a line each; of traces a few, which are many and say little."""
        return "\n".join(json.dumps(_some(one), ensure_ascii=False) for one in self._few())

    def _few(self) -> list[dict[str, Any]]:
        traces = [one for one in self.bodies if one["path"].endswith("traces")]
        return [one for one in self.bodies if one not in traces[TRACES:]]


def _some(one: dict[str, Any]) -> dict[str, Any]:
    """Return a body without most of what says little, is long, or tells of this machine."""
    body: dict[str, Any] = _short(one["body"])
    for resource in body.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            scope["spans"] = scope.get("spans", [])[:SPANS]
    for resource in body.get("resourceMetrics", ()):
        for scope in resource.get("scopeMetrics", ()):
            told = [kept for kept in scope["metrics"] if any(word in kept["name"] for word in TOLD)]
            scope["metrics"] = told
    return {"path": one["path"], "body": body}


def _short(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {key: _short(one) for key, one in value.items()}
    if isinstance(value, list):
        return [
            _short(one) for one in value
            if not (isinstance(one, dict) and str(one.get("key")).startswith(MACHINE))
        ]  # fmt: skip
    return value[:LONGEST] if isinstance(value, str) else value


def serve_sink() -> AbstractContextManager[OtlpSink]:
    """Serve it on a free loopback port for the length of the block."""
    return serve_local(OtlpSink())
