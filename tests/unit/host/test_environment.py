"""What a session's program sees: iTerm2's variables, and nothing of who started the host."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from iterm_mcp.host import environment
from iterm_mcp.host.profiles import DEFAULT

FOREIGN = [
    "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CODEX_HOME", "GEMINI_CLI", "MCP_SERVER",
    "VIRTUAL_ENV", "CONDA_PREFIX", "TMUX", "TMUX_PANE", "STY", "WINDOW", "TERMCAP",
    "TERM_PROGRAM_VERSION", "ITERM_MCP_HOME", "ITERM_PROFILE_X", "IT2_OLD", "COLUMNS", "LINES",
    "COVERAGE_PROCESS_START", "PYTEST_CURRENT_TEST", "OLDPWD", "SHLVL", "_", "PYTHONPATH",
]  # fmt: skip
KEPT = ["PATH", "HOME", "LANG", "LC_ALL", "USER", "SSH_AUTH_SOCK", "STYLE", "WINDOWID", "EDITOR"]


def given(base: dict[str, str], **profile: str) -> dict[str, str]:
    return environment.environment(
        base,
        session_id="ID",
        position="w0t1p2",
        profile=DEFAULT | profile,
        directory="/somewhere",
        cookie="secret",
        suite="suite",
    )


@pytest.mark.parametrize("name", FOREIGN)
def test_what_describes_the_starters_surroundings_is_left_out(name: str) -> None:
    assert "theirs" not in given({name: "theirs"}).values()


@pytest.mark.parametrize("name", KEPT)
def test_what_describes_the_user_is_kept(name: str) -> None:
    assert given({name: "mine"})[name] == "mine"


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
    ],
)
def test_the_profile_says_where_it_starts(profile: dict[str, str], expected: str) -> None:
    assert environment.start_directory({"HOME": "/usr"}, profile) == expected


@pytest.mark.parametrize("base", [{}, {"HOME": ""}, {"HOME": "/no/such/home"}])
def test_without_a_home_it_starts_at_the_root(base: dict[str, str]) -> None:
    assert environment.start_directory(base, {}) == "/"
