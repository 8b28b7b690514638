"""The agents of a storm: fake ones of all kinds, their own records, and the person beside them."""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import psutil
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

from iterm_mcp.testing.fake_agent.shims import write_shims

if TYPE_CHECKING:
    import random

    from tests.integration.homes import Home
    from tests.integration.tool_client import Json, ToolClient

KINDS = ("claude", "codex", "gemini", "claude-headless", "claude", "codex", "gemini", "lines")
"""Which kinds there are, and how many of each among eight."""

LINES = """
name = "lines"
while_busy = "keeps"
[start]
program = "{program}"
processes = ["lines"]
[composer]
pattern = '^> (?P<text>.*)$'
rows_below = 0
paste = false
[keys]
quit = "exit<enter>"
[[dialog]]
pattern = 'proceed. .y/N.'
rows = 1
tool = "Bash"
options = ["Yes", "No"]
answers = ["y<enter>", "n<enter>"]
"""
"""A line program, as a user describes it."""

READY_SECONDS = 120.0
STARTING = 5
"""How many agents are started at once."""

ANSWERS = {"permission": ("allow", "allow", "deny"), "question": ("left", "right")}
"""What the person answers; all else is a gate, and passed."""


@dataclass
class Member:
    """An agent, and what it has written down itself.

    Attributes:
        lines: Every line of its own record that counts, in order.
        crashes: How often messages made it crash.
        killed: How often it was killed from outside.
    """

    name: str
    kind: str
    folder: Path
    lines: list[Json] = field(default_factory=list)
    crashes: int = 0
    killed: int = 0
    _read: int = 0
    _answered: set[tuple[int, int]] = field(default_factory=set)

    def read(self) -> list[Json]:
        """Return what it wrote down since the last time."""
        path = self.folder / "truth.jsonl"
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        fresh = [json.loads(line) for line in whole.splitlines()]
        self.lines += fresh
        return fresh

    def of(self, what: str) -> list[Json]:
        """Return its lines of one sort."""
        return [line for line in self.lines if line["what"] == what]

    def received(self) -> list[Json]:
        """Return what it got, but what it wrote itself."""
        return [line for line in self.of("received") if line["source"] != "system"]

    def dialog(self) -> tuple[int, Json] | None:
        """Return the dialog that stands, with its process; None when none does."""
        for line in reversed(self.lines):
            if line["what"] in {"dialog_answered", "dialog_closed", "started", "crashing"}:
                return None
            if line["what"] == "dialog_opened":
                return int(line["pid"]), line
        return None

    def pid(self) -> int | None:
        """Return the process that wrote last."""
        return int(self.lines[-1]["pid"]) if self.lines else None

    def order(self, order: str) -> bool:
        """Give it an order from outside; tell whether anybody was there to take it."""
        try:
            control = os.open(self.folder / "control", os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return False
        try:
            os.write(control, f"{order}\n".encode())
        finally:
            os.close(control)
        return True

    def answer(self, dice: random.Random) -> str:
        """Have the person answer a dialog that stands; return what was answered, if anything."""
        standing = self.dialog()
        if standing is None:
            return ""
        pid, line = standing
        key = (pid, int(line["dialog"]))
        if key in self._answered or dice.random() < 0.5:
            return ""
        value = dice.choice(ANSWERS.get(str(line["kind"]), ("go",)))
        if self.order(f"answer {value}"):
            self._answered.add(key)
        return value


class Crew:
    """All agents of a storm, in a folder that outlives it."""

    def __init__(self, home: Home, folder: Path) -> None:
        self._home = home
        self._folder = folder
        self.members: list[Member] = []

    def prepare(self) -> None:
        """Write the programs that are started, before the daemon is."""
        programs = self._folder / "bin"
        for path in write_shims(programs):
            lines = path.with_name("lines")
            lines.write_text(path.read_text("utf-8").replace(f"'{path.name}'", "'plain'"), "utf-8")
            lines.chmod(0o755)
        kinds = Path(self._home.paths.state, "kinds")
        kinds.mkdir(parents=True, exist_ok=True)
        (kinds / "lines.toml").write_text(LINES.format(program=programs / "lines"), "utf-8")
        self._home.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
        self._home.environ["ITERM_MCP_RESTART_BACKOFF_SECONDS"] = "0.2"

    async def start(self, count: int) -> None:
        """Start all, a few at a time, or find those that a former run has left."""
        async with open_tools(self._home) as tools:
            listed = (await tools.data("list_agents"))["agents"]
        standing = {str(one["name"]) for one in listed}
        for number in range(count):
            kind = KINDS[number % len(KINDS)]
            name = f"{kind}-{number + 1}"
            member = Member(name, kind, self._folder / name)
            self.members.append(member)
        new = [one for one in self.members if one.name not in standing]
        async with anyio.create_task_group() as group:
            for first in range(STARTING):
                group.start_soon(self._start_some, new[first::STARTING])
        for member in self.members:
            await eventually(
                lambda member=member: member.read() or member.of("state"),  # type: ignore[misc]
                lambda _: any(line["state"] == "ready" for line in member.of("state")),  # noqa: B023
                within_seconds=READY_SECONDS,
            )

    async def _start_some(self, members: list[Member]) -> None:
        if members:
            async with open_tools(self._home) as tools:
                for member in members:
                    await self._start(tools, member)

    async def _start(self, tools: ToolClient, member: Member) -> None:
        folder = member.folder
        (folder / "proj").mkdir(parents=True, exist_ok=True)
        if not (folder / "control").exists():
            os.mkfifo(folder / "control")
        scenario = folder / "scenario.json"
        scenario.write_text(json.dumps({"default": ["work 0.05"]}))
        await tools.data(
            "start_agent",
            kind=member.kind,
            name=member.name,
            directory=str(folder / "proj"),
            environment={
                "HOME": str(folder),
                "FAKE_AGENT_TRUTH": str(folder / "truth.jsonl"),
                "FAKE_AGENT_CONTROL": str(folder / "control"),
                "FAKE_AGENT_SCENARIO": str(scenario),
                "FAKE_AGENT_NO_SYNC": "1",
                "FAKE_AGENT_NOTIFY_SECONDS": "60",
            },
        )

    def read(self) -> None:
        """Read on in all records."""
        for member in self.members:
            member.read()

    def end(self) -> None:
        """End what the host's end has left: processes with this folder's mark."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                truth = process.environ().get("FAKE_AGENT_TRUTH", "")
                if truth.startswith(f"{self._folder}/") and process.pid != os.getpid():
                    process.kill()

    def happened(self) -> Counter[str]:
        """Count what the agents say that happened to them."""
        found: Counter[str] = Counter()
        for member in self.members:
            for line in member.lines:
                if line["what"] in {"enter_eaten", "dialog_opened", "crashing", "restored"}:
                    found[str(line["what"])] += 1
                if line["what"] == "started" and line.get("source") == "resume":
                    found["came back"] += 1
        return found


def describe(lines: list[Any]) -> list[str]:
    """Return lines of a record, short."""
    return [
        " ".join(
            f"{key}={str(value)[:60]!r}"
            for key, value in line.items()
            if key not in {"n", "monotonic", "rows", "shown", "unwrapped", "conversation"}
        )
        for line in lines
    ]
