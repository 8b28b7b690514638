"""The driver of Codex's app-server, against an app-server that behaves as the real one does."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.waiting import eventually

from iterm_mcp.agents.codex import Codex
from iterm_mcp.agents.kind import Installed, StartRequest
from iterm_mcp.errors import AgentError, AgentGoneError, ConflictError, InvalidRequestError
from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.agents.driver import Conversation
    from iterm_mcp.models.observations import Json, Sighting

SECONDS = 20.0


class Ledger:
    """What an agent was seen to do, in order."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []

    def values(self, fact: Fact) -> list[Mapping[str, Json]]:
        return [one.value for one in self.sightings if one.fact is fact]

    def latest(self, fact: Fact) -> Mapping[str, Json]:
        return self.values(fact)[-1]

    def phases(self, message: str) -> list[str]:
        return [
            str(one["phase"]) for one in self.values(Fact.TURN) if one.get("message") == message
        ]

    async def until(self, fact: Fact, **wanted: Json) -> Mapping[str, Json]:
        """Wait until a fact is seen with these values."""

        def found() -> list[Mapping[str, Json]]:
            return [one for one in self.values(fact) if wanted.items() <= one.items()]

        return (await eventually(found, within_seconds=SECONDS))[-1]


@asynccontextmanager
async def opened(
    program: Path,
    folder: Folder,
    environ: Mapping[str, str],
    **request: Any,  # noqa: ANN401 - the fields of a StartRequest
) -> AsyncIterator[tuple[Conversation, Ledger]]:
    ledger = Ledger()
    asked = StartRequest(directory=str(folder.project), **request)
    driver = Codex().driver()
    with anyio.fail_after(60):
        async with driver.open(
            asked, Installed(str(program)), ledger.sightings.append, environ
        ) as talk:
            yield talk, ledger


@pytest.fixture
def codex(programs: Mapping[str, Path]) -> Path:
    return programs["codex"]


