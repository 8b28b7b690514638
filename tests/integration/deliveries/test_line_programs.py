"""Messages for programs that read lines, which the system edits and echoes for them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.deliveries.crew import Told
from tests.integration.fake_agent.agents import open_folder
from tests.integration.homes import open_home
from tests.stress.storm_crew import LINES
from tests.waiting import eventually

from iterm_mcp.testing.fake_agent.shims import write_shims

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home
    from tests.integration.tool_client import ToolClient

pytestmark = pytest.mark.headless

WIDTH = 80
LONG = {
    "several rows": "and so on " * 30,
    "whole rows": "x" * (2 * WIDTH - len("> ")),
    "blanks at the edge": "double  blanks   " * 40,
    "wide characters": "\u6f22\u5b57\u304b\u306a " * 60,
    "more than the screen": "word " * 500,
    "whole screens": "y" * (30 * WIDTH - len("> ")),
    "all that a line may have": "z" * 4000,
}


@pytest.fixture(scope="module")
async def module_home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    """A home whose daemon finds the kind as it starts."""
    program = describe(tmp_path_factory.mktemp("bin"))
    async with open_home("headless", measured=True) as one:
        write_kind(one, program)
        yield one


def describe(folder: Path) -> Path:
    """Write a line program into a folder; return where it stands."""
    (shim,) = [one for one in write_shims(folder) if one.name == "codex"]
    program = folder / "lines"
    program.write_text(shim.read_text("utf-8").replace("'codex'", "'plain'"), "utf-8")
    program.chmod(0o755)
    return program


def write_kind(home: Home, program: Path) -> None:
    """Describe a line program as a user does."""
    kinds = Path(home.paths.state, "kinds")
    kinds.mkdir(parents=True, exist_ok=True)
    (kinds / "lines.toml").write_text(LINES.format(program=program), "utf-8")
    home.environ["PATH"] = f"{program.parent}:{home.environ['PATH']}"


@asynccontextmanager
async def lines_agent(tools: ToolClient, name: str) -> AsyncIterator[Told]:
    """Start a line program, and register it as of the kind that the manifest describes."""
    with open_folder() as folder:
        truth = folder.environ(FAKE_AGENT_TRUTH=str(folder.path / "truth.jsonl"))
        session_id = await tools.open(
            command="/usr/bin/env", args=["lines"], directory=str(folder.project), environment=truth
        )
        agent = Told(tools, name, session_id, folder)
        await agent.happens("state", state="ready")
        await tools.data("register_agent", name=name, session_id=session_id, kind="lines")
        yield agent


@pytest.mark.long
async def test_a_long_order_is_known_by_its_echo_however_it_is_wrapped(
    tools: ToolClient,
) -> None:
    async with lines_agent(tools, "wrapped") as agent:
        for text in LONG.values():
            end = await agent.ends(await agent.tell(text), until="submitted")
            assert (end["stage"], end.get("reason")) == ("submitted", None), text[:20]

        received = await eventually(agent.received, lambda all_: len(all_) == len(LONG))
        assert [one.strip() for one in received] == [one.strip() for one in LONG.values()]


async def test_a_line_of_which_the_system_would_keep_only_a_part_is_refused(
    tools: ToolClient,
) -> None:
    async with lines_agent(tools, "cut") as agent:
        end = await agent.ends(await agent.tell("word " * 900), until="submitted")
        after = await agent.ends(await agent.tell("after it"), until="submitted")

        assert end["stage"] == "refused"
        assert "of which the system keeps 4095 bytes" in end["reason"]
        assert after["stage"] == "submitted"
        assert agent.received() == ["after it"]


async def test_a_program_that_shows_no_prompt_while_it_works_has_taken_its_order(
    tools: ToolClient,
) -> None:
    async with lines_agent(tools, "busy") as agent:
        end = await agent.ends(await agent.tell("long [[work 60]]"), until="submitted")
        (submitted,) = [one for one in await agent.moves(end) if one["stage"] == "submitted"]

        assert submitted["evidence"] == "screen composer gone, and it works"
        assert [one["text"] for one in agent.folder.truth("received")] == ["long [[work 60]]"]


async def test_what_remains_on_the_screen_of_a_line_that_was_wiped_spoils_no_order(
    tools: ToolClient,
) -> None:
    """The system wipes of a long line only the last row, so no prompt is to be seen then."""
    order = "something else " * 20
    async with lines_agent(tools, "wiped") as agent:
        half = "half a thought " * 20
        await tools.data("send_text", session_id=agent.session_id, text=half, enter=False)
        await agent.sees("half a thought")
        await tools.data("send_keys", session_id=agent.session_id, keys=["ctrl-u"])
        receipt = await agent.tell(order)
        await agent.happens("received")
        after = await agent.ends(await agent.tell("after it"), until="submitted")

        (first, _) = agent.received()
        assert receipt["state"] == "written"
        assert first.strip() == order.strip()
        assert after["stage"] == "submitted"
