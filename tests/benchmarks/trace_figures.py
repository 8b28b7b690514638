"""What tracing costs a tool call: off, on, and on while no collector answers."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.benchmarks.client_figures import RELAY
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.home import temporary_home
from tests.benchmarks.line_process import started
from tests.integration.traces.collector import collecting

if TYPE_CHECKING:
    from collections.abc import Iterator

OFF = "tool call p50, not traced"
NOBODY = "http://127.0.0.1:9"
ROUNDS = 10


def measure(calls: int) -> Iterator[Figure]:
    """Yield what a call takes in daemons that stand side by side and are asked in turn."""
    seconds: dict[str, list[float]] = {OFF: []}
    with ExitStack() as stack:
        collector = stack.enter_context(collecting())
        relays = {}
        wanted = {
            OFF: "", "tool call p50, traced": collector.url,
            "tool call p50, traced, no collector": NOBODY,
        }  # fmt: skip
        for name, endpoint in wanted.items():
            home = stack.enter_context(temporary_home())
            environ = {
                **home.environ, "ITERM_MCP_OTLP_TRACES": endpoint, "ITERM_MCP_HTTP_PORT": "0",
                "ITERM_MCP_CALLS_PER_SECOND": "0",
            }  # fmt: skip
            relays[name] = stack.enter_context(started(RELAY, environ))
            relays[name].time_calls("list_agents", {}, max(calls // 4, 5))
        for _ in range(ROUNDS):
            for name, relay in relays.items():
                some = relay.time_calls("list_agents", {}, max(calls // ROUNDS, 5))
                seconds.setdefault(name, []).extend(some)
    for name, values in seconds.items():
        yield Figure(name, percentile(values, 0.5) * 1e6, "us", "" if name == OFF else OFF)
