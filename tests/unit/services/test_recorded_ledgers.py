"""Ledgers that were recorded give the states that they gave, and those are what really was so."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.ledgers.__main__ import RECORDED, main
from tests.ledgers.replay import MEANT, confusion, in_words, load, parse, states, wrong_ready

from iterm_mcp.models.agent_states import AgentState

if TYPE_CHECKING:
    from pathlib import Path

FILES = sorted(RECORDED.glob("*.jsonl"))
LATER = '2026-11-01T00:00:02+00:00"}'
RIGHT = 0.85
"""The rest are moments at which a level was not yet asked, and the state is unknown."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_recorded_agent_is_wrongly_said_to_be_ready_and_most_is_right(path: Path) -> None:
    table = confusion(load(path))

    right = sum(n for (really, shown), n in table.items() if shown in MEANT[really])
    wrong = {pair for pair in table if pair[1] not in MEANT[pair[0]] | {AgentState.UNKNOWN}}
    assert wrong_ready(table) == 0
    assert not wrong, in_words(table)
    assert right >= RIGHT * sum(table.values()), in_words(table)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recorded_ledger_goes_through_what_the_agent_went_through(path: Path) -> None:
    shown = [state for _, state in states(load(path))]

    assert {AgentState.WORKING, AgentState.WAITING_PERMISSION} <= set(shown)
    assert shown[-1] == AgentState.READY
    assert AgentState.DONE not in shown


def test_the_table_is_printed_for_all_recordings(capsys: pytest.CaptureFixture[str]) -> None:
    assert FILES
    assert main([]) == 0
    assert "0 wrongly ready" in capsys.readouterr().out


def test_a_wrong_ready_is_counted() -> None:
    told = [
        '{"truth": "working", "at": "2026-11-01T00:00:00+00:00"}',
        '{"fact": "activity", "source": "registry", "value": {"is": "idle"}, "at": "' + LATER,
    ]  # fmt: skip

    assert wrong_ready(confusion(parse(told))) > 0
    assert states(parse(told[:1])) == []
    assert "0 of 0" in in_words(Counter())
