"""A home whose daemon finds fake agents under the names of the real ones."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.integration.homes import Home, open_home
from tests.integration.tool_client import ToolClient, open_tools
from tests.waiting import eventually

from iterm_mcp.testing.fake_agent.shims import write_shims

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS = 25.0
KIND = "codex"


@dataclass
class Camp:
    """A home, a folder in which agents work, and a model's hands."""

    home: Home
    folder: Path
    tools: ToolClient

    def truth(self, what: str | None = None, **wanted: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Return what the agents really did, in all their lives."""
        path = self.folder / "truth.jsonl"
        if not path.exists():
            return []
        lines = [json.loads(one) for one in path.read_text("utf-8").split("\n")[:-1]]
        return [
            line
            for line in lines
            if what in {None, line["what"]}
            and all(line.get(key) == value for key, value in wanted.items())
        ]

    async def happens(self, what: str, count: int = 1, **wanted: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Wait until something has really happened so often; return its lines."""
        return await eventually(
            lambda: self.truth(what, **wanted),
            lambda lines: len(lines) >= count,
            within_seconds=SECONDS,
        )

    async def start(self, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Start an agent in the folder."""
        given = {"kind": KIND, "directory": str(self.folder / "proj"), **arguments}
        given["environment"] = self.variables() | arguments.get("environment", {})
        return await self.tools.data("start_agent", **given)

    def variables(self) -> dict[str, str]:
        """Return what leads fake agents to this folder."""
        return {"FAKE_AGENT_TRUTH": str(self.folder / "truth.jsonl"), "HOME": str(self.folder)}

    def status(self, name: str) -> dict[str, Any]:
        """Return what an agent's keeper has written."""
        path = Path(self.home.paths.state, "agents", name, "status.json")
        return dict(json.loads(path.read_text()))

    def pid(self, name: str) -> int:
        """Return an agent's process."""
        return int(self.status(name)["pid"])

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.pid(name), number)

    async def life(self, name: str) -> dict[str, Any]:
        """Return what the product says of an agent, its ends included."""
        return await self.tools.data("manage_agent", name=name, action="forensics")

    async def listed(self, name: str) -> dict[str, Any]:
        """Return an agent as it is listed."""
        agents = (await self.tools.data("list_agents"))["agents"]
        return next((one for one in agents if one["name"] == name), {})

    async def becomes(self, name: str, *states: str) -> dict[str, Any]:
        """Wait until an agent is in one of some states."""
        return await eventually(
            lambda: self.life(name),
            lambda one: one["state"] in states,
            within_seconds=SECONDS,
        )


@asynccontextmanager
async def open_camp(**environ: str) -> AsyncIterator[Camp]:
    """Make a home with a daemon that restarts quickly; end all at the end."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-"))
    (folder / "proj").mkdir()
    write_shims(folder / "bin")
    try:
        async with open_home("headless") as home:
            home.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
            home.environ["ITERM_MCP_RESTART_BACKOFF_SECONDS"] = "0.2"
            home.environ |= environ
            async with open_tools(home) as tools:
                yield Camp(home, folder, tools)
    finally:
        _end_rest(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _end_rest(folder: Path) -> None:
    """End what the host's end did not: processes that carry this folder's mark."""
    for one in psutil.process_iter():
        try:
            mine = one.environ().get("FAKE_AGENT_TRUTH", "").startswith(str(folder))
            if mine and one.pid != os.getpid():
                one.kill()
        except psutil.Error:
            continue


@pytest.fixture
async def camp() -> AsyncIterator[Camp]:
    async with open_camp() as one:
        yield one
