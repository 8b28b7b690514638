from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from iterm_mcp.telemetry.mcp_metrics import KINDS, MOST_NAMES, McpMetrics, kind_of

TOOLS = ("a", "b")
CALLS = "iterm_mcp_client_tool_calls_total"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> McpMetrics:
    return McpMetrics(registry)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("claude-code", "claude-code"),
        ("claude-ai", "claude-desktop"),
        ("codex-mcp-client", "codex"),
        ("gemini-cli-mcp-client", "gemini"),
        ("mcp-inspector", "inspector"),
        ("inspector-client", "inspector"),
        ("Claude-Code", "claude-code"),
        ("iterm-mcp-cli", "other"),
        ("", "other"),
    ],
)
def test_clients_are_known_by_how_their_names_begin(name: str, kind: str) -> None:
    assert kind_of(name) == kind
    assert kind in KINDS


def test_a_kind_that_has_been_seen_tells_of_every_tool_from_zero(
    metrics: McpMetrics, registry: CollectorRegistry
) -> None:
    metrics.client_seen("codex-mcp-client", ("a", "b"))
    metrics.called("codex-mcp-client", "a", TOOLS)
    value = registry.get_sample_value
    assert value(CALLS, {"client": "codex", "tool": "a"}) == 1
    assert value(CALLS, {"client": "codex", "tool": "b"}) == 0
    assert value(CALLS, {"client": "gemini", "tool": "a"}) is None


def test_a_call_counts_though_nobody_has_seen_its_client(
    metrics: McpMetrics, registry: CollectorRegistry
) -> None:
    for _ in range(2):
        metrics.called("nobody knows it", "a", TOOLS)
    assert registry.get_sample_value(CALLS, {"client": "other", "tool": "a"}) == 2


def test_two_names_of_one_kind_count_together(
    metrics: McpMetrics, registry: CollectorRegistry
) -> None:
    for name in ("mcp-inspector", "inspector-client"):
        metrics.client_seen(name, ("a",))
        metrics.called(name, "a", TOOLS)
    assert registry.get_sample_value(CALLS, {"client": "inspector", "tool": "a"}) == 2


def test_clients_that_take_ever_new_names_are_counted_and_not_remembered(
    metrics: McpMetrics, registry: CollectorRegistry
) -> None:
    for number in range(MOST_NAMES + 10):
        metrics.client_seen(f"name-{number}", ("a",))
        metrics.called(f"name-{number}", "a", TOOLS)
    labels = {"client": "other", "tool": "a"}
    assert registry.get_sample_value(CALLS, labels) == MOST_NAMES + 10
    assert len(metrics._by_name) == MOST_NAMES


def test_calls_of_what_is_no_tool_make_no_series(
    metrics: McpMetrics, registry: CollectorRegistry
) -> None:
    for name in ("codex-mcp-client", "codex-mcp-client"):
        metrics.called(name, "made up", TOOLS)
    metrics.called("codex-mcp-client", "b", TOOLS)
    labels = {"client": "codex", "tool": "made up"}
    assert registry.get_sample_value(CALLS, labels) is None
    assert registry.get_sample_value(CALLS, labels | {"tool": "b"}) == 1
