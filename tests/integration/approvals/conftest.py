"""Fake Claude Codes in real sessions, registered with a real daemon whose hooks they have."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from iterm2 import rpc
from tests.integration.conftest import open_terminal
from tests.integration.fake_agent.agents import Agent, Folder, open_folder
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

from iterm_mcp.agents.claude_hooks import hook_settings
from iterm_mcp.agents.reports import TOKEN, Reports, report_token
from iterm_mcp.hook_relay import hook_command
from iterm_mcp.models.sessions import Program, Size
from iterm_mcp.testing.fake_agent.shims import write_shims

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.integration.homes import Home
    from tests.integration.tool_client import ToolClient

    from iterm_mcp.terminal.iterm import ItermTerminal

SECONDS = 30.0

Json = dict[str, Any]


class Asker:
    """A fake Claude Code, and what is known of it."""

    def __init__(self, name: str, agent: Agent, tools: ToolClient, *, hooks: bool = True) -> None:
        self.name = name
        self.agent = agent
        self.tools = tools
        self.hooks = hooks

    async def asks(self, order: str) -> Json:
        """Order something, and wait until its dialog is a record; return that."""
        await self.agent.say(order)
        await self.agent.happens("dialog_opened")
        return await self.approval()

    async def approval(self) -> Json:
        """Wait for the one approval that waits for an answer, and for its hook's word of it."""
        found = await self._listed(
            lambda found: len(found["approvals"]) == 1 and self._is_whole(found["approvals"][0])
        )
        return dict(found["approvals"][0])

    def _is_whole(self, approval: Json) -> bool:
        """Tell whether all is told: files and screen may tell of a dialog before the hook does."""
        wanted = "options" if approval["asks"] == "question" else "input"
        return not self.hooks or wanted in approval

    async def settled(self) -> Json:
        """Wait until nothing waits for an answer; return what was answered last."""
        found = await self._listed(lambda found: not found["approvals"] and found["answered"])
        return found["answered"][0]  # type: ignore[no-any-return]

    async def answer(self, approval: Json, choice: str, **more: Any) -> Json:  # noqa: ANN401
        return await self.tools.data(
            "answer_approval", approval_id=approval["approval_id"], choice=choice, **more
        )

    async def answered(self) -> Json:
        """Return by whom and how its dialog was really answered."""
        line = await self.agent.happens("dialog_answered")
        return {"by": line["by"], "value": line["value"]}

    async def _listed(self, accept: Any) -> Json:  # noqa: ANN401
        return await eventually(
            lambda: self.tools.data("list_approvals", agent=self.name, answered=5),
            accept,
            within_seconds=SECONDS,
        )


class Desk:
    """Starts askers in one home."""

    def __init__(self, home: Home, terminal: ItermTerminal, tools: ToolClient) -> None:
        self.home = home
        self.terminal = terminal
        self.tools = tools

    async def start(
        self, folder: Folder, name: str, *, hooks: bool = True, relay: bool = False
    ) -> Asker:
        """Start a fake Claude Code, give it a name, and wait until its state is known.

        Args:
            hooks: It tells what happens as agents do that we start.
            relay: A program of ours asks for permission, as for an older version.
        """
        shims = folder.path / "bin"
        write_shims(shims)
        command = (*hook_command(self.home.paths.state), "claude")
        reports = Reports(self.home.http_url(), report_token(self.home.token()))
        settings = hook_settings(command, self.home.paths.spool, None if relay else reports)
        environment = folder.environ(
            FAKE_AGENT_TRUTH=str(folder.path / "truth.jsonl"),
            FAKE_AGENT_CONTROL=str(folder.control),
            ITERM_MCP_AGENT=name,
            **{TOKEN: reports.token},
        )
        opened = await self.terminal.open_session(
            Program(
                command=str(shims / "claude"),
                arguments=("--settings", settings) if hooks else (),
                directory=str(folder.project),
                environment=environment,
                size=Size(90, 30),
            )
        )
        agent = Agent(self.terminal, opened.session_id, folder)
        await agent.ready()
        await self.tools.data(
            "register_agent", name=name, session_id=opened.session_id, kind="claude"
        )
        return Asker(name, agent, self.tools, hooks=hooks)

    async def press(self, asker: Asker, key: str) -> None:
        """Press a key as a person at the terminal does, who is told of as such."""
        connection = await self.terminal._link.connected()
        call = (
            f'iterm_mcp.press_key(action: "KEY_DOWN", bytes: "{key}", characters: "{key}", '
            f'charactersIgnoringModifiers: "{key}", keyCode: 0, modifiers: [])'
        )
        await rpc.async_invoke_function(connection, call, session_id=asker.agent.session_id)

    async def post(self, path: str, body: Json | bytes, **headers: str) -> httpx2.Response:
        """Ask the daemon's HTTP side."""
        async with httpx2.AsyncClient(timeout=SECONDS) as http:
            known = {"authorization": f"Bearer {self.home.token()}", **headers}
            content = {"content": body} if isinstance(body, bytes) else {"json": body}
            return await http.post(f"{self.home.http_url()}{path}", headers=known, **content)

    async def get(self, path: str) -> httpx2.Response:
        async with httpx2.AsyncClient(timeout=SECONDS) as http:
            known = {"authorization": f"Bearer {self.home.token()}"}
            return await http.get(f"{self.home.http_url()}{path}", headers=known)

    def rules(self, text: str) -> None:
        """Write the user's rules."""
        Path(self.home.paths.approval_rules).write_text(text)

    def forget_rules(self) -> None:
        Path(self.home.paths.approval_rules).unlink(missing_ok=True)


@pytest.fixture
def folder() -> Iterator[Folder]:
    with open_folder() as one:
        yield one


@pytest.fixture
async def desk(
    shared_home: Home, terminal: ItermTerminal, tools: ToolClient
) -> AsyncIterator[Desk]:
    one = Desk(shared_home, terminal, tools)
    yield one
    one.forget_rules()


@asynccontextmanager
async def open_desk(home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """A desk in a home of its own, whose daemon may be killed."""
    for name in ("HOME", "ITERM_MCP_HOME"):
        monkeypatch.setenv(name, home.environ[name])
    async with open_tools(home) as tools, open_terminal(home) as terminal:
        yield Desk(home, terminal, tools)
