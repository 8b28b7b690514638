"""What the daemon costs while many agents do nothing.

::

    uv run python -m tests.benchmarks.idle_agents [--agents 100] [--seconds 30]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import anyio
import psutil
from tests.integration.homes import open_home
from tests.integration.tool_client import open_tools

LIMIT_PERCENT = 3.0
SETTLE_SECONDS = 5.0

IDLE = """#!{python} -IS
import json, os, signal, sys
pid = os.getpid()
home = os.environ["HOME"]
stat = open(f"/proc/{{pid}}/stat").read().rpartition(")")[2].split()[19]
entry = {{"pid": pid, "sessionId": f"conversation-{{pid}}", "cwd": os.getcwd(), "procStart": stat,
         "version": "2.1.330", "kind": "interactive", "status": "idle",
         "statusUpdatedAt": 1795232590875}}
folder = os.path.join(home, ".claude", "sessions")
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, f"{{pid}}.json"), "w") as file:
    json.dump(entry, file)
rule = "\\u2500" * 80
sys.stdout.write("\\033]0;\\u2733 Claude Code\\007\\033[2J\\033[H" + "\\r\\n" * 18)
sys.stdout.write(rule + "\\r\\n\\u276f\\u00a0\\r\\n" + rule + "\\r\\n  ? for shortcuts")
sys.stdout.flush()
while True:
    signal.pause()
"""
"""Says of itself what an idle Claude Code does, and takes less memory than one."""


async def measure(agents: int, seconds: float) -> tuple[float, float, int]:
    """Return the percentage of a core without agents and with them, and how many were ready."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-idle-"))
    try:
        program = folder / "claude"
        program.write_text(IDLE.format(python=sys.executable), "utf-8")
        program.chmod(0o755)
        async with open_home("headless") as home, open_tools(home) as tools:
            await tools.data("list_sessions")
            daemon = psutil.Process(home.daemon_pid())
            before = await _percent(daemon, seconds / 3)
            for number in range(agents):
                opened = await tools.data("open_session", command=str(program))
                await tools.data(
                    "register_agent",
                    name=f"a{number}",
                    session_id=opened["session_id"],
                    kind="claude",
                )
            waited = await tools.data("wait_agents", until=["ready"], timeout_seconds=25)
            ready = sum(one["state"] == "ready" for one in waited["agents"])
            await anyio.sleep(SETTLE_SECONDS)
            return before, await _percent(daemon, seconds), ready
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _percent(process: psutil.Process, seconds: float) -> float:
    """Return how much of a core a process takes for some seconds."""
    start = process.cpu_times()
    await anyio.sleep(seconds)
    end = process.cpu_times()
    return 100 * (end.user + end.system - start.user - start.system) / seconds


async def main(agents: int, seconds: float) -> int:
    """Print the figures; return 1 when they are too high."""
    before, idle, ready = await measure(agents, seconds)
    sys.stdout.write(
        f"{agents} idle agents, {ready} of them known to be ready: the daemon takes {idle:.2f} % "
        f"of a core, {before:.2f} % without any (at most {LIMIT_PERCENT:g} %)\n"
    )
    return 0 if ready == agents and idle < LIMIT_PERCENT else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    sys.exit(anyio.run(main, given.agents, given.seconds))
