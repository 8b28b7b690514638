"""The benchmarks run, and print every figure that they promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

pytestmark = pytest.mark.headless

ROOT = Path(__file__).resolve().parents[2]

FIGURES = [
    "start to initialize, relay, warm",
    "start to initialize, relay, cold",
    "tool call p50, relay",
    "memory of a relay",
    "send_text to visible in read_screen p50",
    "open 5 sessions through MCP",
    "spawn 5 shells in the host",
    "echo p50, bare PTY",
    "echo p50 in the host, 3 sessions",
]


async def test_a_quick_run_prints_every_figure_beside_its_baseline() -> None:
    with anyio.fail_after(100):
        done = await anyio.run_process(
            [sys.executable, "-m", "tests.benchmarks", "--quick"],
            cwd=ROOT,
            check=False,
            stderr=subprocess.STDOUT,
        )
    out = done.stdout.decode()
    assert done.returncode == 0, out
    assert [figure for figure in FIGURES if figure not in out] == []
    assert "plain SDK server" in out
