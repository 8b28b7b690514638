"""Claude Code in a terminal: the persona in a real session, told and read by its kind alone."""

from __future__ import annotations

import json
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.integration.agents.ledgers import Ledger
from tests.integration.fake_agent.agents import SECONDS, Agent
from tests.waiting import eventually

from iterm_mcp.agents.claude import Claude
from iterm_mcp.agents.claude_program import FEATURES
from iterm_mcp.agents.files import open_files
from iterm_mcp.agents.kind import Installed, Occupant, StartRequest
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.sessions import Program, Size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.agents.kind import Stroke
    from iterm_mcp.models.observations import Json
    from iterm_mcp.terminal.iterm import ItermTerminal

KIND = Claude()
LONG = "Say what is wrong here:\n" + "\n".join(f"line {number}" for number in range(40))


class Told(Agent):
    """A persona in a session, and what was seen of it.

    Attributes:
        ledger: What its files told.
    """

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent.terminal, agent.session_id, agent.folder)
        self.ledger = Ledger()

    @property
    def occupant(self) -> Occupant:
        """Its process."""
        (started,) = self.folder.truth("started")[:1]
        home = self.folder.environ()
        return Occupant(int(started["pid"]), 0.0, str(self.folder.project), home)

    async def stroke(self, strokes: Sequence[Stroke]) -> None:
        """Type as a kind has composed it."""
        for one in strokes:
            await self.type(f"\x1b[200~{one.text}\x1b[201~" if one.paste else one.text)
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


@asynccontextmanager
async def agent_in(
    terminal: ItermTerminal,
    folder: Folder,
    programs: Mapping[str, Path],
    *,
    gate: str = "",
    **fields: Any,  # noqa: ANN401 - the fields of a StartRequest
) -> AsyncIterator[Told]:
    """Start it as its kind would, and follow its files for the length of the block."""
    installed = Installed(str(programs["claude"]), "2.1.330", frozenset(FEATURES))
    plan = KIND.start(StartRequest(str(folder.project), **fields), installed)
    ours = {
        "FAKE_AGENT_TRUTH": str(folder.path / "truth.jsonl"),
        "FAKE_AGENT_CONTROL": str(folder.control),
        "FAKE_AGENT_GATE": gate,
    }
    opened = await terminal.open_session(
        Program(
            command=plan.command,
            arguments=plan.arguments,
            directory=str(folder.project),
            environment=folder.environ(**ours, **plan.environment),
            size=Size(100, 30),
        )
    )
    agent = Told(Agent(terminal, opened.session_id, folder))
    await agent.happens("started")
    if not gate:
        await agent.ready()
    try:
        async with open_files(0.05) as files, KIND.follow(agent.occupant, files, agent.ledger.add):
            yield agent
    except BaseExceptionGroup as errors:  # a task group wraps what the test raises
        raise errors.exceptions[0] from None


