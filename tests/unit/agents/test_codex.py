"""How Codex and Gemini CLI are started, known and answered."""

from __future__ import annotations

import json

import pytest

from iterm_mcp.agents.codex import Codex
from iterm_mcp.agents.codex_permissions import read_permissions
from iterm_mcp.agents.gemini import DEFAULTS_VARIABLE, Gemini
from iterm_mcp.agents.kind import Installed, StartRequest
from iterm_mcp.errors import InvalidRequestError

CODEX = Installed("/bin/codex", "0.169.0", frozenset({"hooks", "resume"}))
GEMINI = Installed("/bin/gemini", "0.61.0", frozenset({"hooks", "resume", "session_id"}))
HOOK = ("/bin/hook", "it")


def test_codex_is_started_with_model_permissions_hooks_and_its_first_order() -> None:
    request = StartRequest(
        "/p", prompt="go on", model="gpt-5", permissions="on-request+read-only",
        environment={"A": "b"}, hook_command=HOOK, options=("--search",),
    )  # fmt: skip
    plan = Codex().start(request, CODEX)

    words = list(plan.arguments)
    assert words[:6] == [
        "--ask-for-approval", "on-request", "--sandbox", "read-only", "--model", "gpt-5"
    ]  # fmt: skip
    assert words[-3:] == ["--search", "--", "go on"]
    assert any(word.startswith("hooks.Stop=") for word in words)
    assert (plan.takes_prompt, plan.environment) == (True, {"A": "b"})
    bare = Codex().start(StartRequest("/p", hook_command=HOOK), Installed("/bin/codex"))
    assert (bare.arguments, bare.takes_prompt) == ((), False)


def test_codex_goes_on_with_a_conversation_and_cannot_be_given_the_id_of_a_new_one() -> None:
    plan = Codex().start(StartRequest("/p", conversation="abc", resume=True), CODEX)

    assert (plan.arguments, plan.conversation) == (("resume", "abc"), "abc")
    for request in (StartRequest("/p", conversation="abc"), StartRequest("/p", resume=True)):
        with pytest.raises(InvalidRequestError) as caught:
            Codex().start(request, CODEX)
        assert caught.value.hint


def test_permissions_are_arguments_in_a_terminal_and_fields_over_the_protocol() -> None:
    bypass = read_permissions("bypass")

    assert bypass.arguments() == ("--dangerously-bypass-approvals-and-sandbox",)
    assert bypass.fields() == {"approvalPolicy": "never", "sandbox": "danger-full-access"}
    assert read_permissions("never").fields() == {"approvalPolicy": "never"}
    assert read_permissions("").arguments() == ()
    with pytest.raises(InvalidRequestError) as caught:
        read_permissions("never+all")
    assert "workspace-write" in caught.value.hint


def test_gemini_is_started_with_a_conversation_mode_model_and_settings_that_name_our_hooks() -> (
    None
):
    request = StartRequest(
        "/p", prompt="--go", conversation="abc", permissions="plan", model="flash",
        hook_command=HOOK,
    )  # fmt: skip
    plan = Gemini().start(request, GEMINI)

    assert plan.arguments == (
        "--session-id", "abc", "--approval-mode", "plan", "--model", "flash",
        "--prompt-interactive=--go",
    )  # fmt: skip
    ((path, content),) = plan.files.items()
    assert plan.environment[DEFAULTS_VARIABLE] == str(path)
    assert "BeforeAgent" in json.loads(content)["hooks"]
    assert (plan.takes_prompt, plan.conversation) == (True, "abc")


def test_gemini_goes_on_and_says_what_it_cannot() -> None:
    assert Gemini().start(StartRequest("/p", resume=True), GEMINI).arguments == (
        "--resume", "latest"
    )  # fmt: skip
    for request, installed in (
        (StartRequest("/p", conversation="abc"), Installed("/bin/gemini")),
        (StartRequest("/p", permissions="all"), GEMINI),
    ):
        with pytest.raises(InvalidRequestError) as caught:
            Gemini().start(request, installed)
        assert caught.value.hint


def test_programs_are_known_as_scripts_of_an_interpreter_and_not_without_a_screen() -> None:
    for command in (
        ("/opt/codex/bin/codex", "--no-daemon"), ("codex",), ("node", "/x/bin/codex", "resume"),
    ):  # fmt: skip
        assert Codex().recognise(command)
    for command in (("codex", "app-server"), ("codex", "exec", "x"), ("node", "-e", "codex()")):
        assert not Codex().recognise(command)
    assert Gemini().recognise(("node", "--max-old-space-size=9", "/x/.bin/gemini"))
    assert Gemini().recognise(("/x/node", "/x/gemini.js"))
    assert not Gemini().recognise(("gemini", "-p", "x"))
    assert not Gemini().recognise(("node",))


def test_both_leave_by_their_command_and_clear_line_by_line() -> None:
    for kind in (Codex(), Gemini()):
        assert [stroke.text for stroke in kind.leave()] == ["/quit", "\r"]
        assert len(kind.clear()) == 20
