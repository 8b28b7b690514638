"""The real Codex, with a scripted model on this machine: no login, no network.

``uv run scripts/clients.py --install`` brings it.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import anyio
import pytest
from scripts.acceptance.install import programs_of
from scripts.canary.codex_server import CONFIG
from scripts.canary.responses_model import serve_responses
from tests.integration.agents.in_terminal import Handled
from tests.integration.agents.ledgers import Ledger

from iterm_mcp.agents.codex import Codex
from iterm_mcp.agents.files import open_files
from iterm_mcp.agents.kind import Occupant, StartRequest
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.sessions import Program, Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.agents.kind import Installed
    from iterm_mcp.terminal.iterm import ItermTerminal

pytestmark = [pytest.mark.long, pytest.mark.headless, pytest.mark.timeout(180)]

SECONDS = 120
PROGRAMS = programs_of("clients")  # before a test moves HOME


@pytest.fixture
def real(folder: Folder) -> Iterator[Mapping[str, str]]:
    """The environment of a Codex that asks the scripted model."""
    if not (PROGRAMS / "codex").exists():
        pytest.skip("Codex is not installed")
    home = folder.path / ".codex"
    home.mkdir()
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    with serve_responses() as model:
        config = CONFIG.format(base_url=model.base_url, project=folder.project)
        (home / "config.toml").write_text(config)
        yield {**os.environ, **folder.environ(), "CODEX_HOME": str(home), "PATH": path}


async def installed(environ: Mapping[str, str]) -> Installed:
    found = await Codex().probe(environ)
    assert found is not None
    return found


async def test_the_real_program_is_found_with_what_it_can_do(real: Mapping[str, str]) -> None:
    found = await installed(real)

    assert found.version.count(".") == 2
    assert {"app_server", "resume", "hooks"} <= found.features


async def test_the_real_app_server_is_told_steered_interrupted_and_resumed(
    real: Mapping[str, str], folder: Folder
) -> None:
    program, ledger = await installed(real), Ledger()
    request = StartRequest(str(folder.project))
    with anyio.fail_after(SECONDS):
        async with Codex().driver().open(request, program, ledger.add, real) as talk:
            await talk.tell("m1", "hello [[say good day]]")
            await ledger.until(Fact.TURN, message="m1", phase="ended")
            await talk.tell("m2", "[[work 60]]")
            await ledger.until(Fact.TURN, message="m2", phase="started")
            await talk.tell("m3", "and be quick")
            await talk.interrupt()
            await ledger.until(Fact.TURN, message="m2", phase="interrupted")
            await ledger.now(Fact.ACTIVITY, **{"is": "idle"})
            said = talk.tail(50)
        thread = ledger.latest(Fact.CONVERSATION)["id"]
        again = Ledger()
        request = StartRequest(str(folder.project), conversation=str(thread), resume=True)
        async with Codex().driver().open(request, program, again.add, real) as talk:
            await talk.tell("m4", "hello again")
            await again.until(Fact.TURN, message="m4", phase="ended")

    assert ledger.phases("m1") == ["started", "ended"]
    assert "good day" in said
    assert again.latest(Fact.CONVERSATION)["id"] == thread


async def test_the_real_screen_and_rollout_tell_what_the_real_codex_does(
    terminal: ItermTerminal, real: Mapping[str, str], folder: Folder
) -> None:
    kind, program, ledger = Codex(), await installed(real), Ledger()
    plan = kind.start(StartRequest(str(folder.project), options=("--no-daemon",)), program)
    opened = await terminal.open_session(
        Program(
            command=plan.command, arguments=plan.arguments, directory=str(folder.project),
            environment={name: real[name] for name in ("HOME", "CODEX_HOME", "PATH")},
            size=Size(90, 30),
        )
    )  # fmt: skip
    agent = Handled(terminal, opened.session_id, kind, folder)
    with anyio.fail_after(SECONDS):
        await agent.is_doing("idle")
        await agent.sees(Fact.COMPOSER, holds="ghost")
        await terminal.send_text(agent.session_id, "half a thought")
        await agent.sees(Fact.COMPOSER, holds="draft", text="half a thought")
        await agent.press(kind.clear())
        await agent.sees(Fact.COMPOSER, holds="ghost")
        variables = await terminal.read_variables(agent.session_id, ["jobPid"])
        pid = int(str(variables["jobPid"]))
        occupant = Occupant(pid, 0.0, str(folder.project), {"CODEX_HOME": real["CODEX_HOME"]})
        async with open_files(0.05) as files, kind.follow(occupant, files, ledger.add):
            text = "\n".join(["[[work 60]]", *(f"line {number}" for number in range(40))])
            await agent.tell(text)
            await agent.is_doing("busy")
            begun = await ledger.until(Fact.TURN, phase="started")
            await agent.press(kind.interrupt())
            await ledger.until(Fact.TURN, phase="interrupted")
            await agent.is_doing("idle")
        await agent.press(kind.clear())
        await agent.press(kind.leave())

    assert begun["prompt"] == text
    assert shutil.which("codex", path=real["PATH"]) == program.path
