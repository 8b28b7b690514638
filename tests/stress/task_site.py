"""Where a storm of tasks goes on: a home, programs that write down what they do, and who looks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import httpx2
import psutil
import sqlalchemy as sa
from anyio import to_thread
from tests.integration.worktrees.repositories import commit, git
from tests.stress.task_account import KeptAttempt, KeptTask, Own

from iterm_mcp.models.tasks import TaskState
from iterm_mcp.services.agents.environment import ORIGIN
from iterm_mcp.services.tasks.prompts import ATTEMPT
from iterm_mcp.tasks.database import make_engine
from iterm_mcp.tasks.tables import ATTEMPTS, MOVES, TASKS
from iterm_mcp.testing.fake_agent.shims import write_shims

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine
    from tests.integration.homes import Home

Json = dict[str, Any]
T = TypeVar("T")

SETTINGS = """
most_at_once = {at_once}
[admission]
least_memory = 0
memory = 0
most_load = 0
most_memory_pressure = 0
least_disk = 0
"""
"""However busy the machine is, tasks start."""

NOTING = """
import os
_attempt = os.environ.get("ITERM_MCP_ATTEMPT", "")
if _attempt:
    os.environ["FAKE_AGENT_TRUTH"] = f"{truth}/{{_attempt}}.jsonl"
