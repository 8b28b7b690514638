"""How every `Terminal` tells where sessions stand, and moves them.

Collected through a subclass whose module has a fixture ``terminal``.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from tests.contract.terminal_contract import NOBODY, find, opened, tab_order
from tests.waiting import eventually

from iterm_mcp.errors import NotFoundError, TerminalRejectedError
from iterm_mcp.models.ids import TabId, WindowId
from iterm_mcp.models.layouts import StandingPane, StandingSplitter
from iterm_mcp.models.sessions import Direction, Program, Size

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.layouts import StandingNode, StandingTab
    from iterm_mcp.terminal.protocol import Terminal

ANY_SIZE = Size(1, 1)


def columns(*children: SessionId | StandingNode) -> StandingSplitter:
    return StandingSplitter(vertical=True, children=tuple(_node(one) for one in children))


def rows(*children: SessionId | StandingNode) -> StandingSplitter:
    return StandingSplitter(vertical=False, children=tuple(_node(one) for one in children))


def _node(one: SessionId | StandingNode) -> StandingNode:
    return StandingPane(one, ANY_SIZE) if isinstance(one, str) else one


def shape(node: StandingNode) -> object:
    """Return a tree without its sizes, to be compared."""
    if isinstance(node, StandingPane):
        return node.session_id
    return (node.vertical, *(shape(child) for child in node.children))


async def tab_with(terminal: Terminal, session_id: SessionId) -> StandingTab:
    return next(one for one in await terminal.list_tabs() if session_id in one.session_ids())


async def stands(terminal: Terminal, tab_id: TabId, wanted: StandingNode) -> None:
    """Wait until a tab has this tree."""

    async def trees() -> list[object]:
        return [shape(one.root) for one in await terminal.list_tabs() if one.tab_id == tab_id]

    await eventually(trees, lambda found: found == [shape(wanted)])


class ArrangingContract:
    async def test_a_tab_with_one_session_is_told_as_that_session(self, terminal: Terminal) -> None:
        async with opened(terminal) as session:
            tab = await tab_with(terminal, session.session_id)
            listed = await find(terminal, session.session_id)

            assert listed is not None
            assert (tab.window_id, tab.tab_id) == (session.window_id, session.tab_id)
            assert tab.root == StandingPane(session.session_id, listed.size)

    async def test_splits_are_told_as_a_tree(self, terminal: Terminal) -> None:
        async with opened(terminal) as a:
            c = await terminal.split_session(a.session_id, Direction.RIGHT, Program())
            b = await terminal.split_session(a.session_id, Direction.BELOW, Program())

            tab = await tab_with(terminal, a.session_id)
            assert shape(tab.root) == shape(columns(rows(a.session_id, b), c))

    async def test_the_panes_of_a_tab_take_a_new_tree(self, terminal: Terminal) -> None:
        async with opened(terminal) as a:
            b = await terminal.split_session(a.session_id, Direction.RIGHT, Program())
            c = await terminal.split_session(b, Direction.RIGHT, Program())
            wanted = rows(c, columns(b, a.session_id))

            await terminal.arrange_tabs({a.tab_id: wanted})

            await stands(terminal, a.tab_id, wanted)

    async def test_arranged_siblings_share_evenly(self, terminal: Terminal) -> None:
        async with opened(terminal) as a:
            b = await terminal.split_session(a.session_id, Direction.RIGHT, Program())
            c = await terminal.split_session(a.session_id, Direction.BELOW, Program())

            await terminal.arrange_tabs({a.tab_id: columns(a.session_id, b, c)})

            async def widths() -> list[int]:
                tab = await tab_with(terminal, a.session_id)
                return [pane.size.columns for pane in tab.root.panes()]

            await eventually(widths, lambda all_: len(all_) == 3 and max(all_) - min(all_) <= 2)

    async def test_sessions_change_their_tabs_and_live_on(self, terminal: Terminal) -> None:
        async with opened(terminal) as a:
            b = await terminal.open_session(Program(), window_id=a.window_id)
            c = await terminal.split_session(b.session_id, Direction.BELOW, Program())

            await terminal.arrange_tabs({
                a.tab_id: columns(b.session_id, a.session_id), b.tab_id: _node(c)
            })  # fmt: skip

            await stands(terminal, a.tab_id, columns(b.session_id, a.session_id))
            assert await tab_order(terminal, b.tab_id) == [c]

    async def test_a_tab_that_gives_all_its_sessions_away_goes(self, terminal: Terminal) -> None:
        async with AsyncExitStack() as stack:
            a = await stack.enter_async_context(opened(terminal))
            b = await stack.enter_async_context(opened(terminal))

            wanted = rows(a.session_id, b.session_id)
            await terminal.arrange_tabs({a.tab_id: wanted}, [b.tab_id])

            await stands(terminal, a.tab_id, wanted)
            assert b.tab_id not in [one.tab_id for one in await terminal.list_tabs()]
            assert b.window_id not in [one.window_id for one in await terminal.list_sessions()]

    async def test_no_tree_may_lose_a_session(self, terminal: Terminal) -> None:
        async with opened(terminal) as a:
            b = await terminal.split_session(a.session_id, Direction.RIGHT, Program())
            before = await tab_with(terminal, b)

            with pytest.raises(TerminalRejectedError) as caught:
                await terminal.arrange_tabs({a.tab_id: _node(b)})

            assert caught.value.hint or caught.value.code == "terminal_rejected"
            assert await tab_with(terminal, b) == before

    async def test_no_unknown_tab_is_arranged(self, terminal: Terminal) -> None:
        async with opened(terminal) as a:
            with pytest.raises(TerminalRejectedError):
                await terminal.arrange_tabs({TabId("no-such-tab"): _node(a.session_id)})

    async def test_a_pane_moves_to_a_tab_of_its_own(self, terminal: Terminal) -> None:
        async with opened(terminal) as a:
            b = await terminal.split_session(a.session_id, Direction.RIGHT, Program())

            await terminal.move_session(b, a.window_id)

            tab = await tab_with(terminal, b)
            assert (tab.window_id, tab.session_ids()) == (a.window_id, [b])
            assert tab.tab_id != a.tab_id
            assert await tab_order(terminal, a.tab_id) == [a.session_id]

    async def test_a_pane_moves_to_a_window_of_its_own(self, terminal: Terminal) -> None:
        async with opened(terminal) as a:
            b = await terminal.split_session(a.session_id, Direction.RIGHT, Program())

            await terminal.move_session(b, None)

            tab = await tab_with(terminal, b)
            assert tab.window_id != a.window_id
            assert tab.session_ids() == [b]
            await terminal.close_session(b)

    async def test_a_window_goes_when_its_last_session_moves_away(self, terminal: Terminal) -> None:
        async with opened(terminal) as a, opened(terminal) as b:
            await terminal.move_session(b.session_id, a.window_id)

            windows = [one.window_id for one in await terminal.list_sessions()]
            assert windows.count(a.window_id) == 2
            assert b.window_id not in windows

    async def test_the_only_session_of_a_window_may_move_within_it(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as a:
            await terminal.move_session(a.session_id, a.window_id)

            tab = await tab_with(terminal, a.session_id)
            assert (tab.window_id, tab.session_ids()) == (a.window_id, [a.session_id])

    async def test_an_unknown_session_does_not_move(self, terminal: Terminal) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.move_session(NOBODY, None)

        assert caught.value.kind == "session"

    async def test_no_session_moves_to_a_window_that_does_not_exist(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as a:
            with pytest.raises(NotFoundError) as caught:
                await terminal.move_session(a.session_id, WindowId("no-such-window"))

            assert caught.value.kind == "window"
            assert await tab_order(terminal, a.tab_id) == [a.session_id]

    async def test_a_session_knows_what_it_was_asked_to_run(self, terminal: Terminal) -> None:
        program = Program(command="/bin/cat -u", directory="/usr", name="say \\(1+1)")
        async with opened(terminal, program) as a:
            found = await terminal.read_program(a.session_id)

            assert (found.command, found.directory, found.name) == (
                program.command, program.directory, program.name
            )  # fmt: skip
            assert found.profile

    async def test_a_plain_session_was_asked_for_nothing(self, terminal: Terminal) -> None:
        async with opened(terminal) as a:
            found = await terminal.read_program(a.session_id)

            assert (found.command, found.name) == (None, None)

    async def test_a_new_name_is_what_a_session_was_asked_to_be_called(
        self, terminal: Terminal
    ) -> None:
        async with opened(terminal) as a:
            await terminal.rename_session(a.session_id, "later")

            assert (await terminal.read_program(a.session_id)).name == "later"

    async def test_nobody_was_asked_to_run_anything(self, terminal: Terminal) -> None:
        with pytest.raises(NotFoundError) as caught:
            await terminal.read_program(NOBODY)

        assert caught.value.kind == "session"
