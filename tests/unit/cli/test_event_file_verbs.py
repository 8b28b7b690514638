"""What the verbs ask for that write files, make links and tell how things went, and what they say.

The daemon's side of it is tested where it stands; here a fake answers.
"""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from iterm_mcp.cli import alerts, app, event_files, event_shares

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

Asked = list[tuple[object, ...]]


class Files:
    """Answers with a file, and remembers what was asked."""

    def __init__(self, content: bytes = b"{}\n") -> None:
        self.content = content
        self.asked: Asked = []

    @contextmanager
    def open(self, path: str, parameters: dict[str, Any]) -> Iterator[io.BytesIO]:
        self.asked.append((path, {name: one for name, one in parameters.items() if one}))
        yield io.BytesIO(self.content)


class Daemon:
    """Answers in JSON, and remembers what it was asked."""

    def __init__(self, **answer: object) -> None:
        self.answer = answer
        self.asked: Asked = []

    def __call__(self, *asked: object, **_more: object) -> dict[str, object]:
        self.asked.append(asked)
        return self.answer


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def says(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    made = Files()
    monkeypatch.setattr(event_files, "open_answer", made.open)
    return made


@pytest.mark.parametrize(
    ("words", "path", "parameters"),
    [
        ([], "/v1/exports/events", {"format": "jsonl"}),
        (
            ["--words", "boom", "--event", "ToolFailed", "--most", "5", "--agent", "ada"],
            "/v1/exports/events",
            {"format": "jsonl", "words": "boom", "kind": ["ToolFailed"], "most": 5, "agent": "ada"},
        ),
        (
            ["--session", "s/1", "-f", "asciicast", "--since", "2026-01-01T00:00:00Z"],
            "/v1/exports/sessions/s%2F1",
            {"format": "asciicast", "since": "2026-01-01T00:00:00Z"},
        ),
        (
            ["c/1", "-f", "html", "--turn", "2"],
            "/v1/exports/conversations/c%2F1",
            {"format": "html", "turn": 2},
        ),
        (
            ["a", "b", "-f", "csv"],
            "/v1/exports/compare",
            {"format": "csv", "conversation": ["a", "b"]},
        ),
    ],
    ids=["all events", "some events", "a session", "a conversation", "several"],
)
def test_what_is_named_is_exported_to_stdout(
    words: list[str], path: str, parameters: dict[str, object], files: Files
) -> None:
    assert says("events", "export", *words) == "{}\n"
    assert files.asked == [(path, parameters)]


def test_a_file_tells_its_format_and_only_its_owner_reads_it(files: Files, tmp_path: Path) -> None:
    target = tmp_path / "all.HTML"
    files.content = b"x" * 70_000
    assert f"70,000 bytes in {target}" in says("events", "export", "-o", str(target))
    assert files.asked[0][1] == {"format": "html"}
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (files.content, 0o600)
    assert [one.name for one in tmp_path.iterdir()] == ["all.HTML"]


def test_a_file_that_is_there_stays_and_one_that_tells_no_format_is_refused(
    files: Files, tmp_path: Path
) -> None:
    target = tmp_path / "all.csv"
    target.write_text("mine")
    assert isinstance(run("events", "export", "-o", str(target)).exception, FileExistsError)
    assert target.read_text() == "mine"
    odd = run("events", "export", "-o", str(tmp_path / "all.xyz"))
    assert (odd.exit_code, "give --format" in odd.output) == (2, True)
    assert len(files.asked) == 1


def activity(**sums: object) -> dict[str, Any]:
    usage = {"input": 1, "cache_read": 2, "cache_write": 3, "cache_write_1h": 4, "output": 1000}
    return {
        "turns": 1, "calls": 2, "failed_calls": 1, "files": 4, "waits": 1, "waited_seconds": 9.6,
        "sums": {"reported_nanodollars": 1_500_000_000, "computed_nanodollars": 0, "usage": usage,
                 "unpriced": 0, **sums},
    }  # fmt: skip


def test_weeks_are_summed_up_by_who_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"agent": "ada\n", "kind": "claude", "teams": ["core"], "activity": activity()},
        {"agent": "", "kind": "codex", "teams": [], "activity": activity(unpriced=3)},
        {"agent": "", "kind": "", "teams": [], "activity": activity()},
    ]
    week = {"begins": "2026-01-05", "complete": False, "total": activity(), "rows": rows}
    daemon = Daemon(weeks=[week, {**week, "complete": True, "rows": []}])
    monkeypatch.setattr(event_files, "get_json", daemon)
    said = says("events", "weeks", "2").splitlines()
    assert said[0] == "week of 2026-01-05 (not over)"
    figures = "1 turns, 2 calls, 1 failed, 1,010 tokens, $1.50, 4 files, 1 waits (10 s)"
    assert said[1] == f"  {'all':24} {figures}"
    assert said[2].startswith("  ada? (core)")
    assert said[3].endswith("3 answers of unknown price")
    assert said[4].startswith("  others")
    assert said[5] == "week of 2026-01-05"
    assert daemon.asked == [("/v1/history/weeks", {"weeks": 2})]
    assert len(json.loads(says("events", "weeks", "--json"))["weeks"]) == 2