async def test_a_message_is_followed_by_its_id_from_its_start_to_its_end(
    codex: Path, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with opened(codex, folder, environ) as (talk, ledger):
        assert ledger.latest(Fact.ACTIVITY) == {"is": "idle"}
        await talk.tell("m1", "hello [[say good day]]")
        await ledger.until(Fact.TURN, message="m1", phase="ended")
        await ledger.until(Fact.ACTIVITY, **{"is": "idle"})

    assert ledger.phases("m1") == ["started", "ended"]
    assert ledger.values(Fact.TURN)[0]["prompt"] == "hello [[say good day]]"
    assert [one["text"] for one in folder.truth("received")] == ["hello [[say good day]]"]
    assert talk.tail(5) == ("good day",)
    assert ledger.latest(Fact.CONVERSATION)["id"]


async def test_a_message_amid_a_turn_steers_it_and_shares_its_end(
    codex: Path, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with opened(codex, folder, environ) as (talk, ledger):
        await talk.tell("m1", "[[work 60]]")
        await ledger.until(Fact.TURN, message="m1", phase="started")
        await talk.tell("m2", "and be quick")
        await talk.interrupt()
        await ledger.until(Fact.TURN, message="m2", phase="interrupted")
        await talk.interrupt()  # there is no turn, and nothing to do

    assert ledger.phases("m1") == ["started", "interrupted"]
    assert [one["stage"] for one in folder.truth("received")] == ["submitted", "steered"]


async def test_an_overloaded_server_is_asked_again_and_takes_the_message_once(
    codex: Path, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with opened(codex, folder, {**environ, "FAKE_AGENT_OVERLOADS": "3"}) as (talk, ledger):
        await talk.tell("m1", "hello")
        await ledger.until(Fact.TURN, message="m1", phase="ended")

    assert len(folder.truth("overloaded")) == 3
    assert len(folder.truth("received")) == 1


@pytest.mark.parametrize(("choice", "allowed"), [("allow", True), ("deny", False), ("2", True)])
async def test_a_permission_is_answered_without_a_keystroke_and_once(
    codex: Path, folder: Folder, environ: Mapping[str, str], choice: str, *, allowed: bool
) -> None:
    async with opened(codex, folder, environ) as (talk, ledger):
        await talk.tell("m1", "[[tool Bash make all]]")
        dialog = await ledger.until(Fact.DIALOG, tool="Bash")
        await ledger.until(Fact.ACTIVITY, **{"is": "waiting", "for": "permission"})
        with pytest.raises(InvalidRequestError, match="no option"):
            await talk.answer(str(dialog["id"]), "perhaps")
        await talk.answer(str(dialog["id"]), choice)
        await ledger.until(Fact.TURN, message="m1", phase="ended")
        assert ledger.latest(Fact.DIALOG) == {}
        with pytest.raises(ConflictError):
            await talk.answer(str(dialog["id"]), choice)

    assert dialog["asks"] == "permission"
    assert isinstance(dialog["input"], dict)
    assert dialog["input"]["command"] == "make all"
    assert [(one["allowed"], one["by"]) for one in folder.truth("decided")] == [
        (allowed, "protocol")
    ]


async def test_a_question_is_answered_by_an_option_or_in_ones_own_words(
    codex: Path, folder: Folder, environ: Mapping[str, str]
) -> None:
    dialog: Mapping[str, Json] = {}
    async with opened(codex, folder, environ) as (talk, ledger):
        for number, (choice, answer) in enumerate(
            [("2", "B"), ("neither of them", "neither of them")]
        ):
            await talk.tell(f"m{number}", f"[[ask Which, {number}? | A | B]]")
            dialog = await ledger.until(Fact.DIALOG, text=f"Which, {number}?")
            await talk.answer(str(dialog["id"]), choice)
            await ledger.until(Fact.TURN, message=f"m{number}", phase="ended")
            assert folder.truth("chosen")[-1]["answer"] == answer

    assert dialog["options"] == ["A", "B"]


async def test_a_conversation_goes_on_after_its_process_was_killed(
    codex: Path, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with opened(codex, folder, environ) as (talk, ledger):
        await talk.tell("m1", "[[work 60]]")
        await ledger.until(Fact.TURN, message="m1", phase="started")
        os.killpg(talk.pid, signal.SIGKILL)
        assert await ledger.until(Fact.EXIT) == {"signal": signal.SIGKILL}
        with pytest.raises(AgentGoneError):
            await talk.tell("m2", "are you there?")
    thread = ledger.latest(Fact.CONVERSATION)["id"]

    async with opened(codex, folder, environ, conversation=thread, resume=True) as (_, again):
        assert again.latest(Fact.CONVERSATION)["id"] == thread


async def test_what_cannot_be_resumed_or_started_says_why(
    codex: Path, folder: Folder, environ: Mapping[str, str]
) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"

    with pytest.raises(AgentError, match="no rollout found"):
        async with opened(codex, folder, environ, conversation=nobody, resume=True):
            pass
    with pytest.raises(AgentError, match="cannot be started"):
        async with opened(folder.path / "missing", folder, environ):
            pass
    with pytest.raises(AgentGoneError) as caught:
        async with opened(codex, folder, environ, options=("--no-such-option",)):
            pass
    assert "--no-such-option" in caught.value.hint


async def test_a_first_order_is_given_with_the_start(
    codex: Path, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with opened(codex, folder, environ, prompt="begin", permissions="never") as (_, ledger):
        await ledger.until(Fact.TURN, phase="ended")

    assert [one["text"] for one in folder.truth("received")] == ["begin"]


async def test_it_leaves_nobody_behind(
    codex: Path, folder: Folder, environ: Mapping[str, str]
) -> None:
    async with opened(codex, folder, environ) as (talk, ledger):
        await talk.tell("m1", "[[work 60]]")
        await ledger.until(Fact.TURN, message="m1", phase="started")
        pid = talk.pid

    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
