"""A home whose daemon finds fake agents under the names of the real ones."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from contextlib import asynccontextmanager
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

SECONDS = 30.0

Json = dict[str, Any]


class Agent:
    """An agent that was started, or is being, and what it really did."""

    def __init__(self, camp: Camp, folder: Path, name: str) -> None:
        self.camp = camp
        self.folder = folder
        self.name = name
        self.started: Json = {}

    def truth(self, what: str | None = None, **wanted: Any) -> list[Json]:  # noqa: ANN401
        """Return what it really did, in all its lives."""
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

    async def happens(self, what: str, count: int = 1, **wanted: Any) -> list[Json]:  # noqa: ANN401
        """Wait until something has really happened so often; return its lines."""
        return await eventually(
            lambda: self.truth(what, **wanted),
            lambda lines: len(lines) >= count,
            within_seconds=SECONDS,
        )

    def status(self) -> Json:
        """Return what its keeper has written; empty before it has."""
        path = Path(self.camp.home.paths.state, "agents", self.name, "status.json")
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def process(self) -> psutil.Process:
        """Return its process, as it is now."""
        return psutil.Process(self.status()["pid"])

    def kill(self) -> None:
        os.kill(self.status()["pid"], signal.SIGKILL)

    async def does(self, action: str) -> Json:
        """Manage it."""
        return await self.camp.tools.data("manage_agent", name=self.name, action=action)

    async def life(self) -> Json:
        """Return what the product says of it, its ends included."""
        return await self.does("forensics")

    async def becomes(self, *states: str) -> Json:
        """Wait until it is in one of some states, or phases."""
        return await eventually(
            self.life,
            lambda one: {one.get("state"), one["phase"]} & set(states),
            within_seconds=SECONDS,
        )

    async def lives_again(self, epoch: int) -> Json:
        """Wait until it is ready in a life."""
        return await eventually(
            self.life,
            lambda one: one["epoch"] == epoch and one.get("state") == "ready",
            within_seconds=SECONDS,
        )


class Camp:
    """A home, a folder in which agents work, and a model's hands."""

    def __init__(self, home: Home, folder: Path, tools: ToolClient) -> None:
        self.home = home
        self.folder = folder
        self.tools = tools
        self._count = 0

    def agent(self, name: str = "") -> Agent:
        """Return an agent that is not started yet, with a folder of its own."""
        self._count += 1
        folder = self.folder / str(self._count)
        (folder / "proj").mkdir(parents=True)
        return Agent(self, folder, name or f"{self.folder.name}-{self._count}")

    def order(self, agent: Agent, **arguments: Any) -> Json:  # noqa: ANN401
        """Return the arguments with which an agent is started."""
        given: Json = {"kind": "claude", "name": agent.name, **arguments}
        given.setdefault("directory", str(agent.folder / "proj"))
        given["environment"] = {
            "FAKE_AGENT_TRUTH": str(agent.folder / "truth.jsonl"),
            "HOME": str(agent.folder),
            **arguments.get("environment", {}),
        }
        return given

    async def start(self, **arguments: Any) -> Agent:  # noqa: ANN401
        """Start an agent."""
        agent = self.agent(arguments.pop("name", ""))
        agent.started = await self.tools.data("start_agent", **self.order(agent, **arguments))
        agent.name = agent.started["name"]
        return agent

    async def sessions(self) -> set[str]:
        """Return the sessions that stand."""
        return {one["session_id"] for one in (await self.tools.data("list_sessions"))["sessions"]}


@asynccontextmanager
async def open_ground(*, measured: bool = False) -> AsyncIterator[tuple[Home, Path]]:
    """Make a home with a daemon that restarts quickly; end all at the end."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-"))
    write_shims(folder / "bin")
    try:
        async with open_home("headless", measured=measured) as home:
            home.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
            home.environ["ITERM_MCP_RESTART_BACKOFF_SECONDS"] = "0.05"
            yield home, folder
    finally:
        _end_rest(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _end_rest(folder: Path) -> None:
    """End what the host's end did not: processes that carry this folder's mark."""
    for one in psutil.process_iter():
        try:
            mine = one.environ().get("FAKE_AGENT_TRUTH", "").startswith(f"{folder}/")
            if mine and one.pid != os.getpid():
                one.kill()
        except psutil.Error:
            continue


@pytest.fixture(scope="module")
async def shared_ground() -> AsyncIterator[tuple[Home, Path]]:
    """A home that tests share; each starts agents of its own."""
    async with open_ground(measured=True) as one:
        yield one


@pytest.fixture
async def camp(shared_ground: tuple[Home, Path]) -> AsyncIterator[Camp]:
    """A model's hands in the shared home."""
    home, folder = shared_ground
    async with open_tools(home) as tools:
        yield Camp(home, Path(tempfile.mkdtemp(dir=folder)), tools)


@pytest.fixture
async def own_camp() -> AsyncIterator[Camp]:
    """A home whose daemon or host may be killed."""
    async with open_ground() as (home, folder), open_tools(home) as tools:
        yield Camp(home, folder, tools)
