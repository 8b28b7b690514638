"""What the verbs of events say, as far as that needs no daemon."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from iterm_mcp.cli import app, event_finding, event_history
from iterm_mcp.cli.annotations import _row, _target
from iterm_mcp.cli.daemon_http import DaemonHttpError
from iterm_mcp.cli.event_options import Chosen, choosing, moment, parameters_of, row
from iterm_mcp.cli.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator


def chosen(*words: str) -> Chosen:
    """Return what is chosen by some words of a command line."""
    found: list[Chosen] = []
    verb = typer.Typer()

    def take(chosen: Chosen, name: str = "") -> None:
        del name
        found.append(chosen)

    take.__annotations__ = {"chosen": Chosen, "name": str, "return": None}
    verb.command()(choosing(take))
    result = CliRunner().invoke(verb, words)
    assert result.exit_code == 0, result.output
    return found[0]


def test_what_is_left_out_is_not_chosen() -> None:
    assert chosen() == {}
    assert chosen("--failed") == {"failed": True}
    assert chosen("--succeeded", "--event", "ToolEnded", "-p", "x+", "-i") == {
        "failed": False,
        "kind": ["ToolEnded"],
        "pattern": "x+",
        "ignore_case": True,
    }


def test_what_is_chosen_becomes_parameters_of_a_url() -> None:
    given = {"failed": False, "least_dollars": 0.5, "kind": ["A"], "words": "x"}
    assert parameters_of(given) == {
        "failed": "false", "least_dollars": "0.5", "kind": ["A"], "words": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("3 d", 259_200), ("1w", 604_800)]
)
def test_a_time_may_be_told_by_how_long_ago_it_was(text: str, seconds: int) -> None:
    found = datetime.fromisoformat(moment(text))
    assert abs(datetime.now(UTC) - found - timedelta(seconds=seconds)) < timedelta(seconds=5)  # noqa: TID251


def test_a_time_has_the_zone_that_it_is_given_or_this_machines() -> None:
    assert datetime.fromisoformat(moment("2026-01-31T12:00:00Z")).utcoffset() is not None
    here = datetime.fromisoformat(moment("2026-01-31"))
    assert here == datetime(2026, 1, 31).astimezone()


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "99999999999w"])
def test_what_is_no_time_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write 2026-01-31"):
        moment(text)


def test_an_event_is_a_row_that_nothing_breaks_out_of() -> None:
    event = {
        "number": 7, "at": "2026-01-31T12:00:00+00:00", "kind": "ToolFailed",
        "links": {"agent": "ada\x1b[2J"}, "subject": "make",
        "text": "no\nsuch\ttarget " + "x" * 500,
        "duration_seconds": 1.25, "cost": {"dollars": 0.5, "basis": "computed"},
    }  # fmt: skip
    said = row(event)
    assert said.startswith("       7  ")
    assert "ada?[2J  make  no such target x" in said
    assert said.endswith("x  1.2 s  $0.5000")
    assert len(said) < 250
    bare = row({"number": 1, "at": event["at"], "kind": "TurnEnded", "links": {"kind": "claude"}})
    assert bare.endswith("TurnEnded             claude")
    assert plain("a\rb") == "a?b"


@pytest.mark.parametrize(
    ("of", "target"),
    [
        ("7", (7, 7, "")),
        ("7-9", (7, 9, "")),
        ("c-1", (None, None, "c-1")),
        ("0", (None, None, "0")),
    ],
)
def test_what_is_annotated_is_a_number_a_range_or_a_conversation(of: str, target: object) -> None:
    assert _target(of) == target


def test_an_annotation_is_a_row() -> None:
    one: dict[str, Any] = {
        "annotation_id": 3, "conversation": "c1", "first": 7, "last": 9, "text": "odd\nthing",
        "tags": ["ci"], "bookmark": True, "author": "eva",
    }  # fmt: skip
    assert _row(one) == "    3  events 7-9 of c1  bookmark  #ci  eva: odd thing"
    only = {**one, "first": None, "last": None, "text": "", "tags": [], "bookmark": False}
    assert _row(only) == "    3  c1  eva"
    assert _row({**only, "conversation": "", "first": 7, "last": 7}) == "    3  event 7  eva"


def step(what: str, subject: str) -> dict[str, Any]:
    return {"what": what, "subject": subject}


def test_many_conversations_stand_beside_each_other_by_marks() -> None:
    steps = [
        step("Bash", "make"),
        step("Bash", "make"),
        step("Bash", "ls"),
        step("Read", "a"),
        None,
    ]
    assert event_history._narrow(steps) == "==~!-  Bash make"
    assert event_history._narrow([None, *steps]) == "-==~!-  Bash make"
    beside = event_history._beside({"same": False, "steps": [step("Bash", "x" * 99), None]})
    assert beside.startswith("!  Bash xxxx")
    assert beside.endswith("…  -".replace("…  ", "… "))


ACCOUNT: dict[str, Any] = {
    "conversation": "c1", "title": "", "agent": "", "kind": "claude", "models": ["opus"],
    "directory": "", "started_at": "2026-01-31T12:00:00+00:00",
    "last_at": "2026-01-31T12:05:00+00:00", "ended_at": None, "end_reason": "",
    "waited_seconds": 3.0, "turns": [], "tools": [], "failures": [], "files": [], "commits": [],
    "spent": {"reported": 0, "computed": 0, "unpriced": 0, "usage": {"input": 0}},
}  # fmt: skip


def test_a_conversation_is_summed_up_with_what_there_is() -> None:
    title, who, when, spent = event_history._summary(ACCOUNT)
    assert (title, who, spent) == ("c1", "- (claude, opus)", "$0.0000; no tokens")
    assert when.endswith("; 3 s waiting for people")


def test_a_conversation_is_summed_up_with_all_that_it_did() -> None:
    whole = ACCOUNT | {
        "title": "A job", "agent": "ada", "directory": "/work",
        "ended_at": ACCOUNT["last_at"], "end_reason": "exit",
        "spent": {"reported": 10**9, "computed": 0, "unpriced": 5, "usage": {"input": 1200}},
        "turns": [
            {"index": 0, "outcome": "done", "seconds": 2.0, "calls": 1, "prompt": "Do\nit"},
            {"index": 1, "outcome": "unfinished", "seconds": None, "calls": 0, "prompt": "More"},
        ],
        "tools": [{"tool": "Bash", "calls": 2, "failed": 1, "seconds": 0.5}],
        "failures": [{"times": 2, "tool": "Bash", "error": "no\nsuch"}],
        "files": [
            {"change": "created", "path": "/a", "lines_added": 3, "lines_removed": None},
            {"change": "deleted", "path": "/b", "lines_added": None, "lines_removed": None},
        ],
        "commits": [{"what": "commit", "name": "abc", "text": "Do it"}],
    }  # fmt: skip
    said = event_history._summary(whole)
    assert said[1] == "ada (claude, opus) in /work"
    assert ", exit; 3 s" in said[2]
    assert said[3:] == [
        "$1.0000; input 1,200",
        "5 tokens of unknown cost",
        "turn 1: done in 2.0 s, 1 calls: Do it",
        "turn 2: unfinished, 0 calls: More",
        "tool Bash: 2 calls, 1 failed, 0.5 s",
        "failed 2 times: Bash: no such",
        "file created: /a +3 -0",
        "file deleted: /b",
        "commit abc: Do it",
    ]


def test_a_filter_that_cannot_be_is_refused_before_anybody_is_asked() -> None:
    runner = CliRunner()
    for words in (["save", "all"], ["save", "a/b", "--failed"], ["remove", "a/b"]):
        result = runner.invoke(app, ["events", "filters", *words])
        assert result.exit_code == 2, result.output
    assert event_finding._said(["a", "b"]) == "a,b"
    assert [event_finding._said(one) for one in (True, 0.5)] == ["true", "0.5"]


@pytest.mark.parametrize("words", [("budgets", "release", "daily"), ("alerts", "acknowledge", "1")])
def test_an_agent_lets_no_budget_go(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setenv("ITERM_MCP_AGENT", "ada")
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "ask a person" in result.output


def test_a_stream_is_read_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "retry: 2000", "", ": beat", "", "id: 3", "event: live", 'data: {"number": 3}', "",
        "id: 4", "event: event", f"data: {json.dumps({'number': 4})}", "",
    ]  # fmt: skip
    monkeypatch.setattr(event_finding, "read_lines", lambda *_a, **_k: iter(lines))
    found = list(event_finding._stream({}, start=False))
    assert found == [("live", 3, {"number": 3}), ("event", 4, {"number": 4})]


class Daemon:
    """Sends a stream that breaks off; then it is away for a moment, and then it is back."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, Any], bool]] = []

    def read_lines(self, path: str, given: dict[str, Any], *, start: bool) -> Iterator[str]:
        assert path == "/v1/events/stream"
        self.asked.append((given, start))
        if len(self.asked) == 2:
            raise DaemonHttpError("connection refused")
        number = 4 if len(self.asked) == 1 else 5
        yield from (f"id: {number}", "event: event", f'data: {{"number": {number}}}', "")


def test_who_follows_comes_back_to_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon()
    monkeypatch.setattr(event_finding, "read_lines", daemon.read_lines)
    monkeypatch.setattr(event_finding, "_pause", lambda _seconds: None)
    stream = event_finding._followed({"words": "x"}, 7, None)
    assert [next(stream)["number"], next(stream)["number"]] == [4, 5]
    assert daemon.asked == [
        ({"words": "x", "snapshot": "7"}, True),
        ({"words": "x", "after": "4"}, False),
        ({"words": "x", "after": "4"}, False),
    ]


@pytest.mark.parametrize("kind", ["told", "refused"])
def test_who_cannot_follow_is_told_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    def read_lines(*_given: object, **_more: object) -> Iterator[str]:
        if kind == "refused":
            raise DaemonHttpError("no filter", final=True)
        told = {"message": "it is damaged", "hint": "look"}
        yield from ("event: error", f"data: {json.dumps(told)}", "")

    monkeypatch.setattr(event_finding, "read_lines", read_lines)
    with pytest.raises(typer.Exit):
        next(event_finding._followed({}, 1, None))
    assert capsys.readouterr().err.strip() in {"it is damaged. look", "no filter"}
