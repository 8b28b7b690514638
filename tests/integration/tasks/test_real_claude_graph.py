"""A graph of six whose agents are the real Claude Code, in git worktrees, on a local model.

``uv run scripts/clients.py --install`` brings Claude Code; no login, no network: its model is a
local one that does what it is told. Run by ``pytest -m long``.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread
from scripts.acceptance.install import programs_of
from scripts.acceptance.rig import OFFLINE
from scripts.agent_canary import KEY
from scripts.canary.directed_model import serve
from tests.integration.homes import open_home
from tests.integration.tasks.graph_runs import check_history, check_nothing_left, run_graph, script
from tests.integration.worktrees.repositories import git
from tests.stress.task_site import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.long, pytest.mark.headless, pytest.mark.timeout(600)]

Json = dict[str, Any]

REAL = programs_of("clients") / "claude"  # before a test changes what home is

PORT = (
    "Port item ${item}. [[tool Bash echo real >real-${item}.txt && git add -A && "
    'git commit -q -m "Port item ${item}"]] [[say {"n": ${item}}]]'
)

LAND = """
import json, subprocess, sys
for one in sys.argv[1:]:
    subprocess.run(["git", "merge", "-q", "--no-edit", one], check=True)
print(json.dumps({"landed": len(sys.argv) - 1}))
"""


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A daemon that finds the real Claude Code, in a home in which that asks nothing."""
    if not REAL.exists():
        pytest.skip("Claude Code is not installed: uv run scripts/clients.py --install")
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-"))
    async with open_home("headless") as home:
        made = Site(home, folder, at_once=3)
        await to_thread.run_sync(furnish, made)
        await to_thread.run_sync(made.start)
        try:
            yield made
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(made.close)
                shutil.rmtree(folder, ignore_errors=True)


def furnish(site: Site) -> None:
    """Prepare a site for Claude Code, which trusts where it works and may use its tools."""
    site.prepare()
    (site.folder / "bin" / "claude").unlink()
    site.home.environ["PATH"] = os.pathsep.join([str(REAL.parent), site.home.environ["PATH"]])
    home = Path(site.home.environ["HOME"])
    trusted = {"hasTrustDialogAccepted": True}
    places = (
        site.repository,
        Path(site.home.paths.state),
        Path(site.home.paths.state, "worktrees"),
    )
    state = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {str(one): trusted for one in places},
    }
    (home / ".claude.json").write_text(json.dumps(state), "utf-8")
    (home / ".claude").mkdir(exist_ok=True)
    allowed = {"permissions": {"allow": ["Bash", "Read", "Write", "Edit"]}}
    (home / ".claude" / "settings.json").write_text(json.dumps(allowed), "utf-8")
    templates = Path(site.home.paths.state, "templates")
    templates.mkdir(exist_ok=True)
    # Left to itself it asks a model of its makers' whether a command may run.
    (templates / "asking.toml").write_text('kind = "claude"\npermissions = "manual"\n', "utf-8")
    for key, value in {"user.name": "Ann", "user.email": "ann@example.com"}.items():
        git(site.repository, "config", key, value)


def document(site: Site, base_url: str) -> Json:
    environment = {
        **OFFLINE,
        "HOME": site.home.environ["HOME"],
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": KEY,
        "LANG": "C.UTF-8",
    }
    branches = [f"${{tasks.port-{number}.branch}}" for number in (1, 2)]
    return {
        "graph": "six",
        "defaults": {
            "directory": str(site.repository), "environment": environment, "retry": {"attempts": 1},
        },
        "tasks": {
            "survey": {"run": "echo '{\"count\": 2}'"},
            "port": {
                "needs": "survey", "when": "tasks.survey.output.count == 2", "fan_out": [1, 2],
                "template": "asking", "prompt": PORT, "worktree": True, "accept": {"commit": True},
            },
            "land": {"needs": ["port", "port-*"], "run": script(LAND, *branches)},
            "review": {
                "needs": "land", "template": "asking",
                "prompt": 'Review ${tasks.land.output.landed}. [[say {"verdict": "good"}]]',
                "accept": {"schema": {"type": "object", "required": ["verdict"]}},
            },
        },
    }  # fmt: skip


def dollars_reckoned(home: str) -> list[float]:
    """Return what Claude Code itself reckons that each of its conversations cost."""
    found = []
    for path in sorted(Path(home, ".claude", "projects").glob("*/*.jsonl")):
        lines = [json.loads(one) for one in path.read_text("utf-8").splitlines()]
        said = [one["totalCostUSD"] for one in lines if one["type"] == "cost-state"]
        found += said[-1:]
    return sorted(found)


async def test_six_tasks_with_the_real_claude_code_in_worktrees(site: Site) -> None:
    with serve() as model:
        tasks = await run_graph(site, document(site, model.base_url))

    assert {name: one["state"] for name, one in tasks.items()} == dict.fromkeys(
        ("survey", "port-1", "port-2", "port", "land", "review"), "succeeded"
    ), [one.get("failed_because") for one in tasks.values()]
    assert tasks["port"]["result"]["output"] == [{"n": 1}, {"n": 2}]
    assert tasks["review"]["result"]["output"] == {"verdict": "good"}
    landed = git(site.repository, "ls-tree", "--name-only", "HEAD").splitlines()
    assert {*landed} == {"a.txt", "real-1.txt", "real-2.txt"}
    agents = [tasks[one]["result"] for one in ("port-1", "port-2", "review")]
    assert all(one["tokens"] > 0 for one in agents)
    reckoned = await to_thread.run_sync(dollars_reckoned, site.home.environ["HOME"])
    assert sorted(one["cost_usd"] for one in agents) == pytest.approx(reckoned, abs=1e-6)
    kept = await to_thread.run_sync(site.read)
    assert kept is not None
    check_history(kept, site.at_once)
    await check_nothing_left(site, kept_worktrees=2)
