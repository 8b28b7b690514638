"""Opening a declared layout: all of it, or nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.layouts import AppliedLayout, AppliedPane
from iterm_mcp.services import layout_plan
from iterm_mcp.services.programs import check_program

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId, TabId, WindowId
    from iterm_mcp.services.layout_plan import Node
    from iterm_mcp.terminal.protocol import Terminal

UNDO_SECONDS = 10.0


class LayoutService:
    """Builds layouts out of splits."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    async def apply_layout(self, root: Node, *, window_id: WindowId | None = None) -> AppliedLayout:
        """Open a layout in a new window, or in a new tab of an existing one.

        When it cannot be finished, or the caller gives up, the sessions that were opened for
        it are closed again.

        Raises:
            InvalidRequestError: The tree or a program makes no sense; nothing was opened.
            TerminalRejectedError: A pane became too small, or a program cannot be started.
        """
        tree = layout_plan.normalise(root)
        panes = list(layout_plan.leaves(tree))
        for pane in panes:
            check_program(pane.program)
        first = await self._terminal.open_session(panes[0].program, window_id=window_id)
        opened = {0: first.session_id}
        try:
            for step in layout_plan.splits(tree):
                opened[step.target] = await self._terminal.split_session(
                    opened[step.source], step.direction, panes[step.target].program
                )
            ids = [opened[index] for index in range(len(panes))]
            await self._resize(tree, first.tab_id, ids)
        except BaseException:
            await self._undo(list(opened.values()))
            raise
        return AppliedLayout(
            first.window_id,
            first.tab_id,
            tuple(
                AppliedPane(pane.program.name, session_id)
                for pane, session_id in zip(panes, ids, strict=True)
            ),
        )

    async def _resize(self, tree: Node, tab_id: TabId, ids: list[SessionId]) -> None:
        """Give every pane its share of what the tab covers now."""
        if len(ids) == 1:
            return
        standing = {one.session_id: one.size for one in await self._terminal.list_sessions()}
        total = layout_plan.span(tree, iter([standing[one] for one in ids]))
        sizes = layout_plan.allot(tree, total)
        await self._terminal.resize_sessions(tab_id, dict(zip(ids, sizes, strict=True)))

    async def _undo(self, opened: list[SessionId]) -> None:
        with anyio.CancelScope(shield=True), anyio.move_on_after(UNDO_SECONDS):
            for session_id in opened:
                with suppress(ItermMcpError):
                    await self._terminal.close_session(session_id)