os.environ["FAKE_AGENT_NO_SYNC"] = "1"
os.environ["FAKE_AGENT_NOTIFY_SECONDS"] = "60"
"""
"""Begins the fake agents' programs: each attempt's has a record of its own."""

ASK_SECONDS = 120.0
AGAIN_SECONDS = 0.3


class Site:
    """A home and a folder in which attempts work.

    Args:
        url: Of the tasks' database; empty for the home's own file.
    """

    def __init__(self, home: Home, folder: Path, at_once: int, url: str = "") -> None:
        self.home = home
        self.folder = folder
        self.at_once = at_once
        self.starts = folder / "starts"
        self.truth = folder / "truth"
        self.work = folder / "work"
        self.repository = folder / "app"
        self._url = url
        self._engine: Engine | None = None
        self._daemon: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Write what is there before the daemon is. Blocks."""
        for one in (self.truth, self.work, self.repository):
            one.mkdir(parents=True, exist_ok=True)
        noting = NOTING.format(truth=self.truth)
        for program in write_shims(self.folder / "bin"):
            first, _, rest = program.read_text("utf-8").partition("\n")
            program.write_text(f"{first}\n{noting}{rest}", "utf-8")
        git(self.repository, "init", "--quiet", "--initial-branch=main")
        commit(self.repository, "a.txt", "one\n")
        state = Path(self.home.paths.state)
        state.mkdir(parents=True, exist_ok=True)
        settings = SETTINGS.format(at_once=self.at_once)
        Path(self.home.paths.task_settings).write_text(settings, "utf-8")
        self.home.environ["PATH"] = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        self.home.environ["ITERM_MCP_RESTART_BACKOFF_SECONDS"] = "0.2"
        if self._url:
            self.home.environ["ITERM_MCP_TASKS_URL"] = self._url

    # The daemon.

    def start(self) -> None:
        """Start the daemon, and return at once. Blocks."""
        Path(self.home.paths.daemon_info).unlink(missing_ok=True)
        with (self.folder / "daemon.out").open("ab") as out:
            self._daemon = subprocess.Popen(
                [sys.executable, "-m", "iterm_mcp", "daemon", "run"],
                env=self.home.environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip

    def is_up(self) -> bool:
        """Tell whether the daemon has come so far that it answers."""
        return Path(self.home.paths.daemon_info).exists()

    def has_ended(self) -> bool:
        """Tell whether the daemon has ended by itself."""
        return self._daemon is not None and self._daemon.poll() is not None

    def kill(self) -> None:
        """Kill the daemon, as a power cut would. Blocks."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def close(self) -> None:
        """End the daemon in good order, and what else the attempts have left. Blocks."""
        if self._daemon is not None:
            self._daemon.terminate()
            try:
                self._daemon.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        for one in self.processes():
            one.kill()
        if self._engine is not None:
            self._engine.dispose()

    async def ask(self, method: str, path: str, **body: Any) -> Json:  # noqa: ANN401 - any JSON
        """Ask over HTTP, again and again until it is answered; what is refused is a bug here."""
        until = monotonic() + ASK_SECONDS
        while True:
            try:
                headers = {"Authorization": f"Bearer {self.home.token()}"}
                async with httpx2.AsyncClient(timeout=60, headers=headers) as client:
                    url = f"{self.home.http_url()}/v1{path}"
                    answer = await client.request(method, url, json=body or None)
                if answer.status_code < httpx2.codes.BAD_REQUEST:
                    return dict(answer.json())
                told = answer.text
                passing = answer.status_code in {409, 429} or answer.status_code >= 500
                assert passing, told
            except (httpx2.HTTPError, OSError, ValueError, KeyError) as error:
                told = repr(error)
            assert monotonic() < until, f"{method} {path}: {told}"
            await anyio.sleep(AGAIN_SECONDS)

    # What there is.

    def read(self) -> dict[str, KeptTask] | None:
        """Return all tasks as the engine has them; None while the database is away. Blocks."""
        return self._reading(_tasks)

    def counts(self) -> dict[str, int] | None:
        """Return how many tasks stand in each state; None while the database is away. Blocks."""
        query = sa.select(TASKS.c.state, sa.func.count().label("many")).group_by(TASKS.c.state)
        return self._reading(lambda at: {row.state: row.many for row in at.execute(query)})

    def _reading(self, work: Callable[[sa.Connection], T]) -> T | None:
        url = self._url or f"sqlite:///{self.home.paths.state}/tasks.db"
        if not self._url and not Path(self.home.paths.state, "tasks.db").exists():
            return None
        if self._engine is None:
            self._engine = make_engine(url)
            if self._url:  # one state of all tables, as a file gives it
                self._engine = self._engine.execution_options(isolation_level="REPEATABLE READ")
        try:
            with self._engine.connect() as connection:
                return work(connection)
        except sa.exc.SQLAlchemyError:
            return None

    def own(self) -> Own:
        """Return what commands and agents wrote down themselves. Blocks."""
        found = Own()
        lines = self.starts.read_text("utf-8").splitlines() if self.starts.exists() else []
        for line in lines:
            attempt, what, at = line.split(" ")
            {"began": found.began, "ended": found.ended}[what].setdefault(attempt, []).append(
                float(at)
            )
        for path in self.truth.glob("*.jsonl"):
            noted = [json.loads(one) for one in path.read_text("utf-8").split("\n")[:-1]]
            told = [one for one in noted if one["what"] == "received"]
            found.told[path.stem] = sum(one["source"] != "system" for one in told)
            began = [_time(one) for one in noted if one["what"] == "started"]
            if began:
                found.began[path.stem] = began
                found.ended[path.stem] = [_time(noted[-1])]
        return found

    def processes(self) -> list[psutil.Process]:
        """Return the processes that attempts of this home have started, and that run. Blocks."""
        found = []
        for one in psutil.process_iter():
            try:
                environ = one.environ()
                if environ.get(ORIGIN) == self.home.paths.state and environ.get(ATTEMPT):
                    found.append(one)
            except psutil.Error:
                continue
        return found

    async def left(self) -> list[str]:
        """Return what is there that an attempt has opened."""
        sessions = await self.ask("POST", "/tools/list_sessions")
        agents = await self.ask("POST", "/tools/list_agents")
        worktrees = await self.ask("GET", "/worktrees")
        found = [f"session {one.get('name', one)}" for one in sessions["sessions"]]
        found += [f"agent {one['name']}" for one in agents["agents"]]
        found += [f"worktree {one['name']}" for one in worktrees["worktrees"]]
        found += await to_thread.run_sync(self._left_here)
        return found

    def _left_here(self) -> list[str]:
        listed = git(self.repository, "worktree", "list", "--porcelain").splitlines()
        trees = [one.removeprefix("worktree ") for one in listed if one.startswith("worktree ")]
        found = [f"worktree of git {one}" for one in trees[1:]]
        for one in self.processes():
            try:
                found.append(f"process {one.pid} {one.environ()[ATTEMPT]} {one.cmdline()}")
            except (psutil.Error, KeyError):
                continue
        return found


def _time(line: Json) -> float:
    return datetime.fromisoformat(line["at"]).timestamp()


def _tasks(connection: sa.Connection) -> dict[str, KeptTask]:
    attempts: dict[str, list[KeptAttempt]] = {}
    for row in connection.execute(sa.select(ATTEMPTS).order_by(ATTEMPTS.c.number)):
        attempts.setdefault(row.task_id, []).append(
            KeptAttempt(
                f"{row.task_id}~{row.number}", row.machine, row.started_at, row.ended_at,
                row.outcome, row.reason,
            )
        )  # fmt: skip
    moves: dict[str, list[TaskState]] = {}
    for row in connection.execute(sa.select(MOVES).order_by(MOVES.c.move_id)):
        moves.setdefault(row.task_id, []).append(TaskState(row.state))
    return {
        row.task_id: KeptTask(
            row.name, TaskState(row.state), row.reason,
            tuple(attempts.get(row.task_id, ())), tuple(moves.get(row.task_id, ())),
        )
        for row in connection.execute(sa.select(TASKS))
    }  # fmt: skip
