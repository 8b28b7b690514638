"""The real Claude Code, told and read by its kind, with a local model that does what it is told.

``uv run scripts/clients.py --install`` brings it; no login, no network. Run by ``pytest -m long``.
"""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from scripts.acceptance.install import programs_of
from scripts.acceptance.rig import OFFLINE
from scripts.agent_canary import KEY
from scripts.canary.directed_model import serve
from tests.integration.agents.ledgers import Ledger
from tests.waiting import eventually

from iterm_mcp.agents.claude import Claude
from iterm_mcp.agents.claude_registry import read_entry
from iterm_mcp.agents.files import open_files
from iterm_mcp.agents.kind import Occupant, StartRequest
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.sessions import Program, Size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from scripts.canary.directed_model import DirectedModel
    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.agents.claude_registry import Entry
    from iterm_mcp.agents.kind import Stroke
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.observations import Json
    from iterm_mcp.terminal.iterm import ItermTerminal

pytestmark = [pytest.mark.long, pytest.mark.headless, pytest.mark.timeout(180)]

KIND = Claude()
PROGRAMS = programs_of("clients")  # before a test changes what home is
SECONDS = 20.0
SETTLE_SECONDS = 1.5
"""A dialog takes no keys while its hook ends."""
BULK = "\n".join(f"line {number}" for number in range(40))


class Real:
    """A real one in a session, and what was seen of it."""

    def __init__(self, terminal: ItermTerminal, session_id: SessionId, folder: Folder) -> None:
        self.terminal = terminal
        self.session_id = session_id
        self.folder = folder
        self.ledger = Ledger()

    async def occupant(self) -> Occupant:
        """Wait for its registry file; return its process."""
        sessions = self.folder.path / ".claude" / "sessions"

        def entry() -> Entry | None:
            found = [read_entry(path.read_bytes()) for path in sessions.glob("*.json")]
            return found[0] if found else None

        found = await eventually(entry, within_seconds=SECONDS)
        assert found
        return Occupant(found.pid, 0.0, str(self.folder.project), {"HOME": str(self.folder.path)})

    async def stroke(self, strokes: Sequence[Stroke]) -> None:
        """Type as a kind has composed it."""
        for one in strokes:
            text = f"\x1b[200~{one.text}\x1b[201~" if one.paste else one.text
            await self.terminal.send_text(self.session_id, text)
            await anyio.sleep(one.pause_seconds)

    async def tell(self, text: str) -> None:
        """Tell it something."""
        await self.stroke(KIND.compose(text))

    async def shows(self, fact: Fact, **wanted: Json) -> Mapping[str, Json]:
        """Wait until its screen tells a fact with these values."""

        async def look() -> list[Mapping[str, Json]]:
            screen = await self.terminal.read_screen(self.session_id)
            found = [one.value for one in KIND.see(screen, "") if one.fact is fact]
            return [one for one in found if wanted.items() <= one.items()]

        return (await eventually(look, within_seconds=SECONDS))[-1]

    async def draft(self, text: str) -> None:
        """Have somebody's half thought in its composer."""
        await self.terminal.send_text(self.session_id, f"\x1b[200~{text}\x1b[201~")


@pytest.fixture
def model() -> Iterator[DirectedModel]:
    with serve() as one:
        yield one


@asynccontextmanager
async def real(
    terminal: ItermTerminal,
    folder: Folder,
    model: DirectedModel,
    *,
    trusted: bool = True,
    **fields: Any,  # noqa: ANN401 - the fields of a StartRequest
) -> AsyncIterator[Real]:
    """Start it in a fresh home, and follow its files for the length of the block."""
    state = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {str(folder.project): {"hasTrustDialogAccepted": True}} if trusted else {},
    }
    (folder.path / ".claude.json").write_text(json.dumps(state), "utf-8")
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    asked = {"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": KEY, "LANG": "C.UTF-8"}
    environ = {**OFFLINE, "HOME": str(folder.path), **asked, "PATH": path}
    installed = await KIND.probe(environ)
    if installed is None:
        pytest.skip("Claude Code is not installed")
    request = StartRequest(str(folder.project), **{"permissions": "manual", **fields})
    plan = KIND.start(request, installed)
    opened = await terminal.open_session(
        Program(
            command=plan.command,
            arguments=plan.arguments,
            directory=str(folder.project),
            environment={**environ, **plan.environment},
            size=Size(100, 40),
        )
    )
    agent = Real(terminal, opened.session_id, folder)
    if not trusted:
        gate = await agent.shows(Fact.GATE, name="trust")
        await anyio.sleep(SETTLE_SECONDS)
        await agent.stroke(KIND.answer(gate, "Yes, I trust this folder"))
    try:
        occupant = await agent.occupant()
        async with open_files(0.05) as files, KIND.follow(occupant, files, agent.ledger.add):
            await agent.ledger.until(Fact.ACTIVITY, **{"is": "idle"})
            await agent.shows(Fact.COMPOSER)
            yield agent
    except BaseExceptionGroup as errors:  # a task group wraps what the test raises
        raise errors.exceptions[0] from None


