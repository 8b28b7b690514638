"""A fake agent in a session of the real host, handled through its kind alone."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from tests.waiting import eventually

from iterm_mcp.agents.kind import Installed, StartRequest
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.sessions import Program, Size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.agents.kind import AgentKind, Stroke
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.observations import Json
    from iterm_mcp.terminal.iterm import ItermTerminal

SECONDS = 20.0
FEATURES = frozenset({"hooks", "resume", "session_id", "app_server"})


class Handled:
    """An agent as a service would handle it: strokes in, sightings out."""

    def __init__(
        self, terminal: ItermTerminal, session_id: SessionId, kind: AgentKind, folder: Folder
    ) -> None:
        self.kind = kind
        self.folder = folder
        self.session_id = session_id
        self._terminal = terminal

    async def press(self, strokes: Iterable[Stroke]) -> None:
        """Type strokes with their pauses, pastes between marks where they are wanted."""
        for stroke in strokes:
            text = stroke.text
            if stroke.paste:
                state = await self._terminal.read_input_state(self.session_id)
                if state.bracketed_paste:
                    text = f"\x1b[200~{text}\x1b[201~"
            await self._terminal.send_text(self.session_id, text)
            await anyio.sleep(stroke.pause_seconds)

    async def tell(self, text: str) -> None:
        await self.press(self.kind.compose(text))

    async def look(self) -> Mapping[Fact, Mapping[str, Json]]:
        """Return what the screen tells; of a fact that title and screen tell, the title's word."""
        screen = await self._terminal.read_screen(self.session_id)
        variables = await self._terminal.read_variables(self.session_id, ["terminalWindowName"])
        title = str(variables.get("terminalWindowName") or "")
        told = sorted(self.kind.see(screen, title), key=lambda one: -one.source.rank)
        return {one.fact: one.value for one in told}

    async def sees(self, fact: Fact, **wanted: Json) -> Mapping[str, Json]:
        """Wait until the screen tells a fact with these values; nothing wanted is none."""

        def fits(told: Mapping[Fact, Mapping[str, Json]]) -> bool:
            value = told.get(fact)
            return value is not None and (wanted.items() <= value.items() if wanted else not value)

        return (await eventually(self.look, fits, within_seconds=SECONDS))[fact]

    async def is_doing(self, activity: str) -> None:
        await self.sees(Fact.ACTIVITY, **{"is": activity})

    async def happens(self, what: str, count: int = 1, **wanted: Json) -> Mapping[str, Json]:
        """Wait until something has really happened; return its line."""
        found = await eventually(
            lambda: self.folder.truth(what, **wanted),
            lambda lines: len(lines) >= count,
            within_seconds=SECONDS,
        )
        line: Mapping[str, Json] = found[count - 1]
        return line


@asynccontextmanager
async def started(
    terminal: ItermTerminal,
    folder: Folder,
    kind: AgentKind,
    program: Path,
    environ: Mapping[str, str],
    request: StartRequest | None = None,
    *,
    state: str = "ready",
) -> AsyncIterator[Handled]:
    """Start an agent as its kind says, and wait until it is ready, or in another state."""
    asked = request or StartRequest(str(folder.project))
    plan = kind.start(asked, Installed(str(program), "", FEATURES))
    for path, content in plan.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    opened = await terminal.open_session(
        Program(
            command=plan.command,
            arguments=plan.arguments,
            directory=asked.directory,
            environment={**environ, **plan.environment},
            size=Size(90, 30),
        )
    )
    agent = Handled(terminal, opened.session_id, kind, folder)
    await agent.happens("state", state=state)
    yield agent
