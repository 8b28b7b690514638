"""Fake agents in real sessions, and what they leave behind."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.waiting import eventually

from iterm_mcp.models.sessions import Program, Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.terminal.iterm import ItermTerminal

MODULE = ("-m", "iterm_mcp.testing.fake_agent")
SECONDS = 20.0
EVENTS = (
    "SessionStart", "SessionEnd", "UserPromptSubmit", "PreToolUse", "PermissionRequest",
    "PostToolUse", "Notification", "Stop", "StopFailure", "SubagentStart", "SubagentStop",
    "PreCompact", "PostCompact", "Interrupt", "BeforeAgent", "AfterAgent", "BeforeTool",
    "AfterTool",
)  # fmt: skip

Line = dict[str, Any]


def read_lines(path: Path) -> list[Line]:
    """Return the whole lines of a file; one that is being written is left for later."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines if line]


class Folder:
    """A home for one fake agent: its files, its truth, and what its hooks were told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.project = path / "proj"
        self.project.mkdir()
        self.control = path / "control"
        self._hook = f"cat >> {path}/hooks.jsonl; echo >> {path}/hooks.jsonl"

    def environ(self, **more: str) -> dict[str, str]:
        """Return what an agent in this home is started with."""
        known = ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME")
        return {"HOME": str(self.path), **dict.fromkeys(known, ""), **more}

    def settings(self, **more: list[dict[str, Any]]) -> str:
        """Write settings that record all hooks, and run others besides; return the path."""
        hooks: dict[str, list[Any]] = {
            event: [{"hooks": [{"type": "command", "command": self._hook}]}] for event in EVENTS
        }
        for event, wanted in more.items():
            hooks[event].append({"hooks": wanted})
        path = self.path / "settings.json"
        path.write_text(json.dumps({"hooks": hooks}))
        return str(path)

    def scenario(self, **data: Any) -> str:  # noqa: ANN401
        """Write a scenario; return its path."""
        path = self.path / "scenario.json"
        path.write_text(json.dumps(data))
        return str(path)

    def order(self, order: str) -> None:
        """Give an order from outside."""
        with self.control.open("a") as file:
            file.write(f"{order}\n")

    def truth(self, what: str | None = None, **wanted: Any) -> list[Line]:  # noqa: ANN401
        """Return what really happened."""
        return [
            line
            for line in read_lines(self.path / "truth.jsonl")
            if what in {None, line["what"]}
            and all(line.get(key) == value for key, value in wanted.items())
        ]

    def states(self) -> list[str]:
        """Return the states that it went through."""
        return [line["state"] for line in self.truth("state")]

    def told_hooks(self, event: str | None = None) -> list[Line]:
        """Return the payloads of the hooks."""
        told = read_lines(self.path / "hooks.jsonl")
        return [one for one in told if event in {None, one["hook_event_name"]}]

    def registry(self) -> Line | None:
        """Return the agent's registry file."""
        found = list((self.path / ".claude" / "sessions").glob("*.json"))
        return dict(json.loads(found[0].read_text())) if found else None

    def status(self) -> tuple[str | None, str | None] | None:
        """Return what the registry file says of it."""
        entry = self.registry()
        return (entry["status"], entry.get("waitingFor")) if entry else None

    def transcript(self, kind: str | None = None) -> list[Line]:
        """Return the conversation's lines."""
        found = list((self.path / ".claude" / "projects").glob("*/*.jsonl"))
        lines = [line for path in found for line in read_lines(path)]
        return [line for line in lines if kind in {None, line["type"]}]


@contextmanager
def open_folder() -> Iterator[Folder]:
    """Make a home, and remove it."""
    path = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-"))
    try:
        yield Folder(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Agent:
    """A fake agent in a session."""

    def __init__(self, terminal: ItermTerminal, session_id: SessionId, folder: Folder) -> None:
        self.terminal = terminal
        self.session_id = session_id
        self.folder = folder

    async def type(self, text: str) -> None:
        await self.terminal.send_text(self.session_id, text)

    async def paste(self, text: str) -> None:
        await self.type(f"\x1b[200~{text}\x1b[201~")

    async def enter(self) -> None:
        """Press Enter, when what was typed before has been read."""
        await self.type("\r")

    async def say(self, text: str) -> None:
        """Type a message, and submit it as a patient person would."""
        await self.type(text)
        await self.sees(text[-20:].strip())
        await self.enter()

    async def sees(self, text: str) -> str:
        """Wait until a text is on the screen."""
        found = await eventually(self.screen, lambda one: text in one, within_seconds=SECONDS)
        return str(found)

    async def screen(self) -> str:
        screen = await self.terminal.read_screen(self.session_id)
        return "\n".join(screen.lines)

    async def ready(self) -> None:
        await self.happens("state", state="ready")

    async def happens(self, what: str, count: int = 1, **wanted: Any) -> Line:  # noqa: ANN401
        """Wait until something has really happened; return its line."""
        found = await eventually(
            lambda: self.folder.truth(what, **wanted),
            lambda lines: len(lines) >= count,
            within_seconds=SECONDS,
        )
        return found[count - 1]

    async def hears(self, event: str, count: int = 1) -> Line:
        """Wait until a hook was told of an event; return its payload."""
        found = await eventually(
            lambda: self.folder.told_hooks(event),
            lambda lines: len(lines) >= count,
            within_seconds=SECONDS,
        )
        return found[count - 1]

    async def becomes(self, status: str, waiting_for: str | None = None) -> None:
        """Wait until the registry file says so."""
        await eventually(
            self.folder.status,
            lambda found: found == (status, waiting_for),
            within_seconds=SECONDS,
        )

    async def ends(self, numbers: Sequence[int]) -> Line:
        """Wait until a turn over these messages has ended."""
        return await self.happens("turn_ended", numbers=list(numbers))


async def start(
    terminal: ItermTerminal,
    folder: Folder,
    persona: str,
    *arguments: str,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    wait: bool = True,
) -> Agent:
    """Start a persona in a session of its own, with its truth and control files."""
    ours = ("--truth", str(folder.path / "truth.jsonl"), "--control", str(folder.control))
    opened = await terminal.open_session(
        Program(
            command=sys.executable,
            arguments=(*MODULE, *ours, *options, persona, *arguments),
            directory=str(folder.project),
            environment=folder.environ(**(environ or {})),
            size=Size(90, 30),
        )
    )
    agent = Agent(terminal, opened.session_id, folder)
    if wait:
        await agent.ready()
    return agent


def pid_of(line: Line) -> int:
    """Return the process that wrote a line of truth; it must be another than this one."""
    assert line["pid"] != os.getpid()
    return int(line["pid"])
