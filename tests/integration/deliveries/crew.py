"""Fake agents that are told through our tools, and what they really got."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.integration.fake_agent.agents import open_folder
from tests.waiting import eventually

from iterm_mcp.testing.fake_agent.shims import write_shims

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.integration.fake_agent.agents import Folder
    from tests.integration.tool_client import Json, ToolClient

SECONDS = 20.0
_numbers = count(1)


class Told:
    """One registered fake agent."""

    def __init__(self, tools: ToolClient, name: str, session_id: str, folder: Folder) -> None:
        self.tools = tools
        self.name = name
        self.session_id = session_id
        self.folder = folder

    async def tell(self, text: str, **how: Any) -> Json:  # noqa: ANN401
        """Send a message; return its receipt."""
        answer = await self.tools.data("cascade_message", agents={self.name: text}, **how)
        (receipt,) = answer["receipts"]
        return dict(receipt)

    async def ends(self, receipt: Json, until: str = "ended") -> Json:
        """Wait for a message's end, and return its receipt then."""
        answer = await self.tools.data(
            "wait_receipts",
            delivery_ids=[receipt["delivery_id"]],
            until=until,
            timeout_seconds=SECONDS,
        )
        (found,) = answer["receipts"]
        return dict(found)

    async def moves(self, receipt: Json) -> list[Json]:
        """Return all that became of a message."""
        answer = await self.tools.data(
            "manage_messages", action="show", delivery_ids=[receipt["delivery_id"]]
        )
        return list(answer["messages"][0]["moves"])

    def received(self) -> list[str]:
        """Return what the agent got, without the tags around pastes."""
        return [line["unwrapped"] for line in self.folder.truth("received")]

    async def happens(self, what: str, number: int = 1, **wanted: Any) -> Json:  # noqa: ANN401
        """Wait for a line of the agent's own record."""
        found = await eventually(
            lambda: self.folder.truth(what, **wanted),
            lambda lines: len(lines) >= number,
            within_seconds=SECONDS,
        )
        return dict(found[number - 1])

    async def order(self, order: str) -> None:
        """Give the fake agent an order, and wait until it was done."""
        before = len(self.folder.truth("fault"))
        self.folder.order(order)
        await self.happens("fault", before + 1)

    async def sees(self, text: str) -> list[str]:
        """Wait for a text on its screen."""
        return await eventually(
            lambda: self.tools.screen(self.session_id),
            lambda lines: any(text in line for line in lines),
            within_seconds=SECONDS,
        )


@contextmanager
def agent_home() -> Iterator[tuple[Folder, dict[str, str]]]:
    """Make a home for a fake agent; yield it with the programs in it."""
    with open_folder() as folder:
        yield folder, {path.name: str(path) for path in write_shims(folder.path / "bin")}


@asynccontextmanager
async def told(
    tools: ToolClient,
    kind: str = "claude",
    *,
    in_shell: bool = False,
    scenario: str = "",
    **more: str,
) -> AsyncIterator[Told]:
    """Start a fake agent in a session of its own, registered as its kind.

    Args:
        in_shell: Start it from a shell, which is left when it ends.
        scenario: What it does of itself, as JSON.
        more: What else it finds in its environment.
    """
    name = f"{kind}-{next(_numbers)}"
    with agent_home() as (folder, programs):
        environ = folder.environ(
            FAKE_AGENT_TRUTH=str(folder.path / "truth.jsonl"),
            FAKE_AGENT_CONTROL=str(folder.control),
            **more,
        )
        if scenario:
            path = folder.path / "scenario.json"
            path.write_text(scenario)
            environ["FAKE_AGENT_SCENARIO"] = str(path)
        where: dict[str, Any] = {"directory": str(folder.project), "environment": environ}
        if in_shell:
            session_id = await tools.open(command="/bin/bash", args=["--norc"], **where)
            await tools.data("send_text", session_id=session_id, text=programs[kind])
        else:
            session_id = await tools.open(command=programs[kind], **where)
        agent = Told(tools, name, session_id, folder)
        await agent.happens("state", state="ready")
        await tools.data("register_agent", name=name, session_id=session_id, kind=kind)
        yield agent
