"""Codex, Gemini CLI and a kind that a manifest describes, in sessions of the real host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.agents.in_terminal import started

from iterm_mcp.agents.codex import Codex
from iterm_mcp.agents.gemini import Gemini
from iterm_mcp.agents.generic import GenericKind
from iterm_mcp.agents.manifest import parse_manifest
from iterm_mcp.agents.strokes import options_of
from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.terminal.iterm import ItermTerminal

PLAIN = b"""
name = "plain"
while_busy = "keeps"
[start]
program = "plain"
[composer]
pattern = '^> (?P<text>.*)$'
rows_below = 0
paste = false
[keys]
quit = "exit<enter>"
[[dialog]]
pattern = 'proceed. .y/N.'
rows = 1
tool = "Bash"
options = ["Yes", "No"]
answers = ["y<enter>", "n<enter>"]
"""
KINDS: list[AgentKind] = [
    Codex(), Gemini(), GenericKind(parse_manifest(PLAIN, Path("plain.toml")))
]  # fmt: skip


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> AgentKind:
    kind: AgentKind = request.param
    return kind


@pytest.fixture
def program(kind: AgentKind, programs: Mapping[str, Path]) -> Path:
    if kind.name in programs:
        return programs[kind.name]
    path = programs["codex"].with_name(kind.name)
    path.write_text(programs["codex"].read_text().replace("'codex'", f"'{kind.name}'"))
    path.chmod(0o755)
    return path


async def test_an_order_arrives_whole_and_its_turn_is_seen_from_start_to_end(
    terminal: ItermTerminal, folder: Folder, kind: AgentKind, program: Path,
    environ: Mapping[str, str],
) -> None:  # fmt: skip
    async with started(terminal, folder, kind, program, environ) as agent:
        await agent.is_doing("idle")
        await agent.tell("be thorough [[work 60]]")
        received = await agent.happens("received")
        await agent.is_doing("busy")
        await agent.press(kind.interrupt())
        ended = await agent.happens("turn_ended")
        await agent.is_doing("idle")
        await agent.press(kind.clear())  # what the agent has given back
        await agent.press(kind.leave())
        await agent.happens("exited")

    assert received["text"] == "be thorough [[work 60]]"
    assert ended["outcome"] == "interrupted"


async def test_an_order_of_many_lines_is_one_message(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path],
    environ: Mapping[str, str],
) -> None:  # fmt: skip
    text = "\n".join(f"line {number} of the order" for number in range(60))
    kinds: tuple[AgentKind, ...] = (Codex(), Gemini())
    for kind in kinds:
        async with started(terminal, folder, kind, programs[kind.name], environ) as agent:
            await agent.tell(text)
            received = await agent.happens("received")
        (folder.path / "truth.jsonl").unlink()

        assert received["text"] == text


async def test_a_permission_is_seen_and_refused_by_the_kinds_own_keys(
    terminal: ItermTerminal, folder: Folder, kind: AgentKind, program: Path,
    environ: Mapping[str, str],
) -> None:  # fmt: skip
    async with started(terminal, folder, kind, program, environ) as agent:
        await agent.tell("[[tool Bash make all]]")
        await agent.happens("asked")
        dialog = await agent.sees(Fact.DIALOG, asks="permission")
        await agent.is_doing("waiting")
        await agent.press(kind.answer(dialog, "deny"))
        decided = await agent.happens("decided")
        await agent.sees(Fact.DIALOG)

    assert (decided["allowed"], decided["by"]) == (False, "keys")


async def test_a_persons_draft_is_seen_and_can_be_cleared(
    terminal: ItermTerminal, folder: Folder, kind: AgentKind, program: Path,
    environ: Mapping[str, str],
) -> None:  # fmt: skip
    async with started(terminal, folder, kind, program, environ) as agent:
        await terminal.send_text(agent.session_id, "half a thought")
        held = await agent.sees(Fact.COMPOSER, holds="draft")
        await agent.press(kind.clear())
        await agent.sees(
            Fact.COMPOSER, holds="ghost" if kind.name in {"codex", "gemini"} else "nothing"
        )
        await agent.tell("hello")
        received = await agent.happens("received")

    assert held["text"] == "half a thought"
    assert received["text"] == "hello"


async def test_a_gate_is_seen_before_anything_else(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path],
    environ: Mapping[str, str],
) -> None:  # fmt: skip
    kinds: tuple[AgentKind, ...] = (Codex(), Gemini())
    for kind in kinds:
        gated = {**environ, "FAKE_AGENT_GATE": "trust"}
        program = programs[kind.name]
        async with started(terminal, folder, kind, program, gated, state="gate") as agent:
            gate = await agent.sees(Fact.GATE, name="trust")
            assert Fact.COMPOSER not in await agent.look()
            await agent.press(kind.answer(gate, options_of(gate)[0]))
            await agent.happens("state", state="ready")
            await agent.sees(Fact.GATE)
        (folder.path / "truth.jsonl").unlink()


async def test_a_rate_limit_is_seen_and_talk_of_one_is_not(
    terminal: ItermTerminal, folder: Folder, programs: Mapping[str, Path],
    environ: Mapping[str, str],
) -> None:  # fmt: skip
    kind = Codex()
    async with started(terminal, folder, kind, programs["codex"], environ) as agent:
        await agent.tell("[[say I saw 429, it says retrying in 5s]]")
        await agent.happens("turn_ended")
        await agent.is_doing("idle")
        told = await agent.look()
        await agent.tell("[[retry 3 20 rate_limit]]")
        trouble = await agent.sees(Fact.TROUBLE, what="rate_limited")

    assert told[Fact.TROUBLE] == {}
    assert (trouble["attempt"], trouble["of"]) == (1, 10)
