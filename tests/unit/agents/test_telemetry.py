"""What agents export, if they are asked to, and whose word counts."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.agents.codex import Codex
from iterm_mcp.agents.gemini import Gemini
from iterm_mcp.agents.kind import Installed, StartRequest
from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.agents.reports import Reports, report_token
from iterm_mcp.agents.telemetry import codex_words, exporting
from iterm_mcp.services.agents.own_telemetry import has_own_telemetry

if TYPE_CHECKING:
    from pathlib import Path

ON = Reports("http://127.0.0.1:7717", "secret", telemetry=True)
OFF = Reports("http://127.0.0.1:7717", "secret")
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"


@pytest.mark.parametrize("kind", ["claude", "codex", "gemini", "shell"])
@pytest.mark.parametrize("reports", [None, OFF], ids=["nowhere to", "not asked"])
def test_nothing_is_exported_that_was_not_asked_for(kind: str, reports: Reports | None) -> None:
    assert exporting(kind, reports) == {}
    assert codex_words(reports) == ()


@pytest.mark.parametrize("kind", ["claude", "codex", "gemini"])
def test_an_agent_shows_the_token_by_its_environment_alone(kind: str) -> None:
    request = StartRequest("/p", reports=ON, environment={"MINE": "1"})
    plan = find_kind(kind).start(request, Installed("/bin/it", "9.9", frozenset()))
    assert plan.environment[HEADERS] == "Authorization=Bearer secret"
    assert plan.environment["MINE"] == "1"
    assert not any("secret" in one for one in plan.arguments)
    assert exporting("shell", ON) == {}


def test_an_agent_without_a_screen_exports_too() -> None:
    installed = Installed("/bin/it", "9.9", frozenset({"stream_json", "app_server"}))
    for kind in ("claude-headless", "codex-headless"):
        assert (
            HEADERS in find_kind(kind).start(StartRequest("/p", reports=ON), installed).environment
        )


def test_codex_is_told_where_by_words_that_are_toml() -> None:
    words = Codex().start(StartRequest("/p", reports=ON), Installed("/bin/codex")).arguments
    told = tomllib.loads("\n".join(one for one in words if one.startswith("otel.")))["otel"]
    assert told["exporter"]["otlp-http"] == {
        "endpoint": "http://127.0.0.1:7717/v1/logs", "protocol": "json",
    }  # fmt: skip
    assert told["metrics_exporter"]["otlp-http"]["endpoint"].endswith("/v1/metrics")
    assert told["log_user_prompt"] is False


TRACES = "http://collector:4318/v1/traces"


def test_traces_go_to_a_users_collector_and_our_token_does_not() -> None:
    both = exporting("claude", replace(ON, traces=TRACES))
    assert both["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == TRACES
    assert both["OTEL_TRACES_EXPORTER"] == "otlp"
    assert both["OTEL_EXPORTER_OTLP_ENDPOINT"] == ON.url
    shown = {name for name, value in both.items() if "secret" in value}
    assert shown == {f"OTEL_EXPORTER_OTLP_{what}_HEADERS" for what in ("METRICS", "LOGS")}
    alone = exporting("claude", replace(OFF, traces=TRACES))
    assert alone["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == TRACES
    assert not {"OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"} & set(alone)
    assert "secret" not in str(alone)
    assert exporting("gemini", replace(OFF, traces=TRACES)) == {}


def test_codex_exports_traces_by_words_alone() -> None:
    words = codex_words(replace(OFF, traces=TRACES))
    told = tomllib.loads("\n".join(one for one in words if one.startswith("otel.")))["otel"]
    assert told == {
        "log_user_prompt": False,
        "trace_exporter": {"otlp-http": {"endpoint": TRACES, "protocol": "binary"}},
    }


def test_no_prompts_are_exported_by_gemini() -> None:
    plan = Gemini().start(StartRequest("/p", reports=ON), Installed("/bin/gemini"))
    assert plan.environment["GEMINI_TELEMETRY_LOG_PROMPTS"] == "false"


@pytest.mark.parametrize(
    ("kind", "environ", "own"),
    [
        ("claude", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://elsewhere"}, True),
        ("claude-headless", {"CLAUDE_CODE_ENABLE_TELEMETRY": "0"}, True),
        ("claude", {"GEMINI_TELEMETRY_ENABLED": "false"}, False),
        ("codex", {"OTEL_SERVICE_NAME": "x"}, True),
        ("gemini", {"GEMINI_TELEMETRY_ENABLED": "false"}, True),
        ("shell", {"OTEL_SERVICE_NAME": "x"}, False),
    ],
)
async def test_a_users_own_variables_count(
    tmp_path: Path, kind: str, environ: dict[str, str], *, own: bool
) -> None:
    found = await has_own_telemetry(kind, str(tmp_path), {"HOME": str(tmp_path), **environ})
    assert found is own


@pytest.mark.parametrize(
    ("kind", "file", "text", "own"),
    [
        ("claude", ".claude/settings.json", '{"env": {"OTEL_LOGS_EXPORTER": "none"}}', True),
        ("claude", ".claude/settings.json", '{"env": {}}', False),
        ("claude", "project/.claude/settings.local.json", '{"OTEL_X": 1}', True),
        ("claude", "project/CLAUDE.md", "OTEL_ is what we use", False),
        ("codex-headless", ".codex/config.toml", '[otel]\nexporter = "none"', True),
        ("codex", ".codex/config.toml", 'model = "x"', False),
        ("gemini", ".gemini/settings.json", '{"telemetry": {"enabled": false}}', True),
        ("gemini", "project/.env", "GEMINI_TELEMETRY_TARGET=gcp", True),
        ("gemini", "project/.gemini", "a file, where a folder is looked for", False),
    ],
)  # fmt: skip
async def test_a_users_own_settings_count(
    tmp_path: Path, kind: str, file: str, text: str, *, own: bool
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    assert await has_own_telemetry(kind, str(project), {"HOME": str(tmp_path)}) is own


def test_the_token_for_reports_does_not_tell_the_one_that_it_is_made_of() -> None:
    made = report_token("the-token")
    assert made == report_token("the-token") != report_token("another")
    assert "the-token" not in made
    assert made.replace("-", "").replace("_", "").isalnum()
