"""Claude Code without a screen, spoken to in stream-json: a fake one behind real pipes."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.integration.agents.ledgers import Ledger
from tests.waiting import eventually

from iterm_mcp.agents import claude_protocol
from iterm_mcp.agents.claude import Claude
from iterm_mcp.agents.claude_program import FEATURES
from iterm_mcp.agents.kind import Installed, StartRequest
from iterm_mcp.errors import AgentError, AgentGoneError, ConflictError, InvalidRequestError
from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.agents.driver import Conversation


class Speaking:
    """A started agent with its ledger.

    Attributes:
        talk: The way to it.
    """

    def __init__(self, talk: Conversation, ledger: Ledger) -> None:
        self.talk = talk
        self.ledger = ledger

    async def ended(self, message: str) -> list[str]:
        """Wait until a message's turn has ended; return its phases."""
        await self.ledger.until(Fact.TURN, message=message, phase="ended")
        return self.ledger.phases(message)


@pytest.fixture
def installed(programs: Mapping[str, Path]) -> Installed:
    return Installed(str(programs["claude"]), "2.1.330", frozenset(FEATURES))


@asynccontextmanager
async def speaking(
    installed: Installed,
    folder: Folder,
    environ: Mapping[str, str],
    **fields: Any,  # noqa: ANN401
) -> AsyncIterator[Speaking]:
    ledger = Ledger()
    driver = Claude().driver()
    request = StartRequest(str(folder.project), **fields)
    with anyio.fail_after(60):
        async with driver.open(request, installed, ledger.add, environ) as talk:
            yield Speaking(talk, ledger)


