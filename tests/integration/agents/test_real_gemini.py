"""The real Gemini CLI, with a scripted model on this machine: no login, no network.

``uv run scripts/clients.py --install`` brings it.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from scripts.acceptance.install import programs_of
from scripts.canary.gemini_model import serve_gemini
from tests.integration.agents.in_terminal import FEATURES, Handled
from tests.integration.agents.ledgers import Ledger
from tests.waiting import eventually

from iterm_mcp.agents.files import open_files
from iterm_mcp.agents.gemini import Gemini
from iterm_mcp.agents.kind import Occupant, StartRequest
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.sessions import Program, Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.terminal.iterm import ItermTerminal

pytestmark = [pytest.mark.long, pytest.mark.headless, pytest.mark.timeout(180)]

SECONDS = 120
PROGRAMS = programs_of("clients")  # before a test moves HOME
CONVERSATION = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def real(folder: Folder) -> Iterator[Mapping[str, str]]:
    """The environment of a Gemini CLI that asks the scripted model."""
    if not (PROGRAMS / "gemini").exists():
        pytest.skip("Gemini CLI is not installed")
    home = folder.path / ".gemini"
    home.mkdir()
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    (home / "settings.json").write_text(json.dumps(settings))
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    with serve_gemini() as model:
        yield {
            "HOME": str(folder.path), "PATH": path, "GEMINI_API_KEY": "none",
            "GOOGLE_GEMINI_BASE_URL": model.base_url, "NO_UPDATE_NOTIFIER": "1",
        }  # fmt: skip


async def test_the_real_screen_title_and_chat_tell_what_the_real_gemini_does(
    terminal: ItermTerminal, real: Mapping[str, str], folder: Folder
) -> None:
    kind, ledger = Gemini(), Ledger()
    found = await kind.probe(real)
    assert found is not None
    assert found.version.count(".") == 2
    program = replace(found, features=FEATURES)  # a busy machine gives it no time to say them
    plan = kind.start(StartRequest(str(folder.project), conversation=CONVERSATION), program)
    opened = await terminal.open_session(
        Program(
            command=plan.command, arguments=plan.arguments, directory=str(folder.project),
            environment=dict(real), size=Size(90, 30),
        )
    )  # fmt: skip
    agent = Handled(terminal, opened.session_id, kind, folder)
    with anyio.fail_after(SECONDS):
        gate = await agent.sees(Fact.GATE, name="trust")
        await agent.press(kind.answer(gate, "1"))
        await eventually(  # it starts again, and takes no Enter while its composer is early
            agent.look,
            lambda told: told.get(Fact.ACTIVITY) == {"is": "idle"},
            within_seconds=SECONDS,
        )
        await agent.sees(Fact.COMPOSER, holds="ghost")
        await terminal.send_text(agent.session_id, "half a thought")
        await agent.sees(Fact.COMPOSER, holds="draft", text="half a thought")
        await agent.press(kind.clear())
        await agent.sees(Fact.COMPOSER, holds="ghost")
        variables = await terminal.read_variables(agent.session_id, ["jobPid"])
        pid = int(str(variables["jobPid"]))
        occupant = Occupant(pid, 0.0, str(folder.project), {"HOME": real["HOME"]})
        async with open_files(0.05) as files, kind.follow(occupant, files, ledger.add):
            text = "\n".join(["[[work 60]]", *(f"line {number}" for number in range(40))])
            await agent.tell(text)
            await agent.is_doing("busy")
            begun = await ledger.until(Fact.TURN, phase="started")
            await agent.press(kind.interrupt())
            await ledger.until(Fact.TURN, phase="interrupted")
            await agent.is_doing("idle")
            known = ledger.latest(Fact.CONVERSATION)
        await agent.press(kind.clear())
        await agent.press(kind.leave())

    assert begun["prompt"] == text
    assert known["id"] == CONVERSATION
