"""What a test does with watched agents."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from tests.integration.fake_agent.agents import Agent

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.sessions import Program, Size
from iterm_mcp.testing.fake_agent.shims import write_shims

if TYPE_CHECKING:
    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.models.agent_states import AgentState, StateView
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.observations import Observation
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.states.service import AgentStateService
    from iterm_mcp.services.states.watching import AgentWatching
    from iterm_mcp.terminal.iterm import ItermTerminal

ANN = AgentName("ann")
SECONDS = 20.0


@dataclass
class Crew:
    """The services under test."""

    agents: AgentService
    states: AgentStateService
    watching: AgentWatching

    async def register(
        self, session_id: SessionId, kind: str = "claude", name: AgentName = ANN
    ) -> None:
        await self.agents.register_agent(name, session_id, kind=kind)

    async def becomes(
        self, *wanted: AgentState, name: AgentName = ANN, seconds: float = SECONDS
    ) -> StateView:
        """Wait until an agent is in one of some states, and return how it is known."""
        view = await self.states.wait_for(name, lambda one: one.state in wanted, seconds)
        assert view.state in wanted, _told(view)
        return view


def _told(view: StateView) -> str:
    lines = [f"{view.agent} is {view.state}: {view.reason}"]
    lines += [f"  + {_said(one)}" for one in view.winning]
    lines += [f"  - {_said(one)}: {why}" for one, why in view.losing]
    return "\n".join(lines)


def _said(one: Observation) -> str:
    seen = one.sighting
    return f"{one.at:%M:%S.%f} {seen.source} {seen.fact} {dict(seen.value)}"


class Shimmed(Agent):
    """A fake agent under the name of the program that it plays."""

    def __init__(
        self, terminal: ItermTerminal, session_id: SessionId, folder: Folder, command: str
    ) -> None:
        super().__init__(terminal, session_id, folder)
        self._command = command

    async def again(self) -> None:
        """Start it once more, in the shell in which it was started."""
        await self.type(f"{self._command}\r")

    async def tell(self, text: str, kind: str) -> None:
        """Type a message as its kind says that it is typed."""
        for stroke in find_kind(kind).compose(text):
            await (self.paste(stroke.text) if stroke.paste else self.type(stroke.text))
            await anyio.sleep(stroke.pause_seconds)


async def start_shim(
    terminal: ItermTerminal,
    folder: Folder,
    persona: str,
    *arguments: str,
    in_shell: bool = False,
    **options: str,
) -> Shimmed:
    """Start a persona as a person does: by its program's name, in a shell or as the session."""
    (shim,) = [one for one in write_shims(folder.path / "bin") if one.name == persona]
    environ = folder.environ(
        FAKE_AGENT_TRUTH=str(folder.path / "truth.jsonl"),
        FAKE_AGENT_CONTROL=str(folder.control),
        **{f"FAKE_AGENT_{name.upper()}": value for name, value in options.items()},
    )
    opened = await terminal.open_session(
        Program(
            command="/bin/bash" if in_shell else str(shim),
            arguments=("--norc", "-i") if in_shell else arguments,
            directory=str(folder.project),
            environment=environ,
            size=Size(90, 30),
        )
    )
    agent = Shimmed(terminal, opened.session_id, folder, shlex.join([str(shim), *arguments]))
    if in_shell:
        await agent.sees("-5")  # of bash's own prompt
        await agent.again()
    return agent
