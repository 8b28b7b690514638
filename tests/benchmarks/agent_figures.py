"""What is known of agents, how soon, and what it costs while they do nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import anyio
from tests.benchmarks import idle_agents
from tests.benchmarks.client_figures import RELAY
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.line_process import started

from iterm_mcp.testing.fake_agent.shims import write_shims

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.home import Home
    from tests.benchmarks.line_process import LineProcess

TURN_SECONDS = 0.5
STARTS = 5
PREWARM_SECONDS = 60.0
SHARE_OF_A_CORE = idle_agents.LIMIT_PERCENT


def measure(home: Home, *, rounds: int, agents: int, idle_seconds: float) -> Iterator[Figure]:
    """Yield how soon a waiting client knows, how soon an agent has what it is told, and more."""
    folder = Path(home.environ["HOME"])
    write_shims(folder / "bin")
    path = f"{folder / 'bin'}{os.pathsep}{home.environ['PATH']}"
    with started(RELAY, {**home.environ, "PATH": path}) as relay:
        yield from _knowing(relay, folder, rounds)
        yield from _starting(relay, Path(home.paths.state), folder, min(rounds, STARTS))
    before, idle, _ready = anyio.run(idle_agents.measure, agents, idle_seconds)
    note = f" ({before:.2f} % without any)"
    name = f"daemon's share of a core, {agents} idle agents"
    yield Figure(name, idle, "%", aim=SHARE_OF_A_CORE, note=note)


def _knowing(relay: LineProcess, folder: Path, rounds: int) -> Iterator[Figure]:
    truth = folder / "truth.jsonl"
    relay.call(
        "start_agent",
        kind="claude",
        name="ada",
        directory=str(folder),
        environment={"FAKE_AGENT_TRUTH": str(truth)},
    )
    working, ready, submitted = [], [], []
    for number in range(rounds):
        relay.call("wait_agents", agents=["ada"], until=["ready"])
        told = monotonic()
        text = f"{number} [[work {TURN_SECONDS}]]"
        relay.call("cascade_message", agents={"ada": text})
        relay.call("wait_agents", agents=["ada"], until=["working"])
        knew_work = monotonic()
        relay.call("wait_agents", agents=["ada"], until=["ready"])
        knew_end = monotonic()
        sleep(0.1)  # what it does last is written down
        lines = _lines(truth)
        received = next(one for one in lines if one.get("text") == text)
        mine = [one for one in lines if one["monotonic"] >= received["monotonic"]]
        submitted.append(received["monotonic"] - told)
        working.append(knew_work - _state(mine, "submitting"))
        ready.append(knew_end - _state(mine, "ready"))
    for share in (50, 95):
        for name, seconds in (
            ("tell to submitted", submitted),
            ("an agent's work begun to known by a waiting client", working),
            ("an agent ready to known by a waiting client", ready),
        ):
            value = max(0.0, percentile(seconds, share / 100)) * 1e3
            yield Figure(f"{name} p{share}", value, "ms")


def _starting(relay: LineProcess, state: Path, folder: Path, rounds: int) -> Iterator[Figure]:
    """Yield how soon an agent is ready, started when it is asked for or handed out."""
    template = state / "templates" / "warm.toml"
    template.parent.mkdir(exist_ok=True)
    template.write_text(f'kind = "claude"\ndirectory = "{folder}"\nprewarm = 1\n')
    cold = [_start(relay, "claude", f"cold-{at}", folder) for at in range(rounds)]
    warm = []
    for at in range(rounds):
        _await_prewarmed(relay)
        warm.append(_start(relay, "template:warm", f"warm-{at}", folder))
    template.unlink()
    for name, seconds in (("started", cold), ("handed out", warm)):
        yield Figure(f"start_agent to ready p50, {name}", percentile(seconds, 0.5) * 1e3, "ms")


def _start(relay: LineProcess, kind: str, name: str, folder: Path) -> float:
    """Start an agent; return how long that took until it was ready."""
    begun = monotonic()
    relay.call("start_agent", kind=kind, name=name, directory=str(folder))
    relay.call("wait_agents", agents=[name], until=["ready"])
    took = monotonic() - begun
    relay.call("stop_agent", name=name, confirm=True, forget=True, grace_seconds=0)
    return took


def _await_prewarmed(relay: LineProcess) -> None:
    until = monotonic() + PREWARM_SECONDS
    while monotonic() < until:
        answer = relay.call("list_agents", prewarmed=True)
        if any(one["ready"] for one in answer["structuredContent"]["prewarmed"]):
            return
        sleep(0.2)
    raise TimeoutError("no agent waits")


def _state(lines: list[dict[str, Any]], state: str) -> float:
    return float(next(one["monotonic"] for one in lines if one.get("state") == state))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(one) for one in path.read_text("utf-8").splitlines()]
