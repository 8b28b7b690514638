"""The benchmarks run, and print every figure that they promise."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

pytestmark = pytest.mark.headless

ROOT = Path(__file__).resolve().parents[2]

FIGURES = {
    "client": [
        "start to initialize, plain SDK server on stdio",
        "tool call p50, plain SDK server on stdio",
        "memory of a plain SDK server",
        "start to initialize, relay, warm",
        "start to initialize, relay, cold",
        "tool call p50, relay",
        "tool call p95, relay",
        "memory of a relay",
        "send_text to visible in read_screen p50",
        "send_text to visible in read_screen p95",
        "open 5 sessions through MCP",
        "spawn 5 bare shells",
        "spawn 5 shells in the host",
    ],
    "host": [
        "open a session, host (of 5, one after the other)",
        "close a session, host (of 5, one after the other)",
        "1 MB of 5 sessions at once, host",
        "1 MB of 5 sessions at once, bare PTY",
        "read 1000 lines never read before, host",
        "24 lines have come, host (not decoded yet)",
        "read 24 lines, host",
        "read 1000 lines, host",
        "memory of a session, host (5 with 10000 lines)",
    ],
    "echo": [
        "key to notice p50 over the API, 3 sessions",
        "key to notice p99 over the API, 3 sessions, 10 more flooding",
        "echo p50, bare PTY",
        "echo p50 in the host, 3 sessions",
        "echo p99 in the host, 3 sessions",
    ],
    "agents": [
        "tell to submitted p50",
        "tell to submitted p95",
        "an agent's work begun to known by a waiting client p50",
        "an agent ready to known by a waiting client p95",
        "start_agent to ready p50, started",
        "start_agent to ready p50, handed out",
    ],
    "events": [
        "an event told again",
        "a chart of six hours by the minute, p95",
        "one event kept and heard by a follower, p50",
    ],
    "hooks": [
        "a hook by the spool p50",
        "a hook over HTTP p95",
    ],
    "metrics": [
        "tool call p10 over a unix socket, without metrics",
        "tool call p10 over a unix socket, with metrics",
        "a scrape p50 (2 sessions, 2 agents, 3 tasks)",
        "size of a scrape (2 sessions, 2 agents, 3 tasks)",
    ],
    "tasks": [
        "a task that does nothing, 20 at once, bare DBOS",
        "a task that does nothing, 20 at once, SAQ",
        "a task that does nothing, 20 at once",
        "submit to start of a task p50",
    ],
    "worktrees": [
        "3 worktrees, git one after the other",
        "3 worktrees, side by side",
        "processor time of 3 worktrees",
        "3 worktrees looked at, salvaged and removed",
    ],
}
"""By part."""

QUICK = {"hooks", "metrics", "worktrees"}
"""The parts that each run has; the others take their time."""


@pytest.mark.parametrize(
    "part",
    [pytest.param(one, marks=[] if one in QUICK else pytest.mark.long) for one in FIGURES],
)
async def test_a_quick_run_prints_every_figure_beside_its_baseline(part: str) -> None:
    with anyio.fail_after(100):
        done = await anyio.run_process(
            [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", part],
            cwd=ROOT,
            check=False,
            stderr=subprocess.STDOUT,
        )
    out = done.stdout.decode()
    assert done.returncode == 0, out
    measured = {
        match[1]
        for match in re.finditer(
            r"^│ (\S.*?) +│ [\d,]+\.\d\d (?:us|ms|s|MB|kB) ", out, re.MULTILINE
        )
    }
    assert set(FIGURES[part]) - measured == set(), out
    if part == "client":
        assert re.search(r"│ tool call p50, relay .* tool call p50, plain SDK server.*[\d.]+x", out)
