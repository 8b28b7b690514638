from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.host.prompt_text import text_between
from iterm_mcp.host.prompts import (
    MAX_EXCLUDED,
    MAX_EXCLUDED_IN_ALL,
    MAX_PROMPTS,
    CommandEnded,
    CommandStarted,
    Place,
    PromptEvent,
    Prompts,
    PromptShown,
    Span,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.host.conftest import OpenEngine
    from tests.unit.host.screens import Screen

    from iterm_mcp.host.prompts import Prompt


class Shell:
    """A shell's marks, told at places; what was typed is always ``typed``."""

    def __init__(self, typed: str = "typed") -> None:
        self.typed = typed
        self.prompts = Prompts(lambda _span, _without: self.typed)
        self.events: list[PromptEvent] = []
        self.alternate = False
        self.overflow = 0

    def mark(self, payload: str, line: int, column: int = 0) -> PromptEvent | None:
        event = self.prompts.mark(
            payload, Place(line, column), lambda: f"/at/{line}", alternate=self.alternate
        )
        if event is not None:
            self.events.append(event)
        return event

    def run(self, line: int, *, lines: int = 1, code: int = 0, shell: str = "") -> None:
        """Show a prompt, run a command, print some lines."""
        self.mark(f"A;aid={shell}", line)
        self.mark("B", line, 2)
        self.mark("C", line + 1)
        self.mark(f"D;{code};aid={shell}", line + 1 + lines)

    def kept(self) -> Sequence[Prompt]:
        return self.prompts.look(self.overflow, alternate=self.alternate)

    def last(self) -> Prompt:
        return self.kept()[-1]


@pytest.mark.behaves("A", "B", "C", "D", source="7.1")
def test_a_prompt_goes_from_its_beginning_to_the_end_of_its_output() -> None:
    shell = Shell("make all")
    shell.mark("A", 3)
    assert shell.last().end is None
    shown = shell.mark("B", 3, 2)
    started = shell.mark("C", 4)
    ended = shell.mark("D;2", 9)
    prompt = shell.last()
    assert shown == PromptShown(prompt)
    assert started == CommandStarted(prompt, "make all")
    assert ended == CommandEnded(prompt, 2)
    assert (prompt.start, prompt.end, prompt.command_end) == ((3, 0), (3, 2), (4, 0))
    assert (prompt.output_start, prompt.output_end) == ((4, 0), (9, 0))
    assert (prompt.command, prompt.status, prompt.directory) == ("make all", 2, "/at/3")


@pytest.mark.parametrize("beginning", ["N", "P", "P;k=i", "N;aid=7"])
@pytest.mark.behaves("N", "P", source="7.1")
def test_a_prompt_may_begin_by_another_letter(beginning: str) -> None:
    shell = Shell()
    shell.mark(beginning, 3, 5)
    shown = shell.mark("B", 3, 7)
    assert shown == PromptShown(shell.last())
    assert (shell.last().start, shell.last().end) == ((3, 0), (3, 7))


@pytest.mark.behaves("k=", source="7.1")
def test_a_secondary_prompt_may_begin_by_another_letter() -> None:
    shell = Shell()
    shell.mark("A", 0)
    shell.mark("B", 0, 2)
    shell.mark("P;k=s", 1)
    assert shell.mark("B", 1, 2) is None
    (prompt,) = shell.kept()
    assert prompt.excluded == [((1, 0), (1, 2))]


def test_what_another_prompt_stands_upon_is_not_cut_out_any_more() -> None:
    shell = Shell()
    shell.mark("A", 0)
    shell.mark("B", 0, 2)
    for line, column in ((0, 70), (1, 0), (0, 66), (0, 66)):
        shell.mark("P;k=r", line, column)
        shell.mark("B", line, column + 5)
    assert shell.last().excluded == [
        Span(Place(1, 0), Place(1, 5)),
        Span(Place(0, 66), Place(0, 71)),
    ]


def test_however_many_secondary_prompts_come_only_the_last_are_kept() -> None:
    shell = Shell()
    commands = MAX_EXCLUDED_IN_ALL // MAX_EXCLUDED + 2
    for command in range(commands):
        line = command * 2000
        shell.mark("A", line)
        shell.mark("B", line, 2)
        for below in range(line + 1, line + MAX_EXCLUDED + 10):
            shell.mark("P;k=s", below)
            shell.mark("B", below, 2)
    kept = [len(one.excluded) for one in shell.kept()]
    assert kept == [0] + [MAX_EXCLUDED] * (commands - 1)
    assert shell.last().excluded[-1].start.line == (commands - 1) * 2000 + MAX_EXCLUDED + 9


def test_output_begins_in_the_row_below_when_the_cursor_stands_in_the_commands() -> None:
    shell = Shell()
    shell.mark("A", 0)
    shell.mark("B", 0, 2)
    shell.mark("C", 0, 7)
    assert shell.last().output_start == (1, 0)


def test_a_shell_may_tell_the_command_itself() -> None:
    shell = Shell("what the screen shows")
    shell.mark("A", 0)
    shell.mark("B", 0, 2)
    assert shell.mark("C;cmdline_url=echo%20%27a%0Ab%27", 2) == CommandStarted(
        shell.last(), "echo 'a\nb'"
    )


@pytest.mark.behaves("half a prompt", source="D")
def test_a_command_that_the_shell_tells_runs_at_a_prompt_whose_end_never_came() -> None:
    shell = Shell("what the screen shows")
    shell.run(0)
    shell.mark("A", 2)
    started = shell.mark("C;cmdline_url=echo%20hi", 3)
    prompt = shell.last()
    assert started == CommandStarted(prompt, "echo hi")
    assert prompt.output_start == (3, 0)
    assert (prompt.end, prompt.command_end) == (None, None), "where it was typed is not known"
    assert shell.mark("C;cmdline_url=echo%20hi", 3) is None, "it runs already"
    assert shell.mark("D;1", 4) == CommandEnded(prompt, 1)


def test_what_was_typed_at_a_prompt_whose_end_never_came_is_not_guessed() -> None:
    shell = Shell("$ echo hi")
    shell.mark("A", 0)
    assert shell.mark("C", 1) is None
    assert shell.last().end is None


@pytest.mark.behaves("blank", source="7.1")
def test_nothing_typed_leaves_the_prompt_without_a_command_and_the_last_command_as_it_was() -> None:
    shell = Shell()
    shell.run(0, code=7)
    shell.typed = "  "
    shell.mark("A", 2)
    shell.mark("B", 2, 2)
    assert shell.mark("C", 3) == CommandStarted(shell.last(), "")
    assert shell.mark("D;1", 3) is None
    assert [(one.command, one.status) for one in shell.kept()] == [("typed", 7), (None, None)]
    assert shell.last().command_end == (3, 0), "what comes later was not typed there"
    shell.mark("A", 2)
    shell.mark("B", 2, 2)
    assert shell.last().command_end is None, "drawn again, it can be typed at"


@pytest.mark.behaves("abort", source="7.1")
def test_a_command_that_was_given_up_leaves_no_prompt_and_is_not_told() -> None:
    shell = Shell()
    shell.mark("A", 0)
    shell.mark("B", 0, 2)
    assert shell.mark("D;130", 1) is None
    assert not shell.kept()
    assert shell.mark("C", 1) is None


@pytest.mark.behaves("D", source="7.1")
def test_a_status_without_a_number_is_zero_and_without_anything_is_none() -> None:
    for payload, status in (
        ("D;", 0),
        ("D;abc", 0),
        ("D;aid=x", 0),
        ("D;3;aid=x", 3),
        ("D;aid=x;4", 4),
        ("D;99999999999", 2**31 - 1),
        (f"D;{'9' * 5000}", 2**31 - 1),
        ("D;²", 0),
        ("D", None),
    ):
        shell = Shell()
        shell.mark("A", 0)
        shell.mark("B", 0, 2)
        shell.mark("C", 1)
        shell.mark(payload, 2)
        assert shell.last().status == status, payload


def test_an_end_is_told_once() -> None:
    shell = Shell()
    shell.run(0, code=1)
    assert shell.mark("D;2", 5) is None
    assert shell.last().status == 1
    assert shell.mark("D;0", 0) is None
    assert Shell().mark("D;0", 0) is None


def test_a_prompt_drawn_again_where_it_stands_is_the_same_and_not_told_again() -> None:
    shell = Shell()
    shell.mark("A", 5)
    shell.mark("B", 5, 2)
    before = shell.last()
    shell.mark("A", 5)
    assert shell.mark("B", 5, 2) is None
    assert shell.kept() == [before]
    assert shell.mark("B", 5, 4) == PromptShown(before)
    assert shell.mark("C", 6) is not None
    assert shell.mark("B", 8, 2) is None


def test_a_prompt_drawn_elsewhere_without_its_beginning_moves() -> None:
    shell = Shell()
    shell.run(0)
    shell.mark("A", 8)
    shell.mark("B", 9, 2)
    mine = shell.last()
    shell.mark("B", 1, 2)
    assert shell.kept() == [mine]
    assert (mine.start, mine.end) == ((0, 0), (1, 2))
    assert shell.mark("C", 2) == CommandStarted(mine, "typed")


def test_a_prompt_above_others_says_that_those_were_cleared() -> None:
    shell = Shell()
    for line in (0, 10, 20, 30):
        shell.run(line)
    shell.mark("A", 20)
    assert [one.start.line for one in shell.kept()] == [0, 10, 20]


def test_a_prompt_goes_with_its_line_once_another_command_runs() -> None:
    shell = Shell()
    shell.run(0)
    shell.mark("A", 2)
    shell.mark("B", 2, 2)
    shell.mark("C", 3)
    shell.overflow = 3
    assert [one.start.line for one in shell.kept()] == [2], "the last that ran stays to be asked"
    assert isinstance(shell.mark("D;5", 90), CommandEnded)
    shell.run(91)
    assert [one.start.line for one in shell.kept()] == [91]


def test_a_beginning_that_never_came_is_where_the_end_stands() -> None:
    shell = Shell()
    shell.mark("B", 4, 6)
    assert (shell.last().start, shell.last().end) == ((4, 0), (4, 6))


@pytest.mark.behaves("k=", source="7.1")
def test_secondary_and_right_prompts_are_cut_out_of_the_command() -> None:
    shell = Shell()
    shell.mark("A", 0)
    shell.mark("A;k=r", 0, 70)
    assert shell.mark("B", 0, 75) is None
    shell.mark("B", 0, 2)
    for _ in range(2):
        shell.mark("P;k=s", 1)
        assert shell.mark("B", 1, 2) is None
    assert shell.last().excluded == [Span(Place(1, 0), Place(1, 2))]
    assert len(shell.kept()) == 1


def test_prompts_of_the_alternate_screen_end_with_it() -> None:
    shell = Shell()
    shell.run(0)
    shell.run(4)
    shell.alternate = True
    shell.run(2)
    assert [one.start.line for one in shell.kept()] == [0, 4, 2]
    shell.alternate = False
    assert [one.start.line for one in shell.kept()] == [0, 4]


@pytest.mark.behaves("aid=", source="7.1")
def test_a_nested_shell_that_is_gone_takes_its_prompts_along() -> None:
    shell = Shell()
    shell.mark("A;aid=1", 0)
    shell.mark("B", 0, 2)
    shell.mark("C", 1)
    outer = shell.last()
    shell.mark("A;aid=2", 1)
    shell.mark("B", 1, 2)
    shell.mark("C", 2)
    inner = shell.last()
    shell.mark("A;aid=3", 3)
    shell.mark("B", 3, 2)
    assert shell.mark("D;9;aid=1", 4) == CommandEnded(outer, 9)
    assert shell.kept() == [outer, inner]
    assert (outer.status, inner.status) == (9, 9)


def test_a_shell_that_never_tells_an_end_has_output_up_to_its_next_prompt() -> None:
    shell = Shell()
    shell.mark("A", 0)
    shell.mark("B", 0, 2)
    shell.mark("C", 1)
    first = shell.last()
    shell.mark("N", 6)
    assert (first.output_end, first.status) == ((6, 0), None)


def test_only_so_many_prompts_are_remembered() -> None:
    shell = Shell()
    for line in range(0, 3 * (MAX_PROMPTS + 10), 3):
        shell.run(line)
    assert len(shell.kept()) == MAX_PROMPTS
    assert shell.kept()[0].start.line == 30


def test_prompts_follow_lines_that_are_wrapped_anew() -> None:
    shell = Shell()
    shell.run(0)
    shell.mark("A", 3)
    shell.mark("B", 3, 2)
    shell.mark("P;k=s", 4)
    shell.mark("B", 4, 2)
    first, second = shell.kept()
    places = shell.prompts.places()
    shell.prompts.move([None if line < 3 else (column, line * 2) for column, line in places])
    assert first not in shell.kept()
    assert (second.start, second.end) == ((6, 0), (6, 2))
    assert second.excluded == [((8, 0), (8, 2))]


MARKS = st.sampled_from(
    [
        "A",
        "A;aid=1",
        "A;aid=2",
        "A;k=s",
        "P",
        "B",
        "C",
        "C;cmdline_url=%ff",
        "D",
        "D;1",
        "D;0;aid=1",
    ]
)


@given(
    st.lists(
        st.tuples(
            MARKS | st.text(max_size=6),
            st.integers(0, 30),
            st.integers(0, 9),
            st.booleans(),
            st.integers(0, 20),
        )
    ),
    st.text(max_size=2),
)
def test_whatever_is_marked_prompts_stay_in_order_and_make_sense(
    marks: list[tuple[str, int, int, bool, int]], typed: str
) -> None:
    shell = Shell(typed)
    for payload, line, column, alternate, overflow in marks:
        shell.alternate, shell.overflow = alternate, max(shell.overflow, overflow)
        shell.kept()
        shell.mark(payload, max(line, shell.overflow), column)
        kept = shell.kept()
        assert len({one.prompt_id for one in kept}) == len(kept)
        for screen in (True, False):
            starts = [one.start for one in kept if one.alternate is screen]
            assert starts == sorted(set(starts))
        for one in kept:
            assert one.start.line >= shell.overflow or one.command is not None
            assert (one.command is None) == (one.output_start is None)
            assert one.status is None or one.output_end is not None
            if one.command_end:
                assert one.end
                assert one.end <= one.command_end
    told = [type(event) for event in shell.events]
    assert told.count(CommandEnded) <= told.count(CommandStarted)
    shell.prompts.move(shell.prompts.places())


def read(screen: Screen, start: Place, end: Place, *holes: Span) -> str:
    return text_between(screen, Span(start, end), holes)


def test_a_commands_text_is_joined_where_it_wraps_and_cut_where_it_was_not_typed(
    open_engine: OpenEngine,
) -> None:
    screen = open_engine(10, 6)
    screen.feed(b"$ echo 0123456789\r\n> second  \r\n\r\n> $A\x1b[3CR\r\n")
    hole = Span(Place(2, 0), Place(2, 2)), Span(Place(4, 0), Place(4, 2))
    right = Span(Place(4, 7), Place(4, 8))
    assert read(screen, Place(0, 2), Place(5, 0), *hole, right) == ("echo 0123456789\nsecond\n\n$A")
    assert read(screen, Place(0, 2), Place(0, 4)) == "ec"
    assert read(screen, Place(0, 4), Place(0, 4)) == ""
    assert read(screen, Place(4, 2), Place(4, 8)) == "$A   R"