async def test_a_message_is_followed_by_its_id_from_the_queue_to_the_end(
    installed: Installed, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with speaking(installed, folder, environ) as agent:
        assert agent.ledger.latest(Fact.ACTIVITY) == {"is": "idle"}
        await agent.talk.tell("first", "hello [[say good day]]")

        assert await agent.ended("first") == ["queued", "started", "ended"]
        await agent.ledger.now(Fact.ACTIVITY, **{"is": "idle"})
        assert agent.talk.tail(3) == ("good day",)
        assert agent.talk.tail(0) == ()
    assert [line["text"] for line in folder.truth("received")] == ["hello [[say good day]]"]
    assert agent.ledger.latest(Fact.EXIT) == {"code": 0}


async def test_a_first_order_is_told_as_soon_as_it_greets(
    installed: Installed, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with speaking(installed, folder, environ, prompt="begin") as agent:
        await agent.ledger.until(Fact.TURN, phase="ended")

    assert [line["text"] for line in folder.truth("received")] == ["begin"]


async def test_messages_that_come_amid_a_turn_wait_and_none_is_lost(
    installed: Installed, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with speaking(installed, folder, environ) as agent:
        for number in range(5):
            await agent.talk.tell(f"m{number}", f"message {number} [[work 0.1]]")
        for number in range(5):
            await agent.ended(f"m{number}")

    received = [str(line["text"]).partition(" [[")[0] for line in folder.truth("received")]
    assert received == [f"message {number}" for number in range(5)]


@pytest.mark.parametrize(("choice", "allowed"), [("allow", True), ("deny", False)])
async def test_a_permission_is_asked_and_answered_without_any_keystroke(
    installed: Installed,
    folder: Folder,
    environ: Mapping[str, str],
    choice: str,
    *,
    allowed: bool,
) -> None:
    async with speaking(installed, folder, environ) as agent:
        await agent.talk.tell("m", "[[tool Bash make]]")
        dialog = await agent.ledger.until(Fact.DIALOG, tool="Bash")
        assert agent.ledger.latest(Fact.ACTIVITY)["is"] == "waiting"

        await agent.talk.answer(str(dialog["id"]), choice)

        await agent.ended("m")
        assert agent.ledger.latest(Fact.DIALOG) == {}
        with pytest.raises(ConflictError):
            await agent.talk.answer(str(dialog["id"]), choice)
    (decided,) = folder.truth("decided")
    assert (decided["allowed"], decided["by"]) == (allowed, "protocol")


async def test_a_question_is_answered_by_its_options(
    installed: Installed, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with speaking(installed, folder, environ) as agent:
        await agent.talk.tell("m", "[[ask Which? | left | right]]")
        dialog = await agent.ledger.until(Fact.DIALOG, asks="question")
        assert dialog["options"] == ["left", "right"]
        with pytest.raises(ConflictError):
            await agent.talk.answer("another", "2")

        await agent.talk.answer(str(dialog["id"]), "2")

        await agent.ended("m")
    assert "right" in str(folder.truth())


async def test_an_answer_that_is_none_leaves_the_dialog_standing(
    installed: Installed, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with speaking(installed, folder, environ) as agent:
        await agent.talk.tell("m", "[[tool Bash make]]")
        dialog = await agent.ledger.until(Fact.DIALOG, tool="Bash")
        with pytest.raises(InvalidRequestError) as refused:
            await agent.talk.answer(str(dialog["id"]), "perhaps")
        assert "deny" in refused.value.hint
        assert agent.ledger.latest(Fact.DIALOG)["id"] == dialog["id"]

        await agent.talk.interrupt()

        await agent.ledger.until(Fact.TURN, message="m", phase="interrupted")
        await agent.ledger.now(Fact.DIALOG)


async def test_an_interruption_ends_the_turn_and_keeps_what_waits(
    installed: Installed, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with speaking(installed, folder, environ) as agent:
        await agent.talk.tell("long", "[[work 60]]")
        await agent.ledger.until(Fact.TURN, message="long", phase="started")
        await agent.talk.tell("next", "go on")
        await agent.ledger.until(Fact.TURN, message="next", phase="queued")

        await agent.talk.interrupt()

        assert await agent.ended("next") == ["queued", "started", "ended"]
        assert agent.ledger.phases("long")[-1] == "interrupted"


async def test_a_turn_whose_service_refuses_has_failed_and_nothing_else(
    installed: Installed, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with speaking(installed, folder, environ) as agent:
        await agent.talk.tell("m", "[[fail rate_limit]]")
        failed = await agent.ledger.until(Fact.TURN, message="m", phase="failed")

    assert "rate_limit" in str(failed["said"])
    assert "interrupted" not in agent.ledger.phases("m")


async def test_what_it_prints_by_mistake_is_passed_over(
    installed: Installed, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with speaking(installed, folder, environ) as agent:
        await agent.talk.tell("m", "[[garbage 500]]")
        await agent.talk.tell("n", "still there?")

        await agent.ended("n")


async def test_a_crash_is_seen_and_told_to_whoever_speaks_on(
    installed: Installed, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with speaking(installed, folder, environ) as agent:
        await agent.talk.tell("m", "[[crash KILL]]")

        ending = await agent.ledger.until(Fact.EXIT)

        assert ending == {"signal": signal.SIGKILL}
        with pytest.raises(AgentGoneError):
            await agent.talk.tell("n", "anybody?")
        with pytest.raises(AgentGoneError):
            await agent.talk.interrupt()


async def test_an_interruption_that_nobody_answers_is_an_error_in_time(
    installed: Installed,
    folder: Folder,
    environ: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claude_protocol, "REPLY_SECONDS", 0.3)
    async with speaking(installed, folder, environ) as agent:
        os.kill(agent.talk.pid, signal.SIGSTOP)
        try:
            with pytest.raises(AgentError, match="did not answer interrupt"):
                await agent.talk.interrupt()
        finally:
            os.kill(agent.talk.pid, signal.SIGCONT)


async def test_an_agent_that_does_not_end_by_itself_is_ended_with_all_it_started(
    folder: Folder, environ: Mapping[str, str]
) -> None:
    program = folder.path / "stubborn"
    child = folder.path / "child.pid"
    program.write_text(
        "#!/bin/sh\ntrap '' TERM HUP\n"
        f"sleep 300 & echo $! > {child}\n"
        'read -r line; id=${line#*\\"request_id\\": \\"}; id=${id%%\\"*}\n'
        'echo "{\\"type\\":\\"control_response\\",\\"response\\":{\\"request_id\\":\\"$id\\"}}"\n'
        "while :; do sleep 1; done\n"
    )
    program.chmod(0o755)
    stubborn = Installed(str(program), "1", frozenset(FEATURES))
    async with speaking(stubborn, folder, environ) as agent:
        pid = agent.talk.pid
        await agent.talk.stop(0.1)

    assert agent.ledger.latest(Fact.EXIT) == {"signal": signal.SIGKILL}
    sleeper = int(child.read_text())
    await eventually(lambda: not (_runs(pid) or _runs(sleeper)))


@pytest.mark.parametrize("script", ["#!/bin/sh\necho no key >&2; exit 3\n", "#!/nonexistent\n"])
async def test_a_start_that_fails_says_why(
    folder: Folder, environ: Mapping[str, str], script: str
) -> None:
    program = folder.path / "broken"
    program.write_text(script)
    program.chmod(0o755)
    broken = Installed(str(program), "1", frozenset(FEATURES))

    with pytest.raises(AgentError, match=r"no key|cannot be started") as failed:
        async with speaking(broken, folder, environ):
            pass

    assert failed.value.hint


async def test_an_agent_that_never_greets_is_given_up(
    folder: Folder, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claude_protocol, "GREETING_SECONDS", 0.3)
    program = folder.path / "silent"
    program.write_text("#!/bin/sh\nexec cat > /dev/null\n")
    program.chmod(0o755)

    with pytest.raises(AgentError, match="did not answer initialize"):
        async with speaking(Installed(str(program), "1", frozenset(FEATURES)), folder, environ):
            pass


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
