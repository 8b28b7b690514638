"""How agents that we start are asked to export to us what they measure of themselves. Pure.

All of it is OTLP as JSON over HTTP (Claude Code 2.1, Codex 0.169, Gemini CLI 0.61). Whoever has
settings of OpenTelemetry for an agent keeps them: then nothing is asked for. Texts of prompts and
of tools are not exported; transcripts have them. Traces go to a user's own collector, if they
want that, and there alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.agents.reports import Reports

WISH = "ITERM_MCP_AGENT_TELEMETRY"
"""In a template's environment: 1 or 0, whatever the daemon's setting says."""

_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "claude": ("OTEL_", "CLAUDE_CODE_ENABLE_TELEMETRY"),
    "codex": ("OTEL_",),
    "gemini": ("OTEL_", "GEMINI_TELEMETRY_"),
}
"""By kind, how variables begin that say anything of it."""
_WORDS: Mapping[str, tuple[str, ...]] = {
    "claude": ("OTEL_", "CLAUDE_CODE_ENABLE_TELEMETRY"),
    "codex": ("otel",),
    "gemini": ("telemetry", "GEMINI_TELEMETRY_", "OTEL_"),
}
"""By kind, what its settings say where they say anything of it."""


def exports_by_itself(kind: str, environ: Mapping[str, str]) -> bool:
    """Tell whether an agent with this environment would export something, or shall not."""
    return any(name.startswith(_PREFIXES.get(kind, ())) for name in environ)


def speaks_of_it(kind: str, settings: str) -> bool:
    """Tell whether an agent's settings, as they stand in a file, say what is exported."""
    return any(word in settings for word in _WORDS.get(kind, ()))


def exporting(kind: str, reports: Reports | None) -> dict[str, str]:
    """Return the variables by which a kind of agents exports; none if it shall not, or cannot."""
    if reports is None:
        return {}
    return (_measuring(kind, reports) if reports.telemetry else {}) | _tracing(kind, reports)


def _tracing(kind: str, reports: Reports) -> dict[str, str]:
    """Return the variables by which a kind exports traces to a user's collector.

    Codex is told by `codex_words`. Gemini CLI has one address for all that it exports.
    """
    if not reports.traces or kind != "claude":
        return {}
    return {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": reports.traces,
    }


def _shown(reports: Reports) -> dict[str, str]:
    """Return the headers that let a report in: to us alone, and not to a user's collector."""
    value = f"Authorization=Bearer {reports.token}"
    if not reports.traces:
        return {"OTEL_EXPORTER_OTLP_HEADERS": value}
    return {f"OTEL_EXPORTER_OTLP_{what}_HEADERS": value for what in ("METRICS", "LOGS")}


def _measuring(kind: str, reports: Reports) -> dict[str, str]:
    shown = _shown(reports)
    match kind:
        case "claude":
            return shown | {
                "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
                "OTEL_METRICS_EXPORTER": "otlp",
                "OTEL_LOGS_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
                "OTEL_EXPORTER_OTLP_ENDPOINT": reports.url,
            }
        case "codex":  # the rest is told by `codex_words`
            return shown
        case "gemini":
            return shown | {
                "GEMINI_TELEMETRY_ENABLED": "true",
                "GEMINI_TELEMETRY_TARGET": "local",
                "GEMINI_TELEMETRY_OTLP_PROTOCOL": "http",
                "GEMINI_TELEMETRY_OTLP_ENDPOINT": reports.url,
                "GEMINI_TELEMETRY_LOG_PROMPTS": "false",
            }
    return {}


def codex_words(reports: Reports | None) -> tuple[str, ...]:
    """Return the arguments by which Codex exports; the token comes by its environment."""
    if reports is None or not (reports.telemetry or reports.traces):
        return ()
    words = ["-c", "otel.log_user_prompt=false"]
    if reports.telemetry:
        for name, path in (("exporter", "logs"), ("metrics_exporter", "metrics")):
            place = json.dumps(f"{reports.url}/v1/{path}")
            words += ["-c", f'otel.{name}={{otlp-http={{endpoint={place},protocol="json"}}}}']
    if reports.traces:
        place = json.dumps(reports.traces)
        words += ["-c", f'otel.trace_exporter={{otlp-http={{endpoint={place},protocol="binary"}}}}']
    return tuple(words)
