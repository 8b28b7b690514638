"""One layout being built: what is opened and moved for it, and how to go back."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import ItermMcpError, NotFoundError
from iterm_mcp.services.agents.start_problems import explained
from iterm_mcp.services.layouts import plan as layout_plan
from iterm_mcp.services.layouts import sizes as layout_sizes
from iterm_mcp.services.layouts.moves import declared, plan_moves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.ids import SessionId, TabId, WindowId
    from iterm_mcp.models.layouts import Node, StandingNode, StandingTab
    from iterm_mcp.services.layouts.moves import Moves
    from iterm_mcp.terminal.protocol import Terminal

UNDO_SECONDS = 10.0


class LayoutBuilder:
    """Makes a normalised tree stand.

    Attributes:
        opened: The sessions that were opened for it.
        moved: Whether anything that stood before was moved.
        left_over: The sessions of the tab that had to go to another one.
    """

    def __init__(self, terminal: Terminal, tree: Node) -> None:
        self._terminal = terminal
        self._tree = tree
        self._panes = list(layout_plan.leaves(tree))
        self.opened: list[SessionId] = []
        self.moved = False
        self.left_over: tuple[SessionId, ...] = ()

    async def open_all(self, window_id: WindowId | None) -> list[SessionId]:
        """Open every pane, in a new window or a new tab of a window; return the sessions."""
        program = self._panes[0].program
        async with explained(program):
            first = await self._terminal.open_session(program, window_id=window_id)
        self.opened.append(first.session_id)
        ids = {0: first.session_id}
        for step in layout_plan.splits(self._tree):
            program = self._panes[step.target].program
            async with explained(program):
                ids[step.target] = await self._terminal.split_session(
                    ids[step.source], step.direction, program
                )
            self.opened.append(ids[step.target])
        return [ids[at] for at in range(len(self._panes))]

    async def place(
        self,
        places: Sequence[SessionId | None],
        window_id: WindowId | None,
        tab: StandingTab | None,
    ) -> list[SessionId]:
        """Open what is missing and bring all panes together; return the sessions.

        New sessions come up in tabs of their own and change places in one step with those that
        stand, so that there is room for them.

        Args:
            places: For each pane the session that takes it, or None.
            window_id: Where a new tab goes; None is a new window.
            tab: The tab to be given this tree, instead of a new one.
        """
        active = await self._active()
        target = None if tab is None else tab.tab_id
        ids: list[SessionId] = []
        for pane, place in zip(self._panes, places, strict=True):
            session_id = place
            if session_id is None:
                async with explained(pane.program):
                    info = await self._terminal.open_session(pane.program, window_id=window_id)
                session_id, window_id = info.session_id, info.window_id
                target = target or info.tab_id
                self.opened.append(session_id)
            ids.append(session_id)
        if target is None:
            await self._move_out(ids[0], window_id)
        await self._arrange(ids, target)
        if self.opened or self.moved:
            await self._terminal.activate_session(
                active if tab is not None and active is not None else ids[0]
            )
        return ids

    async def resize(self, ids: Sequence[SessionId]) -> StandingTab:
        """Give every pane its share of what the tab covers now; return the tab."""
        tab = await self._tab_of(ids[0])
        standing = {pane.session_id: pane.size for pane in tab.root.panes()}
        sizes = layout_sizes.allot(self._tree, layout_sizes.span(tab.root))
        wanted = dict(zip(ids, sizes, strict=True))
        if wanted != standing:
            await self._terminal.resize_sessions(tab.tab_id, wanted)
        return tab

    async def undo(self) -> None:
        """Close what was opened. What was moved stays where it is."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(UNDO_SECONDS):
            for session_id in self.opened:
                with suppress(ItermMcpError):
                    await self._terminal.close_session(session_id)

    async def _arrange(self, ids: Sequence[SessionId], target: TabId | None) -> None:
        wanted = declared(self._tree, iter(ids))
        tab, moves = await self._plan(wanted, target, ids[0])
        if moves.homeless:
            await self._move_out(ids[0], tab.window_id)
            _, moves = await self._plan(wanted, tab.tab_id, ids[0])
        if moves.trees:
            self.moved = True
            await self._terminal.arrange_tabs(moves.trees, moves.closing)
        self.left_over = moves.left_over

    async def _plan(
        self, wanted: StandingNode, target: TabId | None, first: SessionId
    ) -> tuple[StandingTab, Moves]:
        """Return the tab to arrange, the first session's if none is given, and what to ask for."""
        tabs = await self._terminal.list_tabs()
        for tab in tabs:
            if tab.tab_id == target or (target is None and first in tab.session_ids()):
                return tab, plan_moves(wanted, tab, tabs)
        raise NotFoundError("tab", str(target), hint="It closed meanwhile: open a new one.")

    async def _move_out(self, session_id: SessionId, window_id: WindowId | None) -> None:
        self.moved = True
        await self._terminal.move_session(session_id, window_id)

    async def _active(self) -> SessionId | None:
        sessions = await self._terminal.list_sessions()
        return next((one.session_id for one in sessions if one.active), None)

    async def _tab_of(self, session_id: SessionId) -> StandingTab:
        for tab in await self._terminal.list_tabs():
            if session_id in tab.session_ids():
                return tab
        raise NotFoundError("session", session_id, hint="It ended meanwhile: try again.")
