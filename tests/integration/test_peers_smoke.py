"""The benchmark beside other servers runs, with ours alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

pytestmark = pytest.mark.headless

ROOT = Path(__file__).resolve().parents[2]


async def test_ours_alone_does_all_the_work_that_is_compared() -> None:
    command = ["--only-ours", "--rounds", "1", "--sessions", "2"]
    with anyio.fail_after(100):
        done = await anyio.run_process(
            [sys.executable, "-m", "tests.benchmarks.peers", *command],
            cwd=ROOT,
            check=False,
            stderr=subprocess.STDOUT,
        )
    out = done.stdout.decode()
    assert done.returncode == 0, out
    for task in ("run `true`", "printed to the wait", "read 1000 lines", "in 2 sessions at once"):
        assert task in out, out
