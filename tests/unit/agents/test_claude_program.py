"""How Claude Code is started, and how it looks running."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from iterm_mcp.agents.claude_program import (
    FEATURES,
    find_program,
    installed,
    plan,
    recognises,
)
from iterm_mcp.agents.claude_protocol import protocol_arguments
from iterm_mcp.agents.kind import Installed, StartRequest
from iterm_mcp.agents.reports import TOKEN, Reports
from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from pathlib import Path

ID = "caac3366-e3f7-42b0-8c4e-df87af9b1af0"
NEW = Installed("/bin/claude", "2.1.330", frozenset(FEATURES))
OLD = Installed("/bin/claude", "0.2.9")


def arguments(program: Installed = NEW, **fields: Any) -> tuple[str, ...]:  # noqa: ANN401
    return plan(StartRequest("/w", **fields), program).arguments


def after(words: tuple[str, ...], option: str) -> str:
    return words[words.index(option) + 1]


def test_a_new_conversation_has_an_id_that_we_choose() -> None:
    one, other = (plan(StartRequest("/w"), NEW) for _ in range(2))

    assert after(one.arguments, "--session-id") == one.conversation
    assert str(uuid.UUID(one.conversation)) == one.conversation
    assert one.conversation != other.conversation


def test_a_conversation_is_gone_on_with_by_its_id() -> None:
    started = plan(StartRequest("/w", conversation=ID, resume=True), NEW)

    assert after(started.arguments, "--resume") == ID
    assert "--session-id" not in started.arguments
    assert started.conversation == ID


def test_the_first_order_is_the_last_argument_and_never_an_option() -> None:
    started = plan(StartRequest("/w", prompt="--version", options=("--add-dir", "/x")), NEW)

    assert started.arguments[-4:] == ("--add-dir", "/x", "--", "--version")
    assert started.takes_prompt


def test_a_first_order_that_is_too_long_for_an_argument_has_to_be_told() -> None:
    started = plan(StartRequest("/w", prompt="x" * 200_000), NEW)

    assert not started.takes_prompt
    assert "--" not in started.arguments


def test_our_hooks_come_beside_the_persons_own() -> None:
    settings = json.loads(after(arguments(hook_command=("im", "hook")), "--settings"))

    assert settings["hooks"]["Stop"][0]["hooks"][0]["command"] == "im hook"


@pytest.mark.parametrize(
    ("version", "asks_over_http"),
    [("2.1.330", True), ("2.1.63", True), ("2.1.62", False), ("3.0", True), ("", False)],
)
def test_only_versions_that_know_addresses_as_hooks_are_given_one(
    version: str, *, asks_over_http: bool
) -> None:
    program = installed("/bin/claude", version, " ".join(FEATURES.values()))
    request = StartRequest(
        "/w", hook_command=("relay",), spool="/s", reports=Reports("http://h", "secret")
    )
    started = plan(request, program)
    assert ("http://h" in after(started.arguments, "--settings")) is asks_over_http
    assert ("relay" in after(started.arguments, "--settings")) is not asks_over_http
    assert (started.environment == {TOKEN: "secret"}) is asks_over_http
    assert not any("secret" in one for one in started.arguments)


def test_model_and_permissions_are_passed_on() -> None:
    words = arguments(model="opus", permissions="acceptEdits")

    assert after(words, "--model") == "opus"
    assert after(words, "--permission-mode") == "acceptEdits"


@pytest.mark.parametrize(
    "fields",
    [
        {"resume": True},
        {"conversation": "latest"},
        {"conversation": "../x", "resume": True},
        {"model": "--dangerously-skip-permissions"},
        {"permissions": "plan --print"},
        {"prompt": "/exit"},
        {"prompt": "a\x1bb"},
    ],
)
def test_what_cannot_be_a_start_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        arguments(**fields)

    assert refused.value.hint


@pytest.mark.parametrize(
    "fields",
    [{"conversation": ID}, {"conversation": ID, "resume": True}, {"permissions": "plan"},
     {"hook_command": ("im",)}],
)  # fmt: skip
def test_an_old_version_says_what_it_lacks(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        arguments(OLD, **fields)

    assert refused.value.code == "kind_feature_missing"
    assert "--" in str(refused.value)


def test_an_old_version_starts_when_nothing_new_is_asked_of_it() -> None:
    started = plan(StartRequest("/w", prompt="hello"), OLD)

    assert started.arguments == ("--", "hello")
    assert started.conversation == ""


def test_without_a_screen_permissions_are_asked_of_us() -> None:
    words = protocol_arguments(StartRequest("/w"), NEW)

    assert after(words, "--permission-prompts") == "host"
    assert after(words, "--permission-prompt-tool") == "stdio"
    assert "--print" in words
    older = Installed("/bin/claude", "2.0", frozenset({"stream_json"}))
    assert "--permission-prompts" not in protocol_arguments(StartRequest("/w"), older)
    with pytest.raises(InvalidRequestError):
        protocol_arguments(StartRequest("/w"), OLD)


def test_features_are_found_in_its_help() -> None:
    words = "  --resume [id]  …\n  --session-id <uuid>\n  --settings <file-or-json>"

    found = installed("/bin/claude", "2.1.330 (Claude Code)\n", words)

    assert found == Installed(
        "/bin/claude", "2.1.330", frozenset({"resume", "session_id", "hooks", "http_hooks"})
    )
    assert installed("/bin/claude", "", "") == Installed("/bin/claude")


def test_it_is_found_where_its_own_installer_puts_it(tmp_path: Path) -> None:
    program = tmp_path / ".local" / "bin" / "claude"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")

    assert find_program({"PATH": "", "HOME": str(tmp_path)}) is None  # nobody may run it
    program.chmod(0o755)
    assert find_program({"PATH": "", "HOME": str(tmp_path)}) == str(program)
    assert find_program({"PATH": str(program.parent), "HOME": "/nowhere"}) == str(program)


@pytest.mark.parametrize(
    "command",
    [
        ("claude",),
        ("claude", "mend the test"),
        ("/home/user/.local/bin/claude", "--resume", ID),
        ("node", "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"),
        ("node", "--no-warnings", "/opt/claude-code/cli.mjs", "--model", "opus"),
        ("/opt/node_modules/@anthropic-ai/claude-code/bin/claude.exe",),
        ("/usr/bin/python3", "/tmp/bin/claude", "hello"),
        ("claude", "--", "-p"),
    ],
)
def test_a_running_one_is_recognised(command: tuple[str, ...]) -> None:
    assert recognises(command)


@pytest.mark.parametrize(
    "command",
    [
        (), ("bash",), ("node",), ("node", "server.js"), ("vim", "claude"), ("claude-desktop",),
        ("claude", "mcp", "serve"), ("claude", "-p", "hello"), ("claude", "--version"),
        ("claude", "doctor"), ("tail", "-f", "/x/claude-code/cli.js"),
    ],
)  # fmt: skip
def test_other_programs_and_those_without_a_screen_are_not(command: tuple[str, ...]) -> None:
    assert not recognises(command)
