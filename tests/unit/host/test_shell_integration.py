from __future__ import annotations

import sys
from pathlib import Path

import pytest

from iterm_mcp.host.shell_integration import FOLDER, PROFILE_KEY, integrate

HERE = Path("/scripts")
ENVIRON = {"TERM": "xterm-256color", "PATH": "/usr/bin"}


@pytest.mark.parametrize(
    ("argv", "changed"),
    [
        (["/bin/zsh", "-l"], ["/bin/zsh", "-l"]),
        (["/opt/bash", "-l"], ["/opt/bash", "--posix", "-l"]),
        (["bash"], ["bash", "--rcfile", "/scripts/integration.bash"]),
        (
            ["fish", "-l"],
            ["fish", "--init-command", "source /scripts/integration.fish", "-l"],
        ),
    ],
    ids=" ".join,
)
def test_a_shell_reads_our_script_too(argv: list[str], changed: list[str]) -> None:
    assert integrate(argv, ENVIRON, {}, HERE)[0] == changed


def test_what_the_scripts_replace_is_passed_on_to_them() -> None:
    environ = {**ENVIRON, "ENV": "mine", "ZDOTDIR": "/my/zsh"}
    _, for_bash = integrate(["bash", "--login"], environ, {}, HERE)
    assert for_bash == environ | {"ENV": "/scripts/integration.bash", "ITERM_MCP_ENV": "mine"}
    _, for_zsh = integrate(["zsh"], environ, {}, HERE)
    assert for_zsh == environ | {"ZDOTDIR": "/scripts/zsh", "ITERM_MCP_ZDOTDIR": "/my/zsh"}
    assert integrate(["zsh"], ENVIRON, {}, HERE)[1] == ENVIRON | {"ZDOTDIR": "/scripts/zsh"}


@pytest.mark.parametrize(
    "argv",
    [
        ["bash", "-c", "ls"],
        ["bash", "script"],
        ["bash", "--norc"],
        ["zsh", "-f"],
        ["fish", "-c", "ls"],
        ["/bin/sh", "-l"],
        ["vim"],
        [],
    ],
    ids=" ".join,
)
def test_what_is_no_plain_shell_is_started_as_it_is(argv: list[str]) -> None:
    assert integrate(argv, ENVIRON, {}, HERE) == (argv, ENVIRON)


def test_integration_can_be_refused() -> None:
    assert integrate(["zsh"], ENVIRON, {PROFILE_KEY: False}, HERE) == (["zsh"], ENVIRON)
    assert integrate(["zsh"], ENVIRON, {PROFILE_KEY: True}, HERE)[1] != ENVIRON


def test_a_terminal_without_sequences_gets_none() -> None:
    dumb = {**ENVIRON, "TERM": "dumb"}
    assert integrate(["zsh"], dumb, {}, HERE) == (["zsh"], dumb)


def test_a_folder_that_bash_would_expand_is_not_named_to_it() -> None:
    assert integrate(["bash", "-l"], ENVIRON, {}, Path("/a$b")) == (["bash", "-l"], ENVIRON)


@pytest.mark.skipif(sys.platform != "darwin", reason="macOS has the old bash")
def test_apples_bash_is_started_as_it_is_at_login() -> None:
    assert integrate(["bash", "-l"], {**ENVIRON, "PATH": "/bin"}, {}, HERE)[0] == ["bash", "-l"]


def test_the_scripts_are_there() -> None:
    scripts = ("integration.bash", "integration.fish", "zsh/.zshenv")
    assert all((FOLDER / script).is_file() for script in scripts)
