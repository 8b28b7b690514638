"""The HTTP interface, tried against its own document by schemathesis.

What waits (for output, for agents, for people) and what starts agents is left out: it would take
its time, or start what this machine has. So is the check that whatever fits a schema is taken:
schemas cannot say that a cursor is of this query, or that one argument excludes another.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
from tests.integration.homes import open_home
from tests.integration.http_home import start_daemon

LEFT_OUT = (
    r"wait|stream|receipts|approvals|command|playbook|start_agent|/agents$|picture|screenshot|probe"
)
SPARE_SECONDS = 120.0
"""Beside the time that is asked for: what is begun is ended, and told."""


@dataclass(frozen=True)
class HttpTrial:
    """What came of it.

    Attributes:
        crashes: Lines of the daemon's log that tell of bugs.
    """

    found: bool
    report: str
    crashes: tuple[str, ...]


async def try_http(seconds: float, seed: int, only: str = "", phases: str = "") -> HttpTrial:
    """Try the interface of a daemon of its own.

    Args:
        only: A regular expression of paths; all others are left out.
        phases: Of schemathesis; all, if left out.
    """
    async with open_home("headless") as home:
        url = await start_daemon(home)
        argv = [
            *(str(shutil.which("schemathesis", path=sys.prefix + "/bin")), "run"),
            *(f"{url}/v1/openapi.json", "-H", f"Authorization: Bearer {home.token()}"),
            *("--exclude-path-regex", LEFT_OUT, "--exclude-checks", "positive_data_acceptance"),
            *("--max-time", str(int(seconds)), "--seed", str(seed), "--continue-on-failure"),
            *("--request-timeout", "30", "--no-color"),
            *(("--include-path-regex", only) if only else ()),
            *(("--phases", phases) if phases else ()),
        ]
        with anyio.fail_after(seconds + SPARE_SECONDS):
            done = await anyio.run_process(
                argv, check=False, stderr=subprocess.STDOUT, cwd=home.paths.state
            )
        crashes = await anyio.to_thread.run_sync(_crashes, home.paths.logs)
    return HttpTrial(done.returncode != 0, done.stdout.decode(errors="replace"), crashes)


def _crashes(folder: str) -> tuple[str, ...]:
    return tuple(
        line
        for file in Path(folder).glob("*.log*")
        for line in file.read_text("utf-8", errors="replace").splitlines()
        if "_crashed" in line
    )
