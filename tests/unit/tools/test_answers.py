"""How values are shown to a model."""

from __future__ import annotations

from datetime import UTC, datetime

from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.messages import CascadeResult, Receipt, ReceiptState, Source
from iterm_mcp.tools import answers

AT = datetime(2026, 1, 1, tzinfo=UTC)


def receipt(
    state: ReceiptState = ReceiptState.WRITTEN,
    *,
    text: str = "go",
    source: Source = Source.BROADCAST,
    team: TeamName | None = None,
    reason: str = "",
) -> Receipt:
    return Receipt(AgentName("ann"), SessionId("one"), text, source, team, state, reason, AT)


def test_a_receipt_says_nothing_of_what_there_is_not() -> None:
    assert answers.receipt(receipt()) == {
        "agent": "ann",
        "session_id": "one",
        "state": "written",
        "source": "broadcast",
        "text": "go",
        "at": "2026-01-01T00:00:00+00:00",
    }


def test_a_receipt_names_the_team_and_the_reason() -> None:
    shown = answers.receipt(
        receipt(ReceiptState.REFUSED, source=Source.TEAM, team=TeamName("crew"), reason="locked")
    )
    assert (shown["team"], shown["reason"]) == ("crew", "locked")


def test_a_long_text_is_not_given_back_in_full() -> None:
    assert answers.receipt(receipt(text="x" * 80))["text"] == "x" * 80
    assert answers.receipt(receipt(text="x" * 81))["text"] == "x" * 79 + "…"


def test_a_cascade_is_summed_up_by_state() -> None:
    receipts = (receipt(), receipt(), receipt(ReceiptState.UNKNOWN))
    shown = answers.cascade(CascadeResult(receipts, (AgentName("ben"),), replayed=True))
    assert shown["counts"] == {"written": 2, "unknown": 1}
    assert (shown["unreached"], shown["replayed"]) == (["ben"], True)
    assert len(shown["receipts"]) == 3
