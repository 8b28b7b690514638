"""Homes whose Prometheus and Alertmanager are ended, whatever became of their keeper."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread
from tests.covering import measure
from tests.integration.homes import Home, open_home
from tests.integration.programs import installed

from iterm_mcp.monitoring.places import Places, free_port, places_of
from iterm_mcp.monitoring.programs import end_all, find_ours
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class Monitored:
    """A home, and the verbs of its monitoring."""

    home: Home
    places: Places

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Return a verb's exit code and all that it said; the keeper that it starts is measured."""
        environ = dict(self.home.environ)
        measure(environ)
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "monitoring", *arguments],
            env=environ, check=False, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout.decode()

    async def up(self, *arguments: str) -> str:
        """Start it, on ports of its own."""
        ports = ("--prometheus-port", str(free_port(0)), "--alertmanager-port", str(free_port(0)))
        code, said = await self.run("up", *ports, "--scrape-seconds", "1", *arguments)
        assert code == 0, said
        return said

    async def status(self) -> dict[str, Any]:
        return dict(json.loads((await self.run("status", "--json"))[1]))

    def keeper(self) -> int:
        pid = lock_holder(str(self.places.lock))
        assert pid
        return pid


@pytest.fixture
async def monitored() -> AsyncIterator[Monitored]:
    for name, package in (
        ("prometheus", "prometheus"),
        ("prometheus-alertmanager", "prometheus-alertmanager"),
    ):
        installed(name, package)
    async with open_home("iterm2") as home:
        one = Monitored(home, places_of(home.paths))
        try:
            yield one
        finally:
            with anyio.CancelScope(shield=True):
                await one.run("down")
                await to_thread.run_sync(lambda: end_all([*find_ours(one.places).values()]))
