"""What the verbs of budgets and alerts say, as far as that needs no daemon."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from iterm_mcp.cli import alerts, app, budgets

if TYPE_CHECKING:
    from pathlib import Path

BUDGET: dict[str, Any] = {
    "budget": "each\nday", "scope": "agent", "of": "ada", "period": "day", "percent": 110,
    "dollars": 1.1, "limit_dollars": 1.0, "tokens": 1200, "limit_tokens": 9000,
    "unpriced_tokens": 7, "holds": {"percent": 100, "act": "pause"}, "until": "2026-01-08",
}  # fmt: skip
ALERT: dict[str, Any] = {
    "alert_id": 3, "kind": "budget", "subject": "x", "severity": "critical", "text": "spent",
    "raised_at": "2026-01-07T12:00:00+00:00", "count": 1,
}  # fmt: skip


class Daemon:
    """Answers, and remembers what it was asked."""

    def __init__(self, **answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[object, ...]] = []

    def __call__(self, *asked: object, **_more: object) -> dict[str, object]:
        self.asked.append(asked)
        return self.answer


def says(*words: str) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(autouse=True)
def _a_persons_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ITERM_MCP_AGENT", raising=False)
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path))


def test_budgets_are_listed_with_whom_they_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = {"budget": "all", "period": "ever", "percent": 1, "unpriced_tokens": 0}
    let_go = {**bare, "released_by": "eva"}
    monkeypatch.setattr(budgets, "ask_http", Daemon(budgets=[BUDGET, bare, let_go]))
    assert says("budgets", "list").splitlines() == [
        (
            "each day agent ada  day  110%  $1.10 of $1.00, 1,200 of 9,000 tokens  "
            "(7 tokens of unknown cost)  holds: pause at 100% until 2026-01-08"
        ),
        "all  ever  1%  ",
        "all  ever  1%    released by eva",
    ]
    assert len(json.loads(says("budgets", "list", "--json"))["budgets"]) == 3
    monkeypatch.setattr(budgets, "ask_http", Daemon(budgets=[]))
    assert "nothing is spent yet" in says("budgets", "list")


def test_a_budget_is_released_by_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon(budgets=[BUDGET])
    monkeypatch.setattr(budgets, "ask_http", daemon)
    assert "holds: pause" in says("budgets", "release", "a/b", "--of", "ada", "--by", "eva")
    assert daemon.asked == [
        ("POST", "/v1/budgets/release", {"budget": "a/b", "of": "ada", "by": "eva"})
    ]


def test_a_file_of_budgets_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "b.toml"
    assert "nothing is limited" in says("budgets", "check", str(path))
    path.write_text('[budgets.x]\nperiod = "day"\ntokens = 5\nturns = "finish"\n')
    assert "1 budgets" in says("budgets", "check", str(path))
    path.write_text('[budgets.x]\nperiod = "day"\ntokens = 5\nturns = "dance"\n')
    result = CliRunner().invoke(app, ["budgets", "check", str(path)])
    assert result.exit_code == 1
    assert "'dance' as its turns. Use suspend, finish, interrupt" in result.output


def test_alerts_are_listed_and_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon(alerts=[ALERT])
    monkeypatch.setattr(alerts, "ask_http", daemon)
    assert "spent" in says("alerts", "list", "--settled", "2")
    assert json.loads(says("alerts", "list", "--json"))["alerts"] == [ALERT]
    seen = Daemon(**ALERT, acknowledged_by="eva")
    monkeypatch.setattr(alerts, "ask_http", seen)
    assert "seen by eva" in says("alerts", "acknowledge", "3", "--by", "eva")
    assert seen.asked == [("POST", "/v1/alerts/3/acknowledge", {"by": "eva"})]
