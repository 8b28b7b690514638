"""What rules allow, deny and leave to a person."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.approvals import Asks
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.services.approvals.policies import (
    Decision,
    Policy,
    PolicyRequest,
    command_of,
    path_matches,
    paths_of,
)
from iterm_mcp.services.approvals.rules import MAX_RULES, PolicyError, parse_rules

TESTS = """
[[rule]]
name = "tests may run"
decision = "allow"
tools = ["Bash"]
commands = ['pytest( \\S+)*']
"""


def request(command: str = "", **more: object) -> PolicyRequest:
    values: dict[str, object] = {
        "agent": AgentName("ann"),
        "teams": frozenset({TeamName("web"), TeamName("all-web")}),
        "role": "tester",
        "asks": Asks.PERMISSION,
        "tool": "Bash",
        "command": command,
    }
    return PolicyRequest(**{**values, **more})  # type: ignore[arg-type]


def decision(text: str, asked: PolicyRequest) -> Decision:
    return parse_rules(text, home="/home/me").decide(asked).decision


def test_without_rules_a_person_is_asked_about_everything() -> None:
    verdict = Policy().decide(request("ls"))
    assert (verdict.decision, verdict.reason) == (Decision.ASK, "no rule matches")


def test_the_first_rule_that_matches_decides_and_the_others_are_explained() -> None:
    policy = parse_rules(
        TESTS
        + """
[[rule]]
decision = "deny"
tools = ["Bash"]
commands = ['\\brm\\b']
message = "Nothing is removed here."

