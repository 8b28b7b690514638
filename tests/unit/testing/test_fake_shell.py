from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.sessions import Size
from iterm_mcp.testing.fake_shell import FakeShell


def rows(shell: FakeShell) -> list[str]:
    return [line for line in shell.screen().lines if line]


def shell_of(columns: int = 20, height: int = 10) -> FakeShell:
    return FakeShell(Size(columns, height))


def test_a_new_shell_shows_a_prompt_with_the_cursor_behind_it() -> None:
    screen = shell_of().screen()

    assert screen.lines[0] == "$ "
    assert (screen.cursor_column, screen.cursor_row, screen.first_line) == (2, 0, 0)


def test_echo_prints_its_words_as_a_shell_would_split_them() -> None:
    shell = shell_of()

    shell.type("echo  a   'b  c'\r")

    assert rows(shell) == ["$ echo  a   'b  c'", "a b  c", "$ "]


def test_an_unknown_command_and_a_broken_line_are_told_so() -> None:
    shell = shell_of(60)

    shell.type("frobnicate now\recho 'open\r\r")

    assert rows(shell) == [
        "$ frobnicate now",
        "sh: frobnicate: not found",
        "$ echo 'open",
        "sh: No closing quotation",
        "$ ",
        "$ ",
    ]


def test_backspace_takes_back_what_was_typed_but_not_the_prompt() -> None:
    shell = shell_of()

    shell.type("ab\x7f\x7f\x7fecho c\r")

    assert rows(shell) == ["$ echo c", "c", "$ "]


def test_an_interrupt_drops_the_line() -> None:
    shell = shell_of()

    shell.type("echo no\x03echo yes\r")

    assert rows(shell) == ["$ echo no^C", "$ echo yes", "yes", "$ "]


def test_a_long_line_wraps_and_waits_at_the_margin() -> None:
    shell = shell_of(columns=10)

    shell.type("12345678")

    assert shell.screen().cursor_column == 10
    assert rows(shell) == ["$ 12345678"]
    shell.type("9")
    assert rows(shell) == ["$ 12345678", "9"]
    assert (shell.screen().cursor_column, shell.screen().cursor_row) == (1, 1)


def test_lines_wrap_anew_when_the_width_changes() -> None:
    shell = shell_of(columns=10)
    shell.type("12345678")

    shell.size = Size(5, 10)

    assert rows(shell) == ["$ 123", "45678"]


@given(st.text(alphabet="abc \r\n\x7f\x03'", max_size=200), st.integers(1, 12), st.integers(1, 6))
def test_whatever_is_typed_the_screen_fits_its_grid(text: str, columns: int, height: int) -> None:
    shell = shell_of(columns, height)
    shell.type(text)

    screen = shell.screen()

    assert len(screen.lines) == height
    assert all(len(line) <= columns for line in screen.lines)
    assert 0 <= screen.cursor_row < height
    assert 0 <= screen.cursor_column <= columns
    assert screen.first_line >= 0
