"""Declared layouts made to stand: in a new window or tab, or in one that is there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.errors import ConflictError, InvalidRequestError, ItermMcpError, NotFoundError
from iterm_mcp.models.layouts import AppliedLayout, AppliedPane
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.layouts import plan as layout_plan
from iterm_mcp.services.layouts import sizes as layout_sizes
from iterm_mcp.services.layouts.agents import LayoutAgents
from iterm_mcp.services.layouts.building import LayoutBuilder
from iterm_mcp.services.layouts.match import Candidate, match
from iterm_mcp.services.sessions.programs import check_program

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from iterm_mcp.models.ids import SessionId, TabId, WindowId
    from iterm_mcp.models.layouts import Node, Pane, StandingTab
    from iterm_mcp.services.agents.pane_starts import PaneStarter, PaneStarts
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.terminal.protocol import Terminal

STANDS_HINT = "Sessions may have moved, and none was ended: export_layout shows what stands."


class LayoutService:
    """Makes layouts stand, and ends nothing for it."""

    def __init__(
        self,
        terminal: Terminal,
        sessions: SessionService,
        agents: AgentService,
        starts: PaneStarter,
    ) -> None:
        self._terminal = terminal
        self._starts = starts
        self._sessions = sessions
        self._owners = agents
        self._agents = LayoutAgents(agents)

    async def apply_layout(
        self,
        root: Node,
        *,
        window_id: WindowId | None = None,
        tab_id: TabId | None = None,
        settled: bool = True,
    ) -> AppliedLayout:
        """Make a layout stand in a new window, in a new tab of a window, or in a given tab.

        A pane is taken by the session named for it, by the living session of its agent, or, in
        a given tab, by one that fits (see `layout_match`); for the others sessions are opened.
        Sessions of the tab that have no place move to a tab of their own. Applied to the tab
        where it stands already, a layout changes nothing.

        Agents of a kind or a template are started, all at once, and those that have ended are
        started again, in their conversations; see `PaneStarter`. What became of each is told,
        and one that cannot be started leaves the others alone.

        When it cannot be finished, or the caller gives up, the sessions that were opened for
        it are closed again; what was moved stays where it is, and the error's hint says so.

        Args:
            settled: Wait until the agents that were started show what they wait for; else it is
                for the caller to do so with `settle`.

        Raises:
            InvalidRequestError: The tree or a program makes no sense, or the panes do not fit.
            NotFoundError: No such window, tab, session, profile or kind of agent.
            ConflictError: An agent or a session is wanted in two places.
            TerminalRejectedError: A pane became too small, or a program cannot be started.
        """
        if window_id is not None and tab_id is not None:
            raise InvalidRequestError(
                "a layout goes to a window or to a tab, not both", hint="Give one of them."
            )
        tree = layout_plan.normalise(root)
        panes = [await self._resolved(pane) for pane in layout_plan.leaves(tree)]
        tabs = await self._terminal.list_tabs()
        standing = {session_id for one in tabs for session_id in one.session_ids()}
        places = await self._fixed_places(panes, standing)
        tab = None if tab_id is None else _find(tabs, tab_id)
        async with self._starts.preparing(panes, places, standing) as starts:
            panes = [
                pane if program is None else replace(pane, program=program)
                for pane, program in zip(panes, starts.programs, strict=True)
            ]
            tree = layout_plan.with_leaves(tree, iter(panes))
            places = _each_once(starts.places)
            if tab is not None:
                layout_sizes.allot(tree, layout_sizes.span(tab.root))
                places = match(panes, places, await self._candidates(tab))
            builder = LayoutBuilder(self._terminal, tree)
            try:
                applied = await self._build(builder, panes, places, window_id, tab, starts)
            except BaseException as error:
                await builder.undo()
                if builder.moved and isinstance(error, ItermMcpError):
                    error.hint = f"{error.hint} {STANDS_HINT}".strip()
                raise
        return await self._starts.settle(applied) if settled else applied

    async def settle(self, applied: AppliedLayout) -> AppliedLayout:
        """Return a layout with the states of the agents that were started for it."""
        return await self._starts.settle(applied)

    async def undo(self, applied: AppliedLayout) -> None:
        """End what was opened for a layout; what was moved stays where it is."""
        for pane in applied.panes:
            if not pane.opened:
                continue
            with suppress(ItermMcpError):
                if pane.agent is not None and pane.start is not None and pane.start.new:
                    await self._starts.undo(pane.agent)
                elif pane.agent is not None and pane.start is None:
                    await self._owners.remove_agent(pane.agent)
            with suppress(ItermMcpError):
                await self._terminal.close_session(pane.session_id)

    async def _build(
        self,
        builder: LayoutBuilder,
        panes: Sequence[Pane],
        places: Sequence[SessionId | None],
        window_id: WindowId | None,
        tab: StandingTab | None,
        starts: PaneStarts,
    ) -> AppliedLayout:
        if tab is None and not any(places):
            ids = await builder.open_all(window_id)
        else:
            ids = await builder.place(places, window_id if tab is None else tab.window_id, tab)
        stands = await builder.resize(ids)
        opened = frozenset(builder.opened)
        placed = list(zip(panes, ids, strict=True))
        for pane, session_id in placed:
            if session_id not in opened:
                await self._rename(pane, session_id)
        sessions = frozenset(one.session_id for one in await self._terminal.list_sessions())
        known = [(pane, one) for pane, one in placed if pane.agent and pane.agent.order is None]
        await self._agents.register(known, sessions)
        began = await starts.begin(ids)
        return AppliedLayout(
            stands.window_id,
            stands.tab_id,
            tuple(
                AppliedPane(
                    pane.program.name,
                    session_id,
                    None if pane.agent is None else pane.agent.name,
                    session_id in opened,
                    start,
                )
                for (pane, session_id), start in zip(placed, began, strict=True)
            ),
            builder.left_over,
        )

    async def _resolved(self, pane: Pane) -> Pane:
        """Check what a pane asks for, and find the session that it names."""
        check_program(pane.program)
        pane = await self._starts.resolve(pane)
        if pane.session_id is None:
            return pane
        if pane.program != Program(name=pane.program.name):
            raise InvalidRequestError(
                "a pane with a session_id cannot ask for another program",
                hint="Give it a name at most; what runs there runs on.",
            )
        return replace(pane, session_id=await self._sessions.find(pane.session_id))

    async def _fixed_places(
        self, panes: Sequence[Pane], standing: Container[SessionId]
    ) -> list[SessionId | None]:
        for pane in panes:
            if pane.session_id is not None and pane.session_id not in standing:
                raise NotFoundError(
                    "session", pane.session_id, hint="Call list_sessions to see which there are."
                )
        return _each_once(await self._agents.places(panes, standing))

    async def _candidates(self, tab: StandingTab) -> list[Candidate]:
        owners = await self._owners.owners()
        return [
            Candidate(one, await self._terminal.read_program(one), owners.get(one))
            for one in tab.session_ids()
        ]

    async def _rename(self, pane: Pane, session_id: SessionId) -> None:
        name = pane.program.name
        if name is not None and (await self._terminal.read_program(session_id)).name != name:
            await self._terminal.rename_session(session_id, name)


def _each_once(places: list[SessionId | None]) -> list[SessionId | None]:
    taken = [one for one in places if one is not None]
    for one in taken:
        if taken.count(one) > 1:
            raise ConflictError(
                f"two panes want session {one}", hint="An agent brings its session along."
            )
    return places


def _find(tabs: Sequence[StandingTab], tab_id: TabId) -> StandingTab:
    for tab in tabs:
        if tab.tab_id == tab_id:
            return tab
    raise NotFoundError("tab", tab_id, hint="Call list_sessions to see which there are.")
