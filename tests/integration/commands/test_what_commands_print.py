"""Every shell, with and without marks of its own: exit codes and the very output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.commands.conftest import Shell


@dataclass(frozen=True)
class Case:
    """A command, what it prints, and how fish has it, if at all."""

    about: str
    command: str
    output: str
    exit_code: int = 0
    fish: str | None = None


CASES = [
    Case("a line", "echo hello", "hello"),
    Case("nothing", "true", ""),
    Case("an exit code", "sh -c 'exit 42'", "", 42),
    Case("several lines", r"printf 'a\nb\nc\n'", "a\nb\nc"),
    Case("no newline at the end", "printf abc", "abc"),
    Case("no newline after two lines", r"printf 'abc\ndef'", "abc\ndef"),
    Case("a percent sign without a newline", "printf '50%%'", "50%"),
    Case("one column less than a row", "printf %079d 7", "0" * 78 + "7"),
    Case("a whole row without a newline", "printf %080d 7", "0" * 79 + "7"),
    Case("one column more than a row", "printf %081d 7", "0" * 80 + "7"),
    Case("a row that ends as the sign does", r"printf '%079d%%\n' 7", "0" * 78 + "7%"),
    Case("wide characters", r"printf '漢字 e\314\201 x\n'", "漢字 e\u0301 x"),
    Case("a line of several rows", "printf %0200d 7", "0" * 199 + "7"),
    Case("empty lines and spaces", r"printf '\n\n x y\n\n'", "\n\n x y\n"),
    Case("colours", r"printf '\033[31mred\033[0m plain\n'", "red plain"),
    Case("a carriage return", r"printf 'abc\rX\n'", "Xbc"),
    Case("several commands in a line", "echo a; false; echo b; false", "a\nb", 1),
    Case("several lines as one command", "echo one\n\n  echo two\nfalse", "one\ntwo", 1),
    Case("quotes", """echo 'a  "b" $HOME' "c 'd'" \\"e""", 'a  "b" $HOME c \'d\' "e'),
    Case("a quoted newline", "echo 'one\n  two\n three'", "one\n  two\n three"),
    Case("a quoted tab", "printf '[%s]\\n' 'a\tb' | tr '\\t' '>'", "[a>b]"),
    Case("what history would expand", 'echo "hi!there" "you!"', "hi!there you!"),
    Case("a comment", "echo x # not shown", "x"),
    Case("a line that is a comment", "# first\necho x\n# last", "x"),
    Case(
        "a here-document", "cat <<'END'\n x $HOME it's\n\n!y\nEND", " x $HOME it's\n\n!y", fish=""
    ),
    Case(
        "a block with tabs",
        "for one in 1 2; do\n\techo $one\ndone",
        "1\n2",
        fish="for one in 1 2\n\techo $one\nend",
    ),
    Case(
        "a block in a line",
        "for one in 1 2; do echo $one; done",
        "1\n2",
        fish="for one in 1 2; echo $one; end",
    ),
    Case(
        "a function, defined",
        "greet() { echo hi $1; }",
        "",
        fish="function greet; echo hi $argv[1]; end",
    ),
    Case("a function, called", "greet you", "hi you"),
    Case("a variable, set", "A_NAME=5", "", fish="set A_NAME 5"),
    Case("a variable, read", "echo $A_NAME", "5"),
    Case("another exit code", "sh -c 'exit 3'", "", 3),
    Case("the exit code before", "echo $?", "3", fish=""),
    Case("many lines", "seq 150", "\n".join(str(one) for one in range(1, 151))),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
async def test_a_command_gives_its_exit_code_and_its_very_output(shell: Shell, case: Case) -> None:
    command = case.command if case.fish is None or not shell.kind.fish else case.fish
    if not command:
        pytest.skip("fish has no such thing")

    result = await shell.run(command)

    assert result["state"] == "finished"
    assert (result["exit_code"], result["output"]) == (case.exit_code, case.output)
    assert "cleared" not in result


async def test_the_directory_is_where_the_command_has_left_the_shell(
    shell: Shell, tmp_path: Path
) -> None:
    there = tmp_path / "with space, é"
    there.mkdir()

    went = await shell.run(f"cd '{there}'")
    says = await shell.run("pwd")
    back = await shell.run("cd /")

    assert (went["directory"], back["directory"]) == (str(there), "/")
    assert says["output"].replace("\n", "") == str(there)


@pytest.mark.parametrize("wrong", ["echo 'open", "false && )", ") x"])
async def test_what_a_shell_cannot_read_is_told_and_the_shell_goes_on(
    shell: Shell, wrong: str
) -> None:
    result = (await shell.tools.result("run_command", session_id=shell.session_id, command=wrong))[
        "structuredContent"
    ]

    if "code" in result:  # bash asks for the rest of an open quote
        assert result["code"] == "command_incomplete"
        assert "quote" in result["hint"]
    else:
        assert result["exit_code"] != 0
        assert result["output"]
    after = await shell.run("echo goes on")
    assert after["output"] == "goes on"


async def test_a_command_that_a_signal_ended_has_128_and_its_number(shell: Shell) -> None:
    assert (await shell.run("sh -c 'kill -9 $$'"))["exit_code"] == 137


async def test_a_command_that_does_not_exist_has_127(shell: Shell) -> None:
    result = await shell.run("no_such_command_here")

    assert result["exit_code"] == 127
    assert "no_such_command_here" in result["output"]


@pytest.mark.parametrize("before", ["true", "seq 40", "clear", "clear; true"])
async def test_after_a_clear_the_output_is_what_stands_on_the_screen(
    shell: Shell, before: str
) -> None:
    await shell.run(before)

    result = await shell.run("clear; echo cleared; echo twice")

    assert result["exit_code"] == 0
    assert (result["cleared"], result["output"]) == (True, "cleared\ntwice")
    after = await shell.run("echo after")
    assert (after["output"], after.get("cleared")) == ("after", None)


async def test_a_cursor_sent_home_counts_as_a_clear(shell: Shell) -> None:
    await shell.run("clear")
    await shell.run("seq 5")

    result = await shell.run(r"printf '\033[H\033[Ktop\n'")

    assert result["cleared"]
    assert result["output"].startswith("top")
    await shell.run("clear")


async def test_what_a_program_drew_on_a_screen_of_its_own_is_no_output(shell: Shell) -> None:
    await shell.run("clear; echo before")

    drawn = r"printf '\033[?1049h\033[Hdrawn'; printf '\033[?1049l'; echo back"
    result = await shell.run(drawn)

    assert result["output"] == "back"


async def test_a_job_in_the_background_does_not_hold_up_the_result(shell: Shell) -> None:
    result = await shell.run("sleep 0.2 &")

    assert (result["state"], result["exit_code"]) == ("finished", 0)
    await shell.run("wait")


async def test_a_reset_screen_is_cleared_too(shell: Shell) -> None:
    result = await shell.run(r"printf '\033c'; echo new")

    assert (result["cleared"], result["output"]) == (True, "new")
