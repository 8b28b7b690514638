"""What every `Terminal` does, whichever one it is.

Collected through a subclass whose module has a fixture ``terminal``. The tests type nothing
but ``echo``, and make no assumption about what else is open.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.waiting import eventually

from iterm_mcp.errors import InvalidRequestError, NotFoundError, TerminalRejectedError
from iterm_mcp.models.ids import SessionId, TabId, WindowId
from iterm_mcp.models.sessions import Direction, Program, Size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.sessions import Screen, SessionInfo
    from iterm_mcp.terminal.protocol import Terminal

NOBODY = SessionId("DEADBEEF-0000-4000-8000-000000000000")


async def find(terminal: Terminal, session_id: SessionId) -> SessionInfo | None:
    sessions = await terminal.list_sessions()
    return next((one for one in sessions if one.session_id == session_id), None)


async def tab_order(terminal: Terminal, tab_id: TabId) -> list[SessionId]:
    return [one.session_id for one in await terminal.list_sessions() if one.tab_id == tab_id]


@asynccontextmanager
async def opened(terminal: Terminal, program: Program | None = None) -> AsyncIterator[SessionInfo]:
    """Open a session in a window of its own, and close what is left of the window at the end."""
    session = await terminal.open_session(program or Program())
    try:
        yield session
    finally:
        for one in await terminal.list_sessions():
            if one.window_id == session.window_id:
                await terminal.close_session(one.session_id)


async def screen_with(terminal: Terminal, session_id: SessionId, row: str) -> Screen:
    """Wait until some row of the screen is exactly this, and return the screen."""
    return await eventually(
        lambda: terminal.read_screen(session_id),
        lambda screen: row in [line.rstrip() for line in screen.lines],
    )


class TerminalContract:
    async def test_an_opened_session_is_listed_where_it_was_said_to_be(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            listed = await find(terminal, session.session_id)

            assert listed is not None
            assert (listed.window_id, listed.tab_id) == (session.window_id, session.tab_id)
            assert listed.size.columns > 0
            assert listed.size.rows > 0

    async def test_without_a_window_a_session_gets_one_of_its_own(self, terminal: Terminal) -> None:
        before = {one.window_id for one in await terminal.list_sessions()}

        async with opened(terminal) as session:
            assert session.window_id not in before

    async def test_a_session_opened_in_a_window_gets_a_new_tab_of_it(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as first:
            second = await terminal.open_session(Program(), window_id=first.window_id)

            assert second.window_id == first.window_id
            assert second.tab_id != first.tab_id
            listed = [
                one.session_id
                for one in await terminal.list_sessions()
                if one.window_id == first.window_id
            ]
            assert set(listed) == {first.session_id, second.session_id}

    async def test_no_session_opens_in_a_window_that_does_not_exist(
        self, terminal: Terminal
    ) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.open_session(Program(), window_id=WindowId("no-such-window"))

        assert caught.value.kind == "window"

    async def test_no_session_opens_with_a_profile_that_does_not_exist(
        self, terminal: Terminal
    ) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.open_session(Program(profile="no such profile"))

        assert caught.value.kind == "profile"

    @pytest.mark.parametrize(
        ("direction", "new_comes_first"),
        [
            (Direction.RIGHT, False),
            (Direction.LEFT, True),
            (Direction.BELOW, False),
            (Direction.ABOVE, True),
        ],
    )
    async def test_a_split_puts_the_new_session_on_the_side_that_was_asked_for(
        self, terminal: Terminal, direction: Direction, *, new_comes_first: bool
    ) -> None:
        async with opened(terminal) as old:
            new = await terminal.split_session(old.session_id, direction, Program())

            expected = [new, old.session_id] if new_comes_first else [old.session_id, new]
            assert await tab_order(terminal, old.tab_id) == expected

    @pytest.mark.parametrize("direction", list(Direction))
    async def test_a_split_divides_the_space(
        self, terminal: Terminal, direction: Direction
    ) -> None:
        async with opened(terminal) as old:
            before = await find(terminal, old.session_id)
            new = await terminal.split_session(old.session_id, direction, Program())

            def divided(sizes: list[Size]) -> bool:
                assert before is not None
                if direction in {Direction.LEFT, Direction.RIGHT}:
                    return sum(size.columns for size in sizes) <= before.size.columns
                return sum(size.rows for size in sizes) <= before.size.rows

            async def sizes() -> list[Size]:
                sessions = await terminal.list_sessions()
                both = {old.session_id, new}
                return [one.size for one in sessions if one.session_id in both]

            both_sizes = await eventually(sizes, divided)
            assert len(both_sizes) == 2

    async def test_splits_nest_in_reading_order(self, terminal: Terminal) -> None:
        async with opened(terminal) as a:
            d = await terminal.split_session(a.session_id, Direction.RIGHT, Program())
            c = await terminal.split_session(a.session_id, Direction.BELOW, Program())
            b = await terminal.split_session(a.session_id, Direction.RIGHT, Program())

            assert await tab_order(terminal, a.tab_id) == [a.session_id, b, c, d]

    async def test_what_is_typed_runs_and_can_be_read_back(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            await terminal.send_text(session.session_id, "echo salt and pepper\r")

            screen = await screen_with(terminal, session.session_id, "salt and pepper")
            assert any(line.rstrip().endswith("echo salt and pepper") for line in screen.lines)

    async def test_nothing_runs_before_enter(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            await terminal.send_text(session.session_id, "echo half")
            await eventually(
                lambda: terminal.read_screen(session.session_id),
                lambda screen: any(line.rstrip().endswith("echo half") for line in screen.lines),
            )
            await terminal.send_text(session.session_id, "time\r")

            screen = await screen_with(terminal, session.session_id, "halftime")
            assert "half" not in [line.rstrip() for line in screen.lines]

    async def test_what_is_shown_looks_printed_but_for_what_it_tells_the_terminal(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            await terminal.show_text(
                session.session_id, "\x1b]9;unseen\x1b\\\r\nout of the blue\r\n"
            )

            screen = await screen_with(terminal, session.session_id, "out of the blue")
            assert not any("unseen" in line for line in screen.lines)
        with pytest.raises(NotFoundError):
            await terminal.show_text(session.session_id, "gone")

    async def test_several_lines_run_one_after_the_other(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            await terminal.send_text(session.session_id, "echo first\recho second\r")

            screen = await screen_with(terminal, session.session_id, "second")
            rows = [line.rstrip() for line in screen.lines]
            assert rows.index("first") < rows.index("second")

    async def test_the_screen_has_the_grid_of_its_session(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            listed = await find(terminal, session.session_id)
            screen = await terminal.read_screen(session.session_id)

            assert listed is not None
            assert screen.size == listed.size
            assert len(screen.lines) == screen.size.rows
            assert 0 <= screen.cursor_row < screen.size.rows
            assert 0 <= screen.cursor_column <= screen.size.columns

    async def test_the_cursor_follows_what_is_typed(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            await terminal.send_text(session.session_id, "echo here")

            screen = await eventually(
                lambda: terminal.read_screen(session.session_id),
                lambda screen: screen.lines[screen.cursor_row].rstrip().endswith("echo here"),
            )
            row = screen.lines[screen.cursor_row]
            assert row[: screen.cursor_column].endswith("echo here")

    async def test_absolute_line_numbers_grow_as_the_screen_scrolls(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            before = await terminal.read_screen(session.session_id)
            lines = before.size.rows + 10
            for number in range(lines):
                await terminal.send_text(session.session_id, f"echo row{number}.\r")

            after = await screen_with(terminal, session.session_id, f"row{lines - 1}.")
            assert after.first_line >= before.first_line + 10
            assert "row0." not in [line.rstrip() for line in after.lines]

    async def test_a_name_given_at_the_start_is_part_of_the_title(self, terminal: Terminal) -> None:
        async with opened(terminal, Program(name="reviewer")) as session:
            listed = await eventually(
                lambda: find(terminal, session.session_id),
                lambda one: one is not None and "reviewer" in one.title,
            )

            assert listed is not None

    async def test_a_new_name_shows_in_the_title(self, terminal: Terminal) -> None:
        async with opened(terminal, Program(name="before")) as session:
            await terminal.rename_session(session.session_id, "after dinner")

            await eventually(
                lambda: find(terminal, session.session_id),
                lambda one: one is not None and "after dinner" in one.title,
            )

    async def test_a_name_is_text_and_is_never_evaluated(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            await terminal.rename_session(session.session_id, 'say "hi" \\(1+1)')

            listed = await eventually(
                lambda: find(terminal, session.session_id),
                lambda one: one is not None and 'say "hi"' in one.title,
            )
            assert listed is not None
            assert "1+1" in listed.title

    async def test_tags_stand_in_a_variable_of_the_session(self, terminal: Terminal) -> None:
        async with opened(terminal, Program(tags=("ci", "t:1"))) as session:
            pane = await terminal.split_session(
                session.session_id, Direction.RIGHT, Program(tags=("ci",))
            )
            found = [
                (await terminal.read_variables(one, ["user.tags"]))["user.tags"]
                for one in (session.session_id, pane)
            ]

            assert [json.loads(one) for one in found] == [["ci", "t:1"], ["ci"]]

    async def test_the_name_given_stands_in_a_variable_that_a_title_does_not_change(
        self, terminal: Terminal
    ) -> None:
        async def names() -> list[object]:
            found = [
                await terminal.read_variables(one, ["user.given_name"])
                for one in (session.session_id, pane)
            ]
            return [one["user.given_name"] for one in found]

        async with opened(terminal, Program(name="build")) as session:
            pane = await terminal.split_session(
                session.session_id, Direction.RIGHT, Program(name='a "b" \\(1)')
            )

            assert await names() == ["build", 'a "b" \\(1)']
            await terminal.rename_session(pane, "test")
            assert await names() == ["build", "test"]

    async def test_a_new_window_has_the_size_that_was_asked_for(self, terminal: Terminal) -> None:
        async with opened(terminal, Program(size=Size(101, 31))) as session:
            await eventually(
                lambda: find(terminal, session.session_id),
                lambda now: now is not None and now.size == Size(101, 31),
            )

    async def test_one_session_can_be_given_a_grid(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            await terminal.resize_session(session.session_id, Size(90, 20))

            await eventually(
                lambda: find(terminal, session.session_id),
                lambda now: now is not None and now.size == Size(90, 20),
            )
            with pytest.raises(TerminalRejectedError):
                await terminal.resize_session(session.session_id, Size(0, 0))
            with pytest.raises(NotFoundError):
                await terminal.resize_session(NOBODY, Size(90, 20))

    async def test_resizing_moves_the_divider(self, terminal: Terminal) -> None:
        async with opened(terminal) as left:
            right = await terminal.split_session(left.session_id, Direction.RIGHT, Program())
            one = await find(terminal, left.session_id)
            other = await find(terminal, right)
            assert one is not None
            assert other is not None
            sizes = {
                left.session_id: Size(one.size.columns - 10, one.size.rows),
                right: Size(other.size.columns + 10, other.size.rows),
            }

            await terminal.resize_sessions(left.tab_id, sizes)

            await eventually(
                lambda: find(terminal, left.session_id),
                lambda now: now is not None and abs(now.size.columns - one.size.columns + 10) <= 2,
            )
            await eventually(
                lambda: find(terminal, right),
                lambda now: (
                    now is not None and abs(now.size.columns - other.size.columns - 10) <= 2
                ),
            )

    async def test_sizes_must_be_given_for_exactly_the_sessions_of_the_tab(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            await terminal.split_session(session.session_id, Direction.RIGHT, Program())

            with pytest.raises(InvalidRequestError):
                await terminal.resize_sessions(session.tab_id, {session.session_id: Size(20, 10)})

    async def test_the_sessions_of_an_unknown_tab_cannot_be_resized(
        self, terminal: Terminal
    ) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.resize_sessions(TabId("no-such-tab"), {})

        assert caught.value.kind == "tab"

    async def test_exactly_the_activated_session_is_active(self, terminal: Terminal) -> None:
        async with opened(terminal) as first, opened(terminal) as second:
            pane = await terminal.split_session(first.session_id, Direction.BELOW, Program())

            for session_id in (first.session_id, second.session_id, pane):
                await terminal.activate_session(session_id)

                await eventually(
                    terminal.list_sessions,
                    lambda all_, wanted=session_id: (  # type: ignore[misc]
                        [one.session_id for one in all_ if one.active] == [wanted]
                    ),
                )

    async def test_a_closed_session_is_gone(self, terminal: Terminal) -> None:
        async with opened(terminal) as stays:
            goes = await terminal.split_session(stays.session_id, Direction.RIGHT, Program())

            await terminal.close_session(goes)

            await eventually(
                lambda: tab_order(terminal, stays.tab_id),
                lambda order: order == [stays.session_id],
            )

    async def test_closing_the_last_session_ends_its_window(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            await terminal.close_session(session.session_id)

            await eventually(
                terminal.list_sessions,
                lambda all_: session.window_id not in {one.window_id for one in all_},
            )

    async def test_the_space_of_a_closed_session_goes_to_its_neighbour(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            whole = await find(terminal, session.session_id)
            pane = await terminal.split_session(session.session_id, Direction.RIGHT, Program())

            await terminal.close_session(pane)

            assert whole is not None
            await eventually(
                lambda: find(terminal, session.session_id),
                lambda now: now is not None and abs(now.size.columns - whole.size.columns) <= 2,
            )

    async def test_reading_an_unknown_session_fails(self, terminal: Terminal) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.read_screen(NOBODY)

        assert (caught.value.kind, caught.value.name) == ("session", NOBODY)

    async def test_typing_into_an_unknown_session_fails(self, terminal: Terminal) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.send_text(NOBODY, "echo nobody\r")

        assert caught.value.kind == "session"

    async def test_a_shell_at_its_prompt_wants_plain_cursor_keys(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            state = await terminal.read_input_state(session.session_id)

            assert not state.application_cursor
            assert not state.queued

    async def test_asking_an_unknown_session_how_it_reads_fails(self, terminal: Terminal) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.read_input_state(NOBODY)

        assert caught.value.kind == "session"

    async def test_splitting_an_unknown_session_fails(self, terminal: Terminal) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.split_session(NOBODY, Direction.RIGHT, Program())

        assert caught.value.kind == "session"

    async def test_renaming_an_unknown_session_fails(self, terminal: Terminal) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.rename_session(NOBODY, "nobody")

        assert caught.value.kind == "session"

    async def test_activating_an_unknown_session_fails(self, terminal: Terminal) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.activate_session(NOBODY)

        assert caught.value.kind == "session"

    async def test_closing_an_unknown_session_fails(self, terminal: Terminal) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.close_session(NOBODY)

        assert caught.value.kind == "session"

    async def test_a_closed_session_takes_no_more_text(self, terminal: Terminal) -> None:
        async with opened(terminal) as stays:
            goes = await terminal.split_session(stays.session_id, Direction.RIGHT, Program())
            await terminal.close_session(goes)
            await eventually(lambda: find(terminal, goes), lambda one: one is None)

            with pytest.raises(NotFoundError):
                await terminal.send_text(goes, "echo late\r")
