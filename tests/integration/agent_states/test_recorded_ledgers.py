"""A day in an agent's life: recorded, replayed, and compared with what it really did."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.agent_states.crew import ANN, start_shim
from tests.ledgers.replay import confusion, dump, in_words, parse, states, wrong_ready
from tests.waiting import eventually

from iterm_mcp.models.agent_states import AgentState

if TYPE_CHECKING:
    from tests.integration.agent_states.crew import Crew
    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.terminal.iterm import ItermTerminal

pytestmark = pytest.mark.headless

ORDERS = {
    "claude": (
        "[[work 0.5]]", "[[tool Bash make]]", "[[ask Which? | one | two]]", "[[background 2 make]]",
        "[[retry 2 1 rate_limit]]", "[[compact]]",
    ),
    "codex": ("[[work 1]]", "[[tool Bash make]]", "[[work 0.5]]"),
    "gemini": ("[[work 1]]", "[[tool Bash make]]", "[[work 0.5]]"),
}  # fmt: skip
KEPT = os.environ.get("ITERM_MCP_RECORD_LEDGERS")
"""A folder into which what was recorded is written, to become a fixture."""


@pytest.mark.parametrize("persona", sorted(ORDERS))
async def test_a_recorded_ledger_gives_the_same_states_and_no_wrong_ready(
    terminal: ItermTerminal, crew: Crew, folder: Folder, persona: str
) -> None:
    agent = await start_shim(terminal, folder, persona)
    await crew.register(agent.session_id, persona)
    await crew.becomes(AgentState.READY)
    for number, order in enumerate(ORDERS[persona], 1):
        await agent.tell(f"Please {order}", persona)
        if "tool" in order or "ask" in order:
            await crew.becomes(AgentState.WAITING_PERMISSION, AgentState.WAITING_QUESTION)
            folder.order("answer 1")
        await agent.happens("turn_ended", count=number)
        await crew.becomes(AgentState.READY)
    last = await crew.states.view(ANN)

    seen = await crew.states.observations(ANN)
    recorded = dump(seen, folder.truth())
    if KEPT:
        await anyio.Path(KEPT, f"{persona}.jsonl").write_text(recorded)
    recording = parse(recorded.splitlines())
    table = confusion(recording)

    print(in_words(table))  # noqa: T201 - shown when it fails
    assert states(recording)[-1][1] == last.state
    assert wrong_ready(table) == 0
    await eventually(lambda: crew.watching.count == 1)
