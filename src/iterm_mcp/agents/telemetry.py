"""How agents that we start are asked to export to us what they measure of themselves. Pure.

All of it is OTLP as JSON over HTTP (Claude Code 2.1, Codex 0.169, Gemini CLI 0.61). Whoever has
settings of OpenTelemetry for an agent keeps them: then nothing is asked for. Texts of prompts and
of tools are not exported; transcripts have them.
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
    if reports is None or not reports.telemetry:
        return {}
    shown = {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {reports.token}"}
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
    if reports is None or not reports.telemetry:
        return ()
    words = ["-c", "otel.log_user_prompt=false"]
    for name, path in (("exporter", "logs"), ("metrics_exporter", "metrics")):
        place = json.dumps(f"{reports.url}/v1/{path}")
        words += ["-c", f'otel.{name}={{otlp-http={{endpoint={place},protocol="json"}}}}']
    return tuple(words)
