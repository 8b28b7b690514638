"""Settings come from the environment, and a wrong one is named."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from iterm_mcp.config import Settings

NAMES = ("TERMINAL", "HTTP_PORT", "REQUEST_TIMEOUT_SECONDS", "CONNECT_TIMEOUT_SECONDS",
         "DRAIN_SECONDS", "LOG_LEVEL", "TIER", "TOOLS", "CONFIRM", "CALLS_PER_SECOND",
         "OUTPUT_CHARACTERS_PER_MINUTE", "AUDIT_REQUIRED", "KINDS",
         "RESTART_BACKOFF_SECONDS", "PREWARM_MOST", "FOLLOW_TRANSCRIPTS", "AGENT_TELEMETRY",
         "EVENTS_KEEP_DAYS", "EVENTS_KEEP_GIGABYTES",
         "HTTP_REQUESTS_PER_SECOND", "HTTP_MOST_AT_ONCE",
         "TASKS_URL", "TASKS_FRONT", "MACHINE", "MACHINE_LABELS", "MACHINE_CAPACITY",
         "MACHINE_LEASE_SECONDS",
         "OTLP_TRACES", "TRACES_RATIO", "TRACE_ARGUMENTS", "AGENT_TRACES",
         "STATSD", "STATSD_DIALECT", "STATSD_TAGS", "STATSD_SECONDS",
         "OTLP_METRICS", "OTLP_METRICS_SECONDS", "PROBE_SECONDS")  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(f"ITERM_MCP_{name}", raising=False)


def test_the_names_above_are_all_there_are() -> None:
    assert {name.upper() for name in Settings.model_fields} == set(NAMES)


def test_everything_has_a_default() -> None:
    settings = Settings()
    assert (settings.terminal, settings.http_port) == ("auto", 7717)
    assert settings.model_fields_set == set()


def test_a_variable_is_read_and_remembered_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITERM_MCP_HTTP_PORT", "0")
    monkeypatch.setenv("ITERM_MCP_DRAIN_SECONDS", "0.5")
    settings = Settings()
    assert (settings.http_port, settings.drain_seconds) == (0, 0.5)
    assert settings.model_fields_set == {"http_port", "drain_seconds"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TERMINAL", "xterm"),
        ("HTTP_PORT", "65536"),
        ("HTTP_PORT", "-1"),
        ("REQUEST_TIMEOUT_SECONDS", "0"),
        ("REQUEST_TIMEOUT_SECONDS", "nan"),
        ("CONNECT_TIMEOUT_SECONDS", "601"),
        ("DRAIN_SECONDS", "-0.1"),
        ("LOG_LEVEL", "loud"),
        ("TASKS_FRONT", "http://db"),
        ("MACHINE", "a b"),
        ("MACHINE_LABELS", "ssd"),
        ("MACHINE_LABELS", "a=b,,c=d"),
        ("MACHINE_CAPACITY", "-1"),
        ("MACHINE_LEASE_SECONDS", "1"),
        ("OTLP_TRACES", "collector:4317"),
        ("TRACES_RATIO", "1.1"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"ITERM_MCP_{name}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert [error["loc"] for error in caught.value.errors()] == [(name.lower(),)]


def test_an_empty_variable_is_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(f"ITERM_MCP_{name}", "")
    assert Settings() == Settings.model_construct()


def test_work_is_shared_one_way_or_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITERM_MCP_TASKS_URL", "postgresql://db/tasks")
    monkeypatch.setenv("ITERM_MCP_TASKS_FRONT", "redis://db")
    with pytest.raises(ValidationError, match="ITERM_MCP_TASKS_FRONT, not both"):
        Settings()