@pytest.mark.parametrize(
    "text",
    [
        "say hi", "two\nlines", "C:\\", "a\ttab", "ünï — 漢字 🙂", "look at @proj", "?", "# note",
        "  indented\n    code", f"Say what is wrong here:\n{BULK}", "word " * 300, "x" * 900,
        "<pasted_content> is a tag",
    ],
)  # fmt: skip
async def test_a_text_arrives_as_it_was_meant(
    terminal: ItermTerminal, folder: Folder, model: DirectedModel, text: str
) -> None:
    async with real(terminal, folder, model) as agent:
        await agent.tell(text)

        started = await agent.ledger.until(Fact.TURN, phase="started")
        await agent.ledger.until(Fact.TURN, phase="ended")

    assert str(started["prompt"]).split() == text.split()


async def test_a_first_order_an_id_and_hooks_come_with_the_start(
    terminal: ItermTerminal, folder: Folder, model: DirectedModel
) -> None:
    log = folder.path / "ours.jsonl"
    command = ("/bin/sh", "-c", f"cat >> {log}; echo >> {log}")
    conversation = "11111111-2222-4333-8444-555555555555"
    async with real(
        terminal, folder, model,
        hook_command=command, conversation=conversation, prompt="- begin [[say good day]]",
    ) as agent:  # fmt: skip
        await agent.ledger.until(Fact.TURN, phase="ended")
        await agent.stroke(KIND.leave())
        await eventually(lambda: "SessionEnd" in log.read_text(), within_seconds=SECONDS)

    assert agent.ledger.latest(Fact.CONVERSATION)["id"] == conversation
    told = [
        (one.fact, one.value)
        for line in log.read_text().splitlines()
        if line
        for one in KIND.hooked(json.loads(line))
    ]
    prompts = [value.get("prompt") for fact, value in told if fact is Fact.TURN]
    assert "- begin [[say good day]]" in prompts
    assert "good day" in [value.get("said") for _, value in told]
    assert (Fact.EXIT, {"reason": "prompt_input_exit"}) in told


@pytest.mark.parametrize("draft", ["half a thought", "one\ntwo\nthree", BULK, "!ls", ""])
async def test_any_draft_can_be_cleared_away(
    terminal: ItermTerminal, folder: Folder, model: DirectedModel, draft: str
) -> None:
    async with real(terminal, folder, model) as agent:
        await agent.draft(draft)
        if draft:
            await agent.shows(Fact.COMPOSER, holds="pasted" if draft == BULK else "draft")

        await agent.stroke(KIND.clear())

        await agent.shows(Fact.COMPOSER, holds="nothing")
        await agent.tell("another")
        await agent.ledger.until(Fact.TURN, phase="started", prompt="another")


@pytest.mark.parametrize("choice", ["allow", "allow_always", "deny"])
async def test_a_permission_is_answered_by_its_options(
    terminal: ItermTerminal,
    folder: Folder,
    model: DirectedModel,
    choice: str,
) -> None:
    async with real(terminal, folder, model) as agent:
        await agent.tell("[[tool Bash touch made]]")
        dialog = await agent.shows(Fact.DIALOG, asks="permission", tool="Bash")
        await agent.ledger.now(Fact.ACTIVITY, **{"is": "waiting"})
        await anyio.sleep(SETTLE_SECONDS)

        await agent.stroke(KIND.answer(dialog, choice))

        await agent.ledger.now(Fact.ACTIVITY, **{"is": "idle"})
        await agent.shows(Fact.COMPOSER)
    assert (folder.project / "made").exists() is (choice != "deny")


