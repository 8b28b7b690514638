"""What a session's program sees: iTerm2's variables, and nothing of who started the host."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from iterm_mcp.host import colors, environment
from iterm_mcp.host.features import FEATURES
from iterm_mcp.host.profiles import DEFAULT

FOREIGN = [
    "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CODEX_HOME", "GEMINI_CLI", "MCP_SERVER",
    "VIRTUAL_ENV", "CONDA_PREFIX", "TMUX", "TMUX_PANE", "STY", "WINDOW", "TERMCAP",
    "CLAUDE_CONFIG_DIR", "ITERM_MCP_TOKEN", "ITERM2_COOKIE", "ITERM2_KEY",
    "TERM_PROGRAM_VERSION", "ITERM_MCP_HOME", "ITERM_PROFILE_X", "IT2_OLD", "COLUMNS", "LINES",
    "COVERAGE_PROCESS_START", "PYTEST_CURRENT_TEST", "OLDPWD", "SHLVL", "_", "PYTHONPATH",
]  # fmt: skip
KEPT = [
    "PATH", "HOME", "LANG", "LC_ALL", "USER", "SSH_AUTH_SOCK", "STYLE", "WINDOWID", "EDITOR",
    "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "CODEX_API_KEY", "GITHUB_TOKEN",
]  # fmt: skip


def given(base: dict[str, str], **profile: str) -> dict[str, str]:
    return _environment(base, DEFAULT | profile)


def _environment(base: dict[str, str], profile: dict[str, Any]) -> dict[str, str]:
    return environment.environment(
        base,
        session_id="ID",
        position="w0t1p2",
        profile=profile,
        directory="/somewhere",
        cookie="secret",
        suite="suite",
    )


@pytest.mark.behaves("clean", source="C")
@pytest.mark.parametrize("name", FOREIGN)
def test_what_describes_the_starters_surroundings_is_left_out(name: str) -> None:
    assert "theirs" not in given({name: "theirs"}).values()


@pytest.mark.parametrize("name", KEPT)
def test_what_describes_the_user_is_kept(name: str) -> None:
    assert given({name: "mine"})[name] == "mine"


@pytest.mark.behaves("session", source="C")
def test_a_session_knows_its_place_and_how_to_reach_us() -> None:
    found = given({"SHELL": "/bin/sh", "PWD": "/elsewhere"}, Name="Work")
    assert found["ITERM_SESSION_ID"] == found["TERM_SESSION_ID"] == "w0t1p2:ID"
    assert (found["ITERM2_COOKIE"], found["IT2_SUITE"]) == ("secret", "suite")
    assert (found["ITERM_PROFILE"], found["PWD"]) == ("Work", "/somewhere")
    assert (found["TERM_PROGRAM"], found["LC_TERMINAL"]) == ("iTerm.app", "iTerm2")
    assert found["SHELL"] == "/bin/sh"


@pytest.mark.parametrize(("asked", "term"), [("vt100", "vt100"), ("", "xterm-256color")])
def test_the_profile_names_the_kind_of_terminal(asked: str, term: str) -> None:
    assert given({}, **{"Terminal Type": asked})["TERM"] == term


@pytest.mark.parametrize("shell", ["/no/such/shell", "/etc/passwd", ""])
def test_a_shell_that_cannot_be_run_is_replaced(shell: str) -> None:
    own = pwd.getpwuid(os.getuid()).pw_shell
    assert environment.login_shell({"SHELL": shell}) in {own, "/bin/sh"}
    assert environment.login_shell({"SHELL": shell}) != shell


@pytest.mark.parametrize(
    ("profile", "argv"),
    [
        ({}, ["/bin/sh", "-l"]),
        ({"Command": "ls"}, ["/bin/sh", "-l"]),
        ({"Custom Command": "Yes", "Command": " "}, ["/bin/sh", "-l"]),
        ({"Custom Command": "Yes", "Command": "ls -l 'a b' $HOME"}, ["ls", "-l", "a b", "$HOME"]),
        ({"Custom Command": "Custom Shell", "Command": "/bin/bash"}, ["/bin/bash"]),
    ],
)
def test_the_profile_says_what_is_run(profile: dict[str, str], argv: list[str]) -> None:
    assert environment.command_line({"SHELL": "/bin/sh"}, profile) == argv


def test_a_command_whose_quotes_do_not_match_is_refused() -> None:
    with pytest.raises(ValueError, match="quotation"):
        environment.command_line({}, {"Custom Command": "Yes", "Command": "echo 'a"})


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ({}, "/usr"),
        ({"Working Directory": "/bin"}, "/usr"),
        ({"Custom Directory": "Yes"}, "/usr"),
        ({"Custom Directory": "Yes", "Working Directory": "/bin"}, "/bin"),
        ({"Custom Directory": "Yes", "Working Directory": "~"}, str(Path.home())),
        ({"Custom Directory": "Yes", "Working Directory": "~no one/x"}, "~no one/x"),
    ],
)
def test_the_profile_says_where_it_starts(profile: dict[str, str], expected: str) -> None:
    assert environment.start_directory({"HOME": "/usr"}, profile) == expected


@pytest.mark.parametrize("base", [{}, {"HOME": ""}, {"HOME": "/no/such/home"}])
def test_without_a_home_it_starts_at_the_root(base: dict[str, str]) -> None:
    assert environment.start_directory(base, {}) == "/"


@pytest.mark.behaves("session", source="C")
def test_a_program_is_told_what_the_terminal_can_do_and_whether_it_is_dark() -> None:
    """API, appendix C."""
    found = given({})
    assert (found["TERM_FEATURES"], found["COLORTERM"]) == (FEATURES, "truecolor")
    assert found["COLORFGBG"] == "15;0"


@pytest.mark.parametrize(
    ("background", "told"), [("#000000", "15;0"), ("#ffffff", "0;15"), ("#eee8d5", "0;15")]
)
def test_the_background_is_told_as_dark_or_light(background: str, told: str) -> None:
    profile = DEFAULT | {"Background Color": colors.from_hex(background)}
    assert _environment({}, profile)["COLORFGBG"] == told


def test_a_background_that_is_no_colour_is_dark() -> None:
    assert _environment({}, DEFAULT | {"Background Color": "blue"})["COLORFGBG"] == "15;0"


@pytest.mark.parametrize("name", ["LANG", "LC_ALL", "LC_CTYPE"])
def test_a_language_is_the_users_own_if_there_is_one_and_else_unicode(name: str) -> None:
    assert given({})["LC_CTYPE"] == environment.UTF8_LOCALE
    found = given({name: "de_DE"})
    assert {key: found[key] for key in found if key.startswith(("LC_", "LANG"))} == {
        name: "de_DE", "LC_TERMINAL": "iTerm2", "LC_TERMINAL_VERSION": found["LC_TERMINAL_VERSION"],
    }  # fmt: skip


def test_a_profile_adds_variables_of_its_own_over_all_others() -> None:
    own = {"TERM": "dumb", "TOKEN": "a b", "LANG": ""}
    found = _environment({"LANG": "de", "PATH": "/bin"}, DEFAULT | {environment.PROFILE_KEY: own})

    assert {name: found[name] for name in own} == own
    assert found["PATH"] == "/bin"


@pytest.mark.parametrize(
    "own", ["A=b", None, [], {"": "x"}, {"A=": "x"}, {"A\0": "x"}, {"A": "\0"}, {"A": 5}]
)
def test_what_cannot_be_a_variable_is_passed_over(own: object) -> None:
    assert _environment({}, DEFAULT | {environment.PROFILE_KEY: own}) == given({})