async def test_a_message_arrives_as_it_was_meant_and_its_turn_is_seen_without_any_hook(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    async with agent_in(terminal, folder, programs) as agent:
        await agent.ledger.until(Fact.ACTIVITY, **{"is": "idle"})
        await agent.tell("Mend it [[work 0.5]]\nand say so.")
        await agent.ledger.until(Fact.ACTIVITY, **{"is": "busy"})

        started = await agent.ledger.until(Fact.TURN, phase="started")
        await agent.ledger.until(Fact.TURN, phase="ended")
        await agent.ledger.now(Fact.ACTIVITY, **{"is": "idle"})

    assert started["prompt"] == "Mend it [[work 0.5]]\nand say so."
    assert agent.ledger.latest(Fact.CONVERSATION)["id"]


async def test_the_order_of_a_long_message_is_typed_and_its_bulk_is_an_honest_paste(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    async with agent_in(terminal, folder, programs) as agent:
        await agent.tell(LONG)
        received = await agent.happens("received")
        started = await agent.ledger.until(Fact.TURN, phase="started")

    assert received["text"].startswith("Say what is wrong here:")
    assert "<pasted_content" in received["text"]
    assert str(started["prompt"]).split() == LONG.split()


async def test_no_text_is_taken_for_keys(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    texts = ["C:\\", "a\ttab", "ünï — 漢字 🙂", "<b>&amp;</b>", "~ $HOME `x`"]
    async with agent_in(terminal, folder, programs) as agent:
        for number, text in enumerate(texts, 1):
            await agent.tell(text)
            await agent.ends([number])

    assert [line["text"].rstrip() for line in folder.truth("received")] == texts


async def test_a_message_amid_a_turn_waits_in_its_own_queue_and_is_seen_there(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    async with agent_in(terminal, folder, programs) as agent:
        await agent.tell("first [[work 6]]")
        await agent.ledger.until(Fact.ACTIVITY, **{"is": "busy"})
        await agent.tell("second")

        await agent.shows(Fact.TURN, phase="queued", prompt="second")
        for phase in ("queued", "dequeued", "started"):
            await agent.ledger.until(Fact.TURN, phase=phase, prompt="second")


@pytest.mark.parametrize(
    ("choice", "allowed"), [("allow", True), ("allow_always", True), ("deny", False)]
)
async def test_a_permission_is_seen_and_answered_by_its_options(
    terminal: ItermTerminal,
    folder: Folder,
    programs: Mapping[str, Path],
    choice: str,
    *,
    allowed: bool,
) -> None:
    async with agent_in(terminal, folder, programs) as agent:
        await agent.tell("[[tool Bash make]]")
        dialog = await agent.shows(Fact.DIALOG, asks="permission", tool="Bash")
        await agent.ledger.now(Fact.ACTIVITY, **{"is": "waiting", "for": "permission prompt"})

        await agent.stroke(KIND.answer(dialog, choice))

        answered = await agent.happens("dialog_answered")
        await agent.ledger.now(Fact.ACTIVITY, **{"is": "idle"})
        await agent.shows(Fact.COMPOSER)
        if not allowed:  # no hook tells that a person refused, and the transcript does later
            await agent.tell("another")
            await agent.ledger.until(Fact.TURN, phase="interrupted")
    assert answered["by"] == "keys"
    assert bool(folder.truth("decided", allowed=True)) is allowed


async def test_a_question_is_answered_by_an_options_text(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    async with agent_in(terminal, folder, programs) as agent:
        await agent.tell("[[ask Which one? | left | right]]")
        dialog = await agent.shows(Fact.DIALOG, asks="question")

        await agent.stroke(KIND.answer(dialog, "right"))

        answered = await agent.happens("dialog_answered")
    assert answered["value"] == "right"


@pytest.mark.parametrize("gate", ["trust", "login", "theme"])
async def test_a_gate_before_the_composer_is_named_and_can_be_passed(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path], gate: str
) -> None:
    async with agent_in(terminal, folder, programs, gate=gate) as agent:
        seen = await agent.shows(Fact.GATE, name=gate)
        choice = "Yes, I trust this folder" if gate == "trust" else "1"

        await agent.stroke(KIND.answer(seen, choice))

        await agent.ready()
        await agent.shows(Fact.COMPOSER, holds="nothing")


async def test_an_interrupted_prompt_that_comes_back_can_be_cleared_away(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    async with agent_in(terminal, folder, programs) as agent:
        await agent.tell("one [[work 60]]\ntwo\nthree")
        await agent.ledger.now(Fact.ACTIVITY, **{"is": "busy"})
        await agent.shows(Fact.ACTIVITY, **{"is": "busy"})

        await agent.stroke(KIND.interrupt())
        await agent.ledger.now(Fact.ACTIVITY, **{"is": "idle"})
        await agent.shows(Fact.COMPOSER, holds="draft")
        await agent.stroke(KIND.clear())

        await agent.shows(Fact.COMPOSER, holds="nothing")
        await agent.tell("another")
        assert (await agent.happens("received", 2))["text"] == "another"


async def test_a_suggestion_is_no_draft_and_half_a_thought_is(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    async with agent_in(terminal, folder, programs) as agent:
        folder.order("draft half a thought")
        await agent.shows(Fact.COMPOSER, holds="draft", text="half a thought")
        await agent.stroke(KIND.clear())
        folder.order("ghost Try something")

        async def holds() -> list[Json]:
            screen = await terminal.read_screen(agent.session_id)
            rows = await terminal.read_lines(
                agent.session_id, screen.first_line, screen.size.rows, styles=True
            )
            seen = KIND.see(screen, "", rows.lines)
            return [one.value["holds"] for one in seen if one.fact is Fact.COMPOSER]

        await eventually(holds, lambda found: found == ["ghost"], within_seconds=SECONDS)


async def test_an_agent_whose_service_refuses_does_not_look_busy(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    async with agent_in(terminal, folder, programs) as agent:
        await agent.tell("[[retry 3 2 rate_limit]]")

        trouble = await agent.shows(Fact.TROUBLE, what="rate_limited")
        await agent.stroke(KIND.interrupt())
        await agent.ledger.now(Fact.ACTIVITY, **{"is": "idle"})

    assert trouble["of"]
    assert trouble["attempt"]


async def test_its_hooks_tell_a_program_of_ours_beside_the_persons_own(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    log = folder.path / "ours.jsonl"
    command = ("/bin/sh", "-c", f"cat >> {log}; echo >> {log}")
    async with agent_in(
        terminal, folder, programs, hook_command=command, prompt="hello [[say good day]]"
    ) as agent:
        await agent.ledger.until(Fact.TURN, phase="ended")
        await agent.stroke(KIND.leave())
        await eventually(lambda: "SessionEnd" in log.read_text(), within_seconds=SECONDS)

    lines = [json.loads(line) for line in log.read_text().splitlines() if line]
    told = [(one.fact, one.value) for line in lines for one in KIND.hooked(line)]
    assert (Fact.TURN, "hello [[say good day]]") in [
        (fact, value.get("prompt")) for fact, value in told
    ]
    assert "good day" in [value.get("said") for _, value in told]
    assert (Fact.EXIT, {"reason": "prompt_input_exit"}) in told


async def test_it_leaves_when_it_is_asked_to(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    async with agent_in(terminal, folder, programs) as agent:
        await agent.stroke(KIND.leave())

        assert (await agent.happens("exited"))["code"] == 0


async def test_a_file_that_a_killed_agent_left_behind_is_nobody_elses(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    async with agent_in(terminal, folder, programs) as agent:
        await agent.ledger.until(Fact.ACTIVITY, **{"is": "idle"})
        occupant = agent.occupant
        os.kill(occupant.pid, signal.SIGKILL)
        entry = folder.registry()
        assert entry
        assert entry["status"] == "idle"
        another = folder.path / ".claude" / "sessions" / f"{os.getpid()}.json"
        another.write_text(json.dumps({**entry, "pid": os.getpid()}))
        fresh = Ledger()
        stranger = Occupant(os.getpid(), 0.0, str(folder.project), folder.environ())
        async with open_files(0.02) as files, KIND.follow(stranger, files, fresh.add):
            tick = folder.path / "tick"
            ticks: list[bytes | None] = []
            files.follow_content(tick, ticks.append)
            tick.write_text("1")
            await eventually(lambda: b"1" in ticks)  # so the other file was read, too

    assert fresh.sightings == []


async def test_after_clear_the_new_conversation_is_followed(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path]
) -> None:
    async with agent_in(terminal, folder, programs) as agent:
        first = (await agent.ledger.until(Fact.CONVERSATION))["id"]
        path = folder.path / ".claude" / "sessions" / f"{agent.occupant.pid}.json"
        entry = json.loads(path.read_text())
        fresh = "11111111-2222-4333-8444-555555555555"
        folder_of_transcripts = next((folder.path / ".claude").glob("projects/*"), None)
        assert folder_of_transcripts is None  # nothing was said yet
        path.write_text(json.dumps({**entry, "sessionId": fresh}))

        told = await agent.ledger.until(Fact.CONVERSATION, id=fresh)

        assert told["id"] != first
        line = {"type": "user", "message": {"role": "user", "content": "after the clear"}}
        transcript = told["transcript"]
        path = Path(str(transcript))
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(line) + "\n")
        await agent.ledger.until(Fact.TURN, prompt="after the clear")


async def test_an_installed_program_is_found_with_what_it_can_do(
    folder: Folder, programs: Mapping[str, Path]
) -> None:
    environ = {**folder.environ(), "PATH": f"{programs['claude'].parent}:{os.environ['PATH']}"}

    found = await KIND.probe(environ)

    assert found is not None
    assert found.path == str(programs["claude"])
    assert found.version == "2.1.330"
    assert await KIND.probe({"PATH": str(folder.path), "HOME": str(folder.path)}) is None