@pytest.mark.parametrize("choice", ["right", "1"])
async def test_a_question_is_answered(
    terminal: ItermTerminal, folder: Folder, model: DirectedModel, choice: str
) -> None:
    async with real(terminal, folder, model) as agent:
        await agent.tell("[[ask Which one? | left | right]]")
        dialog = await agent.shows(Fact.DIALOG, asks="question")
        await anyio.sleep(SETTLE_SECONDS)

        await agent.stroke(KIND.answer(dialog, choice))

        await agent.ledger.until(Fact.TURN, phase="ended")
    (transcript,) = folder.path.glob(".claude/projects/*/*.jsonl")
    assert f'\\"Which one?\\"=\\"{"right" if choice == "right" else "left"}\\"' in (
        transcript.read_text()
    )


async def test_a_new_folder_is_trusted_by_the_gates_own_option(
    terminal: ItermTerminal, folder: Folder, model: DirectedModel
) -> None:
    async with real(terminal, folder, model, trusted=False) as agent:
        await agent.tell("hello")
        await agent.ledger.until(Fact.TURN, phase="ended")


async def test_one_escape_ends_a_turn_and_the_prompt_that_comes_back_is_cleared_away(
    terminal: ItermTerminal, folder: Folder, model: DirectedModel
) -> None:
    async with real(terminal, folder, model) as agent:
        await agent.tell("victim [[work 60]]")
        await agent.ledger.until(Fact.TURN, phase="started")
        await agent.shows(Fact.ACTIVITY, **{"is": "busy"})
        await anyio.sleep(SETTLE_SECONDS)

        await agent.stroke(KIND.interrupt())

        await agent.ledger.now(Fact.ACTIVITY, **{"is": "idle"})
        await agent.shows(Fact.COMPOSER, holds="draft")
        await agent.stroke(KIND.clear())
        await agent.tell("another")
        await agent.ledger.until(Fact.TURN, phase="started", prompt="another")


async def test_a_conversation_is_gone_on_with(
    terminal: ItermTerminal, folder: Folder, model: DirectedModel
) -> None:
    async with real(terminal, folder, model) as agent:
        await agent.tell("remember me")
        await agent.ledger.until(Fact.TURN, phase="ended")
        conversation = str(agent.ledger.latest(Fact.CONVERSATION)["id"])
        await agent.stroke(KIND.leave())
        sessions = folder.path / ".claude" / "sessions"
        await eventually(lambda: not [*sessions.glob("*.json")], within_seconds=SECONDS)

    async with real(terminal, folder, model, conversation=conversation, resume=True) as agent:
        await agent.tell("go on")
        await agent.ledger.until(Fact.TURN, phase="started", prompt="go on")

    assert agent.ledger.latest(Fact.CONVERSATION)["id"] == conversation


async def test_without_a_screen_it_is_told_asks_us_and_is_interrupted(
    folder: Folder, model: DirectedModel
) -> None:
    state = {"hasCompletedOnboarding": True, "customApiKeyResponses": {"approved": [KEY[-20:]]}}
    (folder.path / ".claude.json").write_text(json.dumps(state), "utf-8")
    asked = {"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": KEY, "LANG": "C.UTF-8"}
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    environ = {**OFFLINE, **asked, "HOME": str(folder.path), "PATH": path}
    installed = await KIND.probe(environ)
    if installed is None:
        pytest.skip("Claude Code is not installed")
    request = StartRequest(str(folder.project), permissions="manual")
    ledger = Ledger()
    async with KIND.driver().open(request, installed, ledger.add, environ) as talk:
        await talk.tell("first", "hello [[say good day]]")
        await ledger.until(Fact.TURN, message="first", phase="ended")
        assert "good day" in talk.tail(5)
        for message, choice in (("made", "allow"), ("unmade", "deny")):
            await talk.tell(message, f"[[tool Bash touch {message}]]")
            dialog = await ledger.until(Fact.DIALOG, tool="Bash", text=f"touch {message}")
            await talk.answer(str(dialog["id"]), choice)
            await ledger.until(Fact.TURN, message=message, phase="ended")
        await talk.tell("long", "[[work 60]]")
        await ledger.until(Fact.TURN, message="long", phase="started")
        await talk.tell("next", "go on")
        await talk.interrupt()
        await ledger.until(Fact.TURN, message="next", phase="ended")

    assert ledger.phases("long")[-1] == "interrupted"
    assert (folder.project / "made").exists()
    assert not (folder.project / "unmade").exists()
    assert ledger.latest(Fact.EXIT) == {"code": 0}
