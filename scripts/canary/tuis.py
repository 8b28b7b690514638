"""The TUIs of Codex and Gemini CLI, real or fake, through one script, started by our own daemon."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
from scripts.canary.codex_server import CONFIG
from scripts.canary.comparing import Finding
from scripts.canary.gemini_model import serve_gemini
from scripts.canary.responses_model import serve_responses
from scripts.canary.scenes import ACTS
from scripts.canary.subject import SilentError
from scripts.canary.watched import NAME, Truth, Watched
from typer import Exit

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.cli.tool_call import ToolCallError, open_caller
from iterm_mcp.config import Settings
from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.ids import SessionId
from iterm_mcp.paths import find_paths
from iterm_mcp.telemetry import Metrics
from iterm_mcp.terminal.endpoint import find_endpoint
from iterm_mcp.terminal.iterm import ItermTerminal
from iterm_mcp.terminal.link import open_link
from iterm_mcp.testing.fake_agent.shims import write_shims

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.acceptance.rig import Rig
    from scripts.canary.local_model import LocalModel
    from scripts.canary.watched import Check

MODELS = {"codex": serve_responses, "gemini": serve_gemini}
LOG_CHARACTERS = 400
GATES = {"codex": "hooks", "gemini": "trust"}


def prepare(rig: Rig, kind: str, model: LocalModel) -> dict[str, str]:
    """Write what makes a kind ask a local model; return its environment."""
    if kind == "codex":
        home = rig.folder / ".codex"
        home.mkdir(exist_ok=True)
        config = CONFIG.format(base_url=model.base_url, project=rig.project)
        (home / "config.toml").write_text(config, "utf-8")
        return {"CODEX_HOME": str(home)}
    home = rig.folder / ".gemini"
    home.mkdir(exist_ok=True)
    (home / "settings.json").write_text(gemini_settings(), "utf-8")
    return {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": model.base_url}


def gemini_settings() -> str:
    """Return the settings with which Gemini CLI asks for no login."""
    return json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}})


def run(rig: Rig, kind: str, *, fake: bool) -> list[Check]:
    """Run one of them through the script; return what was seen.

    Raises:
        SilentError: It could not even be started.
    """
    environment = {"HOME": str(rig.folder)}
    with MODELS[kind]() as model:
        if fake:
            bin_folder = rig.folder / "bin"
            write_shims(bin_folder)
            rig.environ["PATH"] = f"{bin_folder}{os.pathsep}{rig.environ['PATH']}"
            environment["FAKE_AGENT_TRUTH"] = str(rig.folder / "truth.jsonl")
            environment["FAKE_AGENT_GATE"] = GATES[kind]
            truth = Truth(lambda: _told(rig, "received"), lambda: _told(rig, "tool_used"))
        else:
            environment |= prepare(rig, kind, model)
            truth = Truth(
                lambda: model.prompts, lambda: [f"touch {one.name}" for one in _left(rig)]
            )
        for name in ("HOME", "PATH", *rig.server_environ):  # where daemon and host are looked for
            os.environ[name] = rig.environ[name]
        try:
            return anyio.run(_run, rig, kind, environment, truth)
        except* (ToolCallError, ItermMcpError, Exit) as errors:
            said = rig.daemon_said()[-LOG_CHARACTERS:]
            raise SilentError(f"{errors.exceptions[0]!r}; the daemon says: {said}") from None


async def _run(rig: Rig, kind: str, environment: dict[str, str], truth: Truth) -> list[Check]:
    config, metrics = Settings(terminal="headless"), Metrics()
    paths = find_paths(rig.environ)
    with open_caller() as caller:
        order: dict[str, Any] = {
            "kind": kind,
            "name": NAME,
            "directory": str(rig.project),
            "environment": environment,
        }
        started = await anyio.to_thread.run_sync(caller.call, "start_agent", order)
        async with open_link(
            lambda: find_endpoint(config, paths), metrics, config.connect_timeout_seconds
        ) as link:
            terminal = ItermTerminal(link, metrics.operations, config.request_timeout_seconds)
            session_id = SessionId(started["session_id"])
            watched = Watched(caller, terminal, find_kind(kind), session_id, truth, rig.folder)
            watched.note("start_agent", started.get("state"))
            for act in ACTS:
                watched.act = f"{kind}: {act.__name__}"
                watched.began = len(watched.told)
                if act is ACTS[0] or act is ACTS[-1]:
                    await act(watched)
                    continue
                async with watched.following(environment):
                    await act(watched)
        with suppress(ToolCallError):
            await anyio.to_thread.run_sync(caller.call, "stop_agent", {"name": NAME})
    return watched.checks


def compare(real: list[Check], persona: list[Check]) -> Iterator[Finding]:
    """Yield what was looked for; it agrees where both showed the same in time."""
    for one, other in zip(real, persona, strict=False):
        same = (one.act, one.what, one.seen) == (other.act, other.what, other.seen)
        what = one.what if one.what == other.what else f"{one.what} | {other.what}"
        yield Finding(one.act, what, one.seen, other.seen, same and one.came and other.came)
    for one in [*real[len(persona) :], *persona[len(real) :]]:
        yield Finding(one.act, one.what, one.seen, "", agrees=False)


def _told(rig: Rig, what: str) -> list[str]:
    """Return what a fake agent has written down: what it received, or which commands it ran."""
    path = rig.folder / "truth.jsonl"
    lines = [json.loads(one) for one in path.read_text("utf-8").split("\n")[:-1]]
    found = [one for one in lines if one["what"] == what]
    if what == "received":
        return [str(one["text"]) for one in found]
    return [str(one["input"].get("command")) for one in found]


def _left(rig: Rig) -> list[Any]:
    return sorted(rig.project.iterdir())
