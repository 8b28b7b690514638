"""What a daemon has counted arrives at both ends, to the last call."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import httpx2
from tests.integration.exporting.receivers import collector, unix_sink
from tests.integration.http_home import start_daemon
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.exporting.receivers import Collected
    from tests.integration.homes import Home

CALLS = 7
TOOL = "query_events"  # waits for no terminal


def calls(collected: Collected) -> float:
    """Return how many calls of the tool the last export tells of."""
    if not collected.exports:
        return -1
    (resource,) = collected.exports[-1]["resourceMetrics"]
    metrics = {one["name"]: one for one in resource["scopeMetrics"][0]["metrics"]}
    if "iterm_mcp_tool_calls" not in metrics:  # the first one is sent before there are tools
        return -1
    points = metrics["iterm_mcp_tool_calls"]["sum"]["dataPoints"]
    return float(
        sum(
            one["asDouble"]
            for one in points
            if {"key": "tool", "value": {"stringValue": TOOL}} in one["attributes"]
        )
    )


async def test_every_call_of_a_tool_arrives_at_a_sink_and_at_a_collector(home: Home) -> None:
    path = f"{home.paths.state}/dsd"  # what UDP loses under load, a socket does not
    with unix_sink(path) as sink, collector() as collected:
        home.environ |= {
            "ITERM_MCP_STATSD": f"unix:{path}",
            "ITERM_MCP_STATSD_TAGS": "env=test",
            "ITERM_MCP_STATSD_SECONDS": "1",
            "ITERM_MCP_OTLP_METRICS": collected.url,
            "ITERM_MCP_OTLP_METRICS_SECONDS": "3600",
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "x-key=abc",
        }
        url = await start_daemon(home)
        headers = {"Authorization": f"Bearer {home.token()}"}
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
            for _ in range(CALLS):
                assert (await http.post(f"/v1/tools/{TOOL}", json={})).status_code == 200
        start = "iterm_mcp.tool_calls:"
        wanted = f"|c|#env:test,tool:{TOOL},outcome:ok"

        def counted() -> float:
            lines = [one for one in sink.read() if one.startswith(start) and one.endswith(wanted)]
            return sum(float(one.removeprefix(start).removesuffix(wanted)) for one in lines)

        await eventually(counted, lambda found: found == CALLS, within_seconds=15)
        pid = home.daemon_pid()
        assert pid
        os.kill(pid, signal.SIGTERM)  # the last export is that of the daemon's end
        await eventually(lambda: calls(collected), lambda found: found == CALLS, within_seconds=20)
        assert collected.headers[-1]["x-key"] == "abc"
        resource = collected.exports[-1]["resourceMetrics"][0]["resource"]["attributes"]
        assert {"key": "service.name", "value": {"stringValue": "iterm-mcp"}} in resource
        assert max(sink.sizes) <= 1432
