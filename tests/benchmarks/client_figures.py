"""What a client of ours feels: starting, calling, typing and seeing."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.line_process import LineProcess, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.home import Home

PLAIN = [sys.executable, str(Path(__file__).with_name("plain_server.py"))]
RELAY = [str(Path(sys.executable).with_name("iterm-mcp"))]

PLAIN_START = "start to initialize, plain SDK server on stdio"
PLAIN_CALL = "tool call p50, plain SDK server on stdio"
PLAIN_TAIL = "tool call p95, plain SDK server on stdio"
PLAIN_MEMORY = "memory of a plain SDK server"


def measure(home: Home, *, rounds: int, calls: int, sessions: int) -> Iterator[Figure]:
    """Yield the figures of the relay and the daemon beside a plain SDK server's."""
    yield from _plain(home, rounds, calls)
    with started(RELAY, home.environ) as cold:
        yield Figure(
            "start to initialize, relay, cold", cold.start_seconds * 1e3, "ms", PLAIN_START
        )
    warm = []
    for _ in range(rounds):
        with started(RELAY, home.environ) as relay:
            warm.append(relay.start_seconds)
    yield Figure(
        "start to initialize, relay, warm", percentile(warm, 0.5) * 1e3, "ms", PLAIN_START, 20
    )
    with started(RELAY, home.environ) as relay:
        relay.time_calls("list_agents", {}, calls // 4)
        seconds = relay.time_calls("list_agents", {}, calls)
        yield Figure("tool call p50, relay", percentile(seconds, 0.5) * 1e6, "us", PLAIN_CALL, 250)
        yield Figure("tool call p95, relay", percentile(seconds, 0.95) * 1e6, "us", PLAIN_TAIL)
        yield Figure("memory of a relay", relay.resident_megabytes(), "MB", PLAIN_MEMORY, 12)
        yield from _typing(relay, calls // 10)
        yield from _opening(relay, sessions)


def _plain(home: Home, rounds: int, calls: int) -> Iterator[Figure]:
    starts = []
    for _ in range(max(2, rounds // 4)):
        with started(PLAIN, home.environ) as plain:
            starts.append(plain.start_seconds)
    yield Figure(PLAIN_START, percentile(starts, 0.5) * 1e3, "ms")
    with started(PLAIN, home.environ) as plain:
        plain.time_calls("list_agents", {}, calls // 4)
        seconds = plain.time_calls("list_agents", {}, calls)
        yield Figure(PLAIN_CALL, percentile(seconds, 0.5) * 1e6, "us")
        yield Figure(PLAIN_TAIL, percentile(seconds, 0.95) * 1e6, "us")
        yield Figure(PLAIN_MEMORY, plain.resident_megabytes(), "MB")


def _typing(relay: LineProcess, count: int) -> Iterator[Figure]:
    """Time from typing a word to seeing it on the screen, through the tools."""
    opened = relay.call("open_session", command="/bin/cat")
    session_id = opened["structuredContent"]["session_id"]
    seconds = []
    for number in range(count):
        word = f"word{number:06}"
        began = perf_counter()
        relay.call("send_text", session_id=session_id, text=word)
        while word not in relay.call("read_screen", session_id=session_id)["content"][0]["text"]:
            pass
        seconds.append(perf_counter() - began)
    relay.call("close_session", session_id=session_id)
    yield Figure("send_text to visible in read_screen p50", percentile(seconds, 0.5) * 1e3, "ms")
    yield Figure("send_text to visible in read_screen p95", percentile(seconds, 0.95) * 1e3, "ms")


def _opening(relay: LineProcess, count: int) -> Iterator[Figure]:
    """Time to open sessions one call after the other, as a model would."""
    began = perf_counter()
    opened = [relay.call("open_session") for _ in range(count)]
    seconds = perf_counter() - began
    for one in opened:
        relay.call("close_session", session_id=one["structuredContent"]["session_id"])
    yield Figure(
        f"open {count} sessions through MCP", seconds, "s", f"spawn {count} bare shells", 1.0
    )