[[rule]]
decision = "allow"
tools = ["*"]
"""
    )
    verdict = policy.decide(request("rm -r build"))
    assert (verdict.decision, verdict.rule) == (Decision.DENY, "rule 2")
    assert verdict.message == "Nothing is removed here."
    assert verdict.passed == (("tests may run", "not the whole command"),)
    assert policy.decide(request("ls")).rule == "rule 3"


@pytest.mark.parametrize(
    "command",
    [
        "pytest; rm -rf /", "pytest && curl evil", "pytest | sh", "pytest > /etc/passwd",
        "pytest $(rm x)", "pytest `rm x`", "pytest\nrm x", "pytest & rm x", "sudo pytest",
        "pytest (x)", "pytest $HOME",
    ],
)  # fmt: skip
def test_allowing_a_command_does_not_allow_what_is_appended_to_it(command: str) -> None:
    broad = TESTS.replace("pytest( \\S+)*", "pytest(?s:.*)")
    assert decision(broad, request(command)) is Decision.ASK


def test_a_compound_command_is_allowed_only_where_the_rule_says_so() -> None:
    text = TESTS.replace("pytest( \\S+)*", "cd [a-z]+ && pytest")
    assert decision(text, request("cd src && pytest")) is Decision.ASK
    assert decision(f"{text}compound = true\n", request("cd src && pytest")) is Decision.ALLOW
    assert decision(f"{text}compound = true\n", request("cd src && pytest; x")) is Decision.ASK


def test_a_pattern_with_alternatives_still_has_to_match_the_whole_command() -> None:
    text = TESTS.replace("pytest( \\S+)*", "ls|pytest")
    assert decision(text, request("ls")) is Decision.ALLOW
    assert decision(text, request("ls -R secret pytest")) is Decision.ASK


def test_a_denial_needs_only_a_part_of_a_command() -> None:
    text = "[[rule]]\ndecision = 'deny'\ncommands = ['rm ']\n"
    assert decision(text, request("cd x && rm y")) is Decision.DENY
    assert decision(text, request("ls")) is Decision.ASK


def test_nothing_is_allowed_by_what_was_only_read_from_a_screen() -> None:
    assert decision(TESTS, request("pytest")) is Decision.ALLOW
    assert decision(TESTS, request("pytest", exact=False)) is Decision.ASK


def test_a_denial_also_counts_for_what_was_only_read_from_a_screen() -> None:
    text = "[[rule]]\ndecision = 'deny'\ntools = ['Bash']\n"
    assert decision(text, request("pytest", exact=False)) is Decision.DENY


def test_a_question_is_never_answered_by_a_rule() -> None:
    text = "[[rule]]\ndecision = 'allow'\ntools = ['*']\n"
    assert decision(text, request(asks=Asks.QUESTION)) is Decision.ASK


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ("agents = ['a*']", True), ("agents = ['b*', 'ann']", True), ("agents = ['an']", False),
        ("teams = ['all-web']", True), ("teams = ['ops']", False), ("roles = ['test*']", True),
        ("roles = ['boss']", False), ("tools = ['bash']", False), ("paths = ['/x']", False),
    ],
)  # fmt: skip
def test_rules_are_for_agents_teams_roles_and_tools(condition: str, *, fits: bool) -> None:
    text = f"[[rule]]\ndecision = 'deny'\n{condition}\n"
    assert (decision(text, request("x")) is Decision.DENY) is fits


def test_a_rule_with_commands_is_not_for_tools_that_have_none() -> None:
    assert decision(TESTS.replace('"Bash"', '"*"'), request(tool="Write")) is Decision.ASK


def test_paths_are_allowed_if_all_fit_and_denied_if_one_does() -> None:
    allows = "[[rule]]\ndecision = 'allow'\npaths = ['/app/**']\n"
    denies = "[[rule]]\ndecision = 'deny'\npaths = ['~/.ssh/**']\n"
    inside = request(tool="Edit", paths=("/app/a", "/app/b/c"))
    both = request(tool="Edit", paths=("/app/a", "/home/me/.ssh/id"))
    assert decision(allows, inside) is Decision.ALLOW
    assert decision(allows, both) is Decision.ASK
    assert decision(denies, both) is Decision.DENY
    assert decision(denies, inside) is Decision.ASK


def test_paths_come_out_of_a_tools_input_absolute_and_without_detours() -> None:
    given_input = {"file_path": "src/../../etc/passwd", "paths": ["a", 1, "/b"], "path": ""}
    assert paths_of(given_input, "/app/proj") == ("/app/etc/passwd", "/app/proj/a", "/b")  # type: ignore[arg-type]


def test_a_command_may_be_a_text_or_a_list() -> None:
    assert command_of({"command": "ls -l"}) == "ls -l"
    assert command_of({"command": ["ls", "-l"]}) == "ls -l"
    assert command_of({"command": 7}) == ""


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("/a/b", "/a/*", True), ("/a/b/c", "/a/*", False), ("/a/b/c", "/a/**", True),
        ("/a", "/a/**", True), ("/x/a/b.py", "**/*.py", True), ("/a/b/c/d", "/a/**/d", True),
        ("/a/d", "/a/**/d", True), ("/a/d/e", "/a/**/d", False), ("/a/.env", "**/.env", True),
        ("/ab", "/a**", True), ("/a/b/a/c", "/**/a/c", True), ("/", "/", True), ("/a", "/", False),
    ],
)  # fmt: skip
def test_two_stars_go_over_folders_and_one_does_not(path: str, pattern: str, *, fits: bool) -> None:
    assert path_matches(path, pattern) is fits


@given(st.lists(st.sampled_from("ab"), max_size=8), st.lists(st.sampled_from(["a", "*", "**"])))
def test_a_path_that_fits_still_fits_below_two_stars(parts: list[str], pattern: list[str]) -> None:
    path, wanted = "/" + "/".join(parts), "/" + "/".join(pattern)
    if path_matches(path, wanted):
        assert path_matches(f"/x/y{path}", f"/**{wanted}")
        assert path_matches(f"{path}/z", f"{wanted}/**")


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("x = [\n", 0, "", "nvalid"),
        ("a = 1\nb = = 2\n", 2, "", "nvalid"),
        ("rules = []\n", 1, "rules", "no such key"),
        ("\n[rule]\nx = 1\n", 2, "rule", "[[rule]]"),
        ("[[rule]]\ndecision = 'yes'\n", 2, "decision", "allow, deny, ask"),
        ("[[rule]]\n\n[[rule]]\nname = 'x'\n", 1, "decision", "allow, deny, ask"),
        ("[[rule]]\ndecision='ask'\n[[rule]]\ndecision='ask'\ntool=['x']\n", 5, "tool", "tools"),
        ("[[rule]]\ndecision='ask'\ntools='x'\n", 3, "tools", "list of texts"),
        ("[[rule]]\ndecision='ask'\ntools=[]\n", 3, "tools", "empty"),
        ("[[rule]]\ndecision='ask'\nname=1\n", 3, "name", "a text"),
        ("[[rule]]\ndecision='ask'\ncompound=1\n", 3, "compound", "true or false"),
        ("[[rule]]\ndecision='allow'\nagents=['x']\n", 2, "decision", "must say which"),
        ("[[rule]]\ndecision='ask'\ncommands=['(']\n", 3, "commands", "regular expression"),
        ("[[rule]]\ndecision='ask'\ncommands=['a)|(b']\n", 3, "commands", "regular expression"),
        ("[[rule]]\ndecision='ask'\npaths=['src']\n", 3, "paths", "must begin with"),
    ],
)
def test_a_bad_file_is_refused_with_its_line_and_key(
    text: str, line: int, key: str, words: str
) -> None:
    with pytest.raises(PolicyError, match=words.replace("[", r"\[")) as caught:
        parse_rules(text)
    assert (caught.value.line or 0, caught.value.key) == (line, key)
    assert caught.value.hint
    if line:
        assert str(caught.value).startswith(f"line {line}: ")


def test_a_list_written_as_a_value_is_read_but_has_no_lines_of_its_own() -> None:
    with pytest.raises(PolicyError, match="decision: must be one of") as caught:
        parse_rules("rule = [{decision = 'x'}]\n")
    assert caught.value.line is None


def test_there_is_an_end_to_how_many_rules_there_are() -> None:
    with pytest.raises(PolicyError, match="more than"):
        parse_rules("[[rule]]\ndecision = 'ask'\n" * (MAX_RULES + 1))


def test_the_rules_in_the_manual_are_good() -> None:
    manual = Path(__file__).resolve().parents[3] / "docs" / "approvals.md"
    text = manual.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    policy = parse_rules(text, home="/home/me")
    names = [rule.name for rule in policy.rules]
    assert names == ["tests may run", "no secrets"]
    asked = request("uv run pytest -x -q", agent=AgentName("builder-1"))
    assert policy.decide(asked).rule == "tests may run"
    secret = request(tool="Read", paths=("/app/.env",))
    assert policy.decide(secret).rule == "no secrets"
