"""What every `Terminal` tells of what its sessions print, whichever terminal it is.

Collected like `TerminalContract`. The sessions run a shell that marks its prompts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.contract.terminal_contract import NOBODY, opened, screen_with
from tests.waiting import eventually

from iterm_mcp.errors import NotFoundError, TerminalRejectedError
from iterm_mcp.models.happenings import (
    CommandEnded,
    CommandStarted,
    PromptShown,
    ScreenChanged,
    SessionEnded,
    SessionsChanged,
    TextTyped,
)
from iterm_mcp.models.output import PromptState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import Prompt
    from iterm_mcp.terminal.protocol import Terminal, Watch

SECONDS = 20


async def prompt_in(terminal: Terminal, session_id: SessionId, state: PromptState) -> Prompt:
    """Wait until the last prompt is in some state, and return it."""

    async def last() -> Prompt | None:
        return await terminal.read_prompt(session_id)

    found = await eventually(last, lambda one: one is not None and one.state is state)
    assert found is not None
    return found


async def until(watch: Watch, wanted: type[Happening]) -> list[Happening]:
    """Collect what happens up to the first of a kind; screen changes are left out."""
    seen: list[Happening] = []
    with anyio.fail_after(SECONDS):
        while True:
            happening = await watch.next()
            if not isinstance(happening, ScreenChanged) or wanted is ScreenChanged:
                seen.append(happening)
            if isinstance(happening, wanted):
                return seen


class OutputContract:
    async def test_lines_are_read_by_the_number_that_the_screen_gives_them(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            await prompt_in(terminal, session.session_id, PromptState.EDITING)
            await terminal.send_text(session.session_id, "echo one two\r")
            screen = await screen_with(terminal, session.session_id, "one two")
            row = [line.rstrip() for line in screen.lines].index("one two")

            lines = await terminal.read_lines(session.session_id, screen.first_line + row, 1)

            assert lines.first == screen.first_line + row
            assert [line.text.rstrip() for line in lines.lines] == ["one two"]
            assert not lines.lines[0].wrapped

    async def test_a_session_knows_which_lines_it_has(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            span = await terminal.line_range(session.session_id)
            screen = await terminal.read_screen(session.session_id)

            assert span.first == 0
            assert span.end - span.screen == screen.size.rows

    async def test_lines_are_viewed_with_what_stands_around_them(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            await prompt_in(terminal, session.session_id, PromptState.EDITING)
            screen = await terminal.read_screen(session.session_id)

            newest = await terminal.view_output(session.session_id, None, 3)
            some = await terminal.view_output(session.session_id, screen.first_line, 2)

            assert newest.span == some.span == await terminal.line_range(session.session_id)
            assert newest.cursor == some.cursor
            assert some.cursor.line == screen.first_line + screen.cursor_row
            assert (newest.lines.end, len(newest.lines.lines)) == (newest.span.end, 3)
            assert some.lines == await terminal.read_lines(session.session_id, screen.first_line, 2)
            assert not newest.full_screen

    async def test_lines_that_do_not_exist_are_left_out(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            end = (await terminal.line_range(session.session_id)).end

            few = await terminal.read_lines(session.session_id, end - 1, 10)
            none = await terminal.read_lines(session.session_id, end + 100, 10)

            assert len(few.lines) == 1
            assert none.lines == ()

    async def test_a_long_line_says_that_it_goes_on_in_the_next_row(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            prompt = await prompt_in(terminal, session.session_id, PromptState.EDITING)
            columns = (await terminal.read_screen(session.session_id)).size.columns
            await terminal.send_text(session.session_id, f"echo {'x' * columns}yz\r")
            await eventually(
                lambda: terminal.read_prompt(session.session_id, prompt.prompt_id),
                lambda one: one is not None and one.state is PromptState.FINISHED,
            )
            done = await terminal.read_prompt(session.session_id, prompt.prompt_id)
            assert done is not None
            assert done.output is not None

            lines = await terminal.read_lines(session.session_id, done.output.start.line, 2)

            assert [line.text.rstrip() for line in lines.lines] == ["x" * columns, "yz"]

    async def test_a_prompt_tells_what_was_run_at_it_and_how_it_ended(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            before = await prompt_in(terminal, session.session_id, PromptState.EDITING)
            assert before.exit_status is None
            assert before.output is None
            await terminal.send_text(session.session_id, "echo marked; false\r")

            await eventually(
                lambda: terminal.read_prompt(session.session_id, before.prompt_id),
                lambda one: one is not None and one.state is PromptState.FINISHED,
            )
            after = await terminal.read_prompt(session.session_id, before.prompt_id)

            assert after is not None
            assert after.command == "echo marked; false"
            assert after.exit_status is not None
            assert after.output is not None
            count = after.output.end.line - after.output.start.line
            lines = await terminal.read_lines(session.session_id, after.output.start.line, count)
            assert "marked" in lines.lines[0].text
            assert before.prompt_id in await terminal.list_prompts(session.session_id)

    async def test_there_is_no_prompt_of_an_unknown_id(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            prompt = await prompt_in(terminal, session.session_id, PromptState.EDITING)
            unknown = type(prompt.prompt_id)("no such prompt")

            assert await terminal.read_prompt(session.session_id, unknown) is None

    async def test_who_watches_is_told_of_a_command_from_its_start_to_the_next_prompt(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            prompt = await prompt_in(terminal, session.session_id, PromptState.EDITING)
            async with terminal.watch(session.session_id) as watch:
                await terminal.send_text(session.session_id, "echo watched\r")

                seen = await until(watch, PromptShown)

            assert seen[:2] == [
                CommandStarted(prompt.prompt_id, "echo watched"),
                CommandEnded(prompt.prompt_id, 0),
            ]
            assert len(seen) == 3

    async def test_who_watches_is_told_that_the_screen_has_changed(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            await prompt_in(terminal, session.session_id, PromptState.EDITING)
            async with terminal.watch(session.session_id) as watch:
                await terminal.send_text(session.session_id, "x")

                await until(watch, ScreenChanged)

    async def test_who_watches_is_told_of_the_end_and_of_nothing_after_it(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session, terminal.watch(session.session_id) as watch:
            await terminal.close_session(session.session_id)

            await until(watch, SessionEnded)

            assert watch.waiting()
            assert isinstance(await watch.next(), SessionEnded)

    async def test_two_watch_one_session_and_one_goes_on_when_the_other_stops(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            await prompt_in(terminal, session.session_id, PromptState.EDITING)
            async with terminal.watch(session.session_id) as watch:
                async with terminal.watch(session.session_id):
                    pass
                while watch.waiting():
                    await watch.next()
                await terminal.send_text(session.session_id, "x")

                await until(watch, ScreenChanged)

    async def test_who_asks_for_it_is_told_what_is_typed_before_it_is_shown(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            await prompt_in(terminal, session.session_id, PromptState.EDITING)
            async with (
                terminal.watch(session.session_id, typing=True) as watch,
                terminal.watch(session.session_id) as other,
            ):
                await terminal.send_text(session.session_id, "echo mine\r")

                assert (await until(watch, PromptShown))[0] == TextTyped("echo mine\r")
                assert TextTyped("echo mine\r") not in await until(other, PromptShown)

    async def test_who_watches_all_sessions_is_told_when_there_are_more_or_fewer(
        self, terminal: Terminal
    ) -> None:
        async with terminal.watch_sessions() as watch, opened(terminal):
            await until(watch, SessionsChanged)
        async with opened(terminal) as session, terminal.watch_sessions() as watch:
            await terminal.close_session(session.session_id)

            await until(watch, SessionsChanged)

    async def test_variables_are_read_and_a_users_own_are_set(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            size = (await terminal.read_screen(session.session_id)).size
            await terminal.set_variables(session.session_id, {"user.colour": "blue"})

            values = await terminal.read_variables(
                session.session_id, ["columns", "user.colour", "user.absent"]
            )

            assert values == {
                "columns": size.columns, "user.colour": "blue", "user.absent": None
            }  # fmt: skip

    async def test_only_a_users_own_variables_can_be_set(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            with pytest.raises(TerminalRejectedError):
                await terminal.set_variables(session.session_id, {"columns": 5})

    async def test_a_program_that_runs_is_not_restarted_by_who_asks_for_an_exited_one(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as session:
            with pytest.raises(TerminalRejectedError):
                await terminal.restart_session(session.session_id, only_if_exited=True)

    async def test_a_restarted_session_shows_a_prompt_again(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            await prompt_in(terminal, session.session_id, PromptState.EDITING)
            await terminal.set_profile(session.session_id, {"Badge Text": "again"})

            await terminal.restart_session(session.session_id, only_if_exited=False)

            await prompt_in(terminal, session.session_id, PromptState.EDITING)

    @pytest.mark.parametrize(
        "ask",
        [
            lambda terminal: terminal.line_range(NOBODY),
            lambda terminal: terminal.read_lines(NOBODY, 0, 1),
            lambda terminal: terminal.read_prompt(NOBODY),
            lambda terminal: terminal.list_prompts(NOBODY),
            lambda terminal: terminal.screenshot(NOBODY),
            lambda terminal: terminal.draw_session(NOBODY),
            lambda terminal: terminal.read_variables(NOBODY, ["columns"]),
            lambda terminal: terminal.set_variables(NOBODY, {"user.x": 1}),
            lambda terminal: terminal.set_profile(NOBODY, {"Badge Text": "x"}),
            lambda terminal: terminal.restart_session(NOBODY, only_if_exited=False),
            lambda terminal: terminal.watch(NOBODY).__aenter__(),
        ],
    )
    async def test_nothing_is_told_of_a_session_that_does_not_exist(
        self, terminal: Terminal, ask: Callable[[Terminal], Awaitable[object]]
    ) -> None:
        with pytest.raises(NotFoundError):
            await ask(terminal)
