"""Kinds that a manifest describes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.agents.screens import drawn, facts

from iterm_mcp.agents.described import read_described
from iterm_mcp.agents.generic import GenericKind
from iterm_mcp.agents.kind import Installed, StartRequest
from iterm_mcp.agents.manifest import parse_manifest
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.observations import Fact, Json
from iterm_mcp.models.sessions import Size

HEAD = """
name = "mine"
[start]
program = "/opt/mine/bin/mine"
arguments = ["--plain"]
model = ["--model", "{model}"]
prompt = ["--say={prompt}"]
resume = ["--resume", "{conversation}"]
environment = {NO_COLOR = "1"}
[composer]
pattern = '^mine> (?P<text>.*)$'
"""
REST = """
[screen]
busy = ['^thinking']
[[gate]]
name = "licence"
pattern = 'accept the licence'
[[dialog]]
pattern = 'Run it\\? \\[y/n\\]'
tool = "Run"
options = ["Yes", "No"]
answers = ["y<enter>", "n<enter>"]
"""
AIDER = read_described([]).kinds["aider"]
PROGRAM = Installed("/opt/mine/bin/mine")


def mine(more: str = "", rest: str = REST) -> GenericKind:
    return GenericKind(parse_manifest((HEAD + more + rest).encode(), Path("mine.toml")))


def test_it_is_started_as_the_manifest_says() -> None:
    request = StartRequest(
        "/p", prompt="use {model}", model="m1", conversation="c", resume=True, options=("-v",),
        environment={"A": "b"},
    )  # fmt: skip
    plan = mine().start(request, PROGRAM)

    assert plan.arguments == (
        "--plain", "--model", "m1", "--resume", "c", "--say=use {model}", "-v"
    )  # fmt: skip
    assert plan.environment == {"NO_COLOR": "1", "A": "b"}
    assert (plan.takes_prompt, plan.conversation) == (True, "c")


def test_what_the_manifest_does_not_tell_is_refused() -> None:
    for request in (StartRequest("/p", permissions="x"), StartRequest("/p", conversation="c")):
        with pytest.raises(InvalidRequestError):
            mine().start(request, PROGRAM)


def test_it_is_ready_at_its_composer_and_busy_without_one() -> None:
    idle = facts(mine().see(drawn("hello", "mine> ", cursor=(6, 1)), ""))
    bare = facts(mine().see(drawn("hello", "mine>", cursor=(6, 1)), ""))
    sent = facts(mine().see(drawn("mine> go", "", cursor=(0, 1)), ""))
    busy = facts(mine().see(drawn("thinking", "mine> ", cursor=(6, 1)), ""))

    assert idle[Fact.ACTIVITY] == bare[Fact.ACTIVITY] == {"is": "idle"}
    assert idle[Fact.COMPOSER] == {"holds": "nothing"}
    assert sent[Fact.ACTIVITY] == busy[Fact.ACTIVITY] == {"is": "busy"}
    assert Fact.COMPOSER not in sent


def test_a_draft_and_a_suggestion_differ_by_the_cursor() -> None:
    for column, holds in ((10, "draft"), (6, "ghost")):
        told = facts(mine().see(drawn("mine> some", cursor=(column, 0)), ""))
        assert told[Fact.COMPOSER] == {"holds": holds, "text": "some"}


def test_a_draft_that_is_wider_than_the_screen_goes_on_below_it() -> None:
    wide = drawn("mine> " + "a" * 34, "b" * 40, "ccc", cursor=(3, 2), size=Size(40, 3))
    other = drawn("mine> sent", "b" * 40, "ccc", cursor=(3, 2), size=Size(40, 3))
    top = drawn("b" * 40, "ccc", cursor=(3, 1), size=Size(40, 2))

    assert facts(mine().see(wide, ""))[Fact.COMPOSER] == {
        "holds": "draft", "text": "\n".join(("a" * 34, "b" * 40, "ccc")),
    }  # fmt: skip
    for screen in (other, top):
        assert Fact.COMPOSER not in facts(mine().see(screen, ""))


def test_a_screen_without_a_composer_can_tell_nothing_if_so_described() -> None:
    rest = "[screen]\notherwise = 'nothing'"

    told = facts(mine(rest=rest).see(drawn("some output"), ""))

    assert Fact.ACTIVITY not in told


def test_a_gate_and_a_question_stand_before_all_else() -> None:
    gate = facts(mine().see(drawn("Please accept the licence", "mine> "), ""))
    asked = facts(mine().see(drawn("rm x", "Run it? [y/n] "), ""))

    assert gate == {Fact.GATE: {"name": "licence"}}
    dialog = asked[Fact.DIALOG]
    assert (dialog["tool"], dialog["options"]) == ("Run", ["Yes", "No"])
    assert [stroke.text for stroke in mine().answer(dialog, "deny")] == ["n", "\r"]
    others: list[dict[str, Json]] = [{**dialog, "number": 5}, {"options": ["Yes"]}]
    for other in others:
        with pytest.raises(InvalidRequestError, match="no such dialog"):
            mine().answer(other, "allow")


def test_typed_lines_need_keys_between_them() -> None:
    typed = "paste = false\n"

    with pytest.raises(InvalidRequestError) as caught:
        mine(typed).compose("a\nb")
    assert caught.value.code == "one_line"
    strokes = mine(typed + "newline = '<meta-enter>'\n").compose("a\n\nb\n")
    assert [stroke.text for stroke in strokes] == ["a", "\x1b\r", "\x1b\r", "b", "\r"]
    assert strokes[-2].pause_seconds == 0.2


def test_aider_asks_edits_and_waits_as_it_was_described() -> None:
    asked = facts(AIDER.see(drawn("x.py", "Add file to the chat? (Y)es/(N)o [Yes]: "), ""))
    assert [stroke.text for stroke in AIDER.answer(asked[Fact.DIALOG], "allow")] == ["y", "\r"]
    for prompt in ("> ", "ask> ", "architect> ", "multi> "):
        told = facts(AIDER.see(drawn("Tokens: 1", "", prompt), ""))
        assert told[Fact.ACTIVITY] == {"is": "idle"}, prompt
    assert AIDER.recognise(("/usr/bin/python3", "/home/ann/.local/bin/aider", "--model", "x"))
    busy = facts(AIDER.see(drawn("ask> hello", "Waiting for gpt", cursor=(15, 1)), ""))
    assert busy[Fact.ACTIVITY] == {"is": "busy"}
