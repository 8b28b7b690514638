"""The files in which Codex and Gemini CLI write down what they do, found and followed."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.agents.in_terminal import started
from tests.integration.agents.ledgers import Ledger
from tests.waiting import eventually

from iterm_mcp.agents.codex import Codex
from iterm_mcp.agents.files import open_files
from iterm_mcp.agents.gemini import Gemini
from iterm_mcp.agents.kind import Occupant
from iterm_mcp.models.observations import Fact, ObservationSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.observations import Json
    from iterm_mcp.terminal.iterm import ItermTerminal

TURN = {"prompt": "[[say well]]", "phase": "started"}


def there(path: Json) -> bool:
    return Path(str(path)).is_file()


def twin_of(path: Json) -> Path:
    """Write what another agent in the same directory would have written; return its path."""
    other = Path(str(path))
    twin = other.with_name(other.name.replace("-", "-2", 1))
    shutil.copyfile(other, twin)
    return twin


@asynccontextmanager
async def followed(
    terminal: ItermTerminal,
    folder: Folder,
    kind: AgentKind,
    programs: Mapping[str, Path],
    environ: Mapping[str, str],
) -> AsyncIterator[tuple[Ledger, Occupant]]:
    """Start an agent, follow it, and have it take a turn."""
    ledger = Ledger()
    with anyio.fail_after(60):
        async with (
            started(terminal, folder, kind, programs[kind.name], environ) as agent,
            open_files(0.05) as files,
        ):
            pid = (await agent.happens("started"))["pid"]
            assert isinstance(pid, int)
            occupant = Occupant(pid, 0.0, str(folder.project), folder.environ())
            async with kind.follow(occupant, files, ledger.add):
                await agent.tell("[[say well]]")
                await ledger.until(Fact.TURN, **TURN)
                yield ledger, occupant


async def test_codexs_rollout_is_found_once_it_is_there_and_tells_its_turns(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path],
    environ: Mapping[str, str],
) -> None:  # fmt: skip
    async with followed(terminal, folder, Codex(), programs, environ) as (ledger, _):
        ended = await ledger.until(Fact.TURN, phase="ended")
        await ledger.now(Fact.ACTIVITY, **{"is": "idle"})

    begun = next(one for one in ledger.values(Fact.TURN) if one["phase"] == "started")
    assert ended["prompt_id"] == begun["prompt_id"]
    assert there(ledger.latest(Fact.CONVERSATION)["transcript"])
    assert {one.source for one in ledger.sightings} == {ObservationSource.TRANSCRIPT}


async def test_geminis_chat_is_found_and_tells_what_was_asked(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path],
    environ: Mapping[str, str],
) -> None:  # fmt: skip
    async with followed(terminal, folder, Gemini(), programs, environ) as (ledger, _):
        assert there((await ledger.until(Fact.CONVERSATION))["transcript"])

    assert Fact.OUTCOME not in {one.fact for one in ledger.sightings}


async def test_where_two_agents_share_a_directory_no_file_is_taken_for_the_others(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path],
    environ: Mapping[str, str],
) -> None:  # fmt: skip
    kinds: tuple[AgentKind, ...] = (Codex(), Gemini())
    for kind in kinds:
        ledger = Ledger()
        async with (
            followed(terminal, folder, kind, programs, environ) as (first, occupant),
            open_files(0.05) as files,
        ):
            twin = twin_of(first.latest(Fact.CONVERSATION)["transcript"])
            async with kind.follow(occupant, files, ledger.add):
                await first.until(Fact.CONVERSATION)
                await anyio.sleep(0.7)
            twin.unlink()
        (folder.path / "truth.jsonl").unlink()

        assert ledger.sightings == []


@pytest.mark.parametrize("kind", [Codex(), Gemini()], ids=lambda kind: kind.name)
async def test_a_process_that_is_no_more_and_files_that_are_missing_tell_nothing(
    kind: AgentKind, folder: Folder
) -> None:
    ledger = Ledger()
    nobody = Occupant(2**22 + 1, 0.0, str(folder.project), {})
    async with open_files(0.05) as files:
        for environment in ({}, {"HOME": str(folder.path)}):
            async with kind.follow(
                Occupant(nobody.pid, 0.0, nobody.directory, environment), files, ledger.add
            ):
                await eventually(lambda: files.count == 0)

    assert ledger.sightings == []
