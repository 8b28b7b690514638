"""What is typed for a command, shell by shell."""

from __future__ import annotations

import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.commands.typed_commands import (
    CLOSING,
    MAX_COMMAND,
    NONCE,
    Dialect,
    as_given,
    check_command,
    closing,
    dialect_of,
    for_marked,
    for_unmarked,
    is_same,
    new_nonce,
    replaces_shell,
)


@pytest.mark.parametrize(
    "command",
    [
        "ls -l | wc -l",
        "git commit -m 'it is'",
        "for one in 1 2; do echo $one; done",
        "if true; then echo $(date); fi",
        "echo ${HOME} `date`",
        "[[ -n $HOME ]] && { echo x; }",
    ],
)
def test_a_line_that_means_what_it_shows_is_typed_as_it_is(command: str) -> None:
    assert for_marked(command, "posix", "bash") == f"{command}\r"


@pytest.mark.parametrize(
    "command",
    [
        "echo hi!",
        "echo x # more",
        "cat << END",
        "echo \\",
        "true &&",
        "echo `date",
        "for one in 1 2",
        "if true",
        "(echo",
        "one\ntwo",
    ],
)
def test_what_a_line_editor_may_misread_is_quoted(command: str) -> None:
    typed = for_marked(command, "posix", "zsh")

    assert typed == "eval '" + command.replace("\n", "\r") + "'\r"


@pytest.mark.parametrize(
    ("command", "typed"),
    [("echo 'a", "echo 'a\r"), ("echo 'a\nb", "{\recho 'a\rb\r}\r")],
)
def test_bash_is_left_to_ask_for_the_rest_of_an_open_quote(command: str, typed: str) -> None:
    assert for_marked(command, "posix", "bash") == typed


def test_a_quote_inside_is_kept() -> None:
    assert for_marked("echo it\\'s!", "posix", "bash") == "eval 'echo it\\'\\''s!'\r"


def test_a_tab_is_inserted_and_completes_nothing() -> None:
    assert for_marked("a\tb", "posix", "bash") == "a\x16\tb\r"


@pytest.mark.parametrize(
    ("command", "inside"),
    [
        ("echo a", "echo a"),
        ("echo a\necho b", "echo a\necho b"),
        ("begin; echo a; end", "begin; echo a; end"),
        ("printf '\t'", "eval 'printf \\''\\t'\\''"),
        ("echo 'a", "eval 'echo \\'a'"),
        ("if true", "eval 'if true'"),
        ("echo (", "eval 'echo ('"),
        ("echo a\\b 'c", "eval 'echo a\\\\b \\'c'"),
    ],
)
def test_fish_gets_a_paste_and_what_it_would_not_take_whole_quoted(
    command: str, inside: str
) -> None:
    assert for_marked(command, "fish", "fish") == f"\x1b[200~{inside}\x1b[201~\r"


@pytest.mark.parametrize(
    ("dialect", "shell"), [("posix", "bash"), ("posix", "dash"), ("posix", ""), ("fish", "fish")]
)
def test_without_marks_the_command_stands_between_marks_of_our_own(
    dialect: Dialect, shell: str
) -> None:
    typed = for_unmarked("make all", dialect, shell, "iterm-mcp:0123")

    assert typed[0] == " ", "kept out of the history"
    before, _, after = typed.partition("make all")
    assert "133;A" in before
    assert "133;B\\007iterm-mcp:0123" in before
    assert "133;C" in before
    assert "133;D" in after
    assert ("command eval" in typed) is (shell == "dash")


def test_an_open_quote_stays_in_a_group_of_its_own_in_bash() -> None:
    assert "; {\recho 'a\r}; " in for_unmarked("echo 'a", "posix", "bash", "n")


def test_a_shell_without_line_editor_takes_no_long_line() -> None:
    for_unmarked("x\n" * 4000, "posix", "dash", "n")
    for_unmarked("x" * 5000, "posix", "zsh", "n")

    with pytest.raises(InvalidRequestError, match="dash"):
        for_unmarked("x" * 5000, "posix", "dash", "n")


@pytest.mark.parametrize("dialect", ["posix", "fish"])
def test_the_end_of_a_broken_off_command_is_marked_afterwards(dialect: Dialect) -> None:
    typed = closing(dialect)

    assert CLOSING in typed
    assert "133;D;%s" in typed
    assert typed.endswith("\r")


@pytest.mark.parametrize(
    ("job", "dialect"),
    [("bash", "posix"), ("-zsh", "posix"), ("fish", "fish"), ("vim", None), (None, None)],
)
def test_a_shell_is_known_by_its_name(job: str | None, dialect: str | None) -> None:
    assert dialect_of(job) == dialect


def test_a_command_loses_only_the_newlines_around_it() -> None:
    assert check_command("\n  a\r\nb \n\n") == "  a\nb "


@pytest.mark.parametrize("command", ["", " \n ", "x" * (MAX_COMMAND + 1), "a\x03b", "a\x1b[0m"])
def test_what_is_no_command_is_refused(command: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_command(command)

    assert refused.value.hint


@pytest.mark.parametrize(
    ("command", "replaces"),
    [("exec zsh", True), (" command exec bash -l", True), ("exec >log", False), ("ls", False)],
)
def test_a_command_that_replaces_the_shell_is_known_by_its_name_too(
    command: str, *, replaces: bool
) -> None:
    nonce = new_nonce(command)

    assert replaces_shell(command) is replaces
    assert replaces_shell(nonce) is replaces
    assert nonce.startswith(NONCE)
    assert nonce != new_nonce(command)


@pytest.mark.parametrize("dialect", ["posix", "fish"])
def test_what_a_shell_says_that_it_runs_is_known_as_what_was_typed(dialect: Dialect) -> None:
    typed = for_marked("echo a\tb  c", dialect, "")

    ran = "eval 'echo a'\\t'b c'" if dialect == "fish" else "echo a b c"
    assert is_same(ran, typed)
    assert not is_same("echo a", typed)


@pytest.mark.parametrize("command", ["echo 'it' # no", "cat <<E\nit's\nE", "it's", "'a'; b &"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "dash"])
def test_what_was_wrapped_to_be_typed_reads_as_it_was_given(command: str, shell: str) -> None:
    ran = for_marked(command, "posix", shell).replace("\r", "\n").strip()
    assert as_given(ran) in {command, f"{{\n{command}\n}}"}


@pytest.mark.parametrize("ran", ["eval 'a' 'b'", "eval $x", "ls", "eval 'a", "eval 'a'x"])
def test_what_was_typed_otherwise_is_left_as_it_is(ran: str) -> None:
    assert as_given(ran) == ran