def test_trends_claim_no_more_than_they_found(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = {"measure": "turns", "days": 5, "p": None, "direction": "none", "slope": None}
    daemon = Daemon(
        trends=[bare, {**bare, "p": 0.4}, {**bare, "p": 0.01, "direction": "up", "slope": 1.5}],
        peaks=[{"weekday": 2, "hour": 9, "mean": 12.34, "share": 0.25}], method="MK", alpha=0.05,
    )  # fmt: skip
    monkeypatch.setattr(event_files, "get_json", daemon)
    said = says("events", "trends", "14", "--agent", "ada")
    assert "too few days to say anything" in said
    assert "no trend that could not be chance (p = 0.4)" in said
    assert "up by +1.5 a day (p = 0.01)" in said
    assert "busy: Wednesday 09:00  12.3 calls a week, 25% of all" in said
    assert said.endswith("method: MK; claimed at p <= 0.05\n")
    asked = ("/v1/history/trends", {"days": 14, "agent": "ada", "agent_kind": ""})
    assert daemon.asked == [asked]
    assert json.loads(says("events", "trends", "--json"))["alpha"] == 0.05


def test_a_link_is_made_of_what_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon(url="http://127.0.0.1:1/s/x", expires_at="2026-01-02", note="looked through")
    monkeypatch.setattr(event_shares, "ask_http", daemon)
    result = run("events", "share", "create", "c-1", "--turn", "2", "-f", "asciicast")
    assert result.stdout == "http://127.0.0.1:1/s/x\n"
    assert result.stderr == "until 2026-01-02; looked through\n"
    assert daemon.asked == [(
        "POST", "/v1/shares",
        {"conversation": "c-1", "turn": 2, "format": "asciicast", "hours": 24.0, "redact": True},
    )]  # fmt: skip
    told = says("events", "share", "create", "--session", "s", "--no-redact", "--json")
    assert json.loads(told)["note"] == "looked through"
    assert daemon.asked[1][2] == {
        "session": "s", "format": "html", "hours": 24.0, "redact": False,
    }  # fmt: skip


def test_links_are_listed_without_what_opens_them_and_revoked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    share = {
        "share_id": 7, "format": "html", "redacted": True, "views": 2,
        "expires_at": "2026-01-02T03:04:05+00:00", "what": "conversation\nc-1",
    }  # fmt: skip
    daemon = Daemon(shares=[share, {**share, "redacted": False}])
    monkeypatch.setattr(event_shares, "ask_http", daemon)
    first, second = says("events", "share", "list").splitlines()
    assert first == "7  html  redacted  2 views  until 2026-01-02T03:04  conversation?c-1"
    assert "NOT redacted" in second
    assert len(json.loads(says("events", "share", "list", "--json"))["shares"]) == 2
    assert says("events", "share", "revoke", "7") == "7 is revoked\n"
    assert daemon.asked[-1] == ("DELETE", "/v1/shares/7")


def test_where_alerts_are_told_is_listed_and_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = {"name": "team/chat", "form": "slack", "sent": 2, "failed": 1, "waiting": 0}
    daemon = Daemon(sinks=[sink, {**sink, "problem": "no\nroute"}])
    monkeypatch.setattr(alerts, "ask_http", daemon)
    good, bad = says("alerts", "sinks").splitlines()
    assert good == "team/chat  slack  2 sent, 1 failed, 0 waiting"
    assert bad == f"{good}  no route"
    assert len(json.loads(says("alerts", "sinks", "--json"))["sinks"]) == 2
    assert says("alerts", "test", "team/chat") == "team/chat: sent\n"
    assert daemon.asked[-1] == ("POST", "/v1/sinks/team%2Fchat/test")
