"""What stands, written down as layouts that would build it again."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.layouts import ExportedTab, Pane, Splitter, StandingPane
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.layouts.sizes import span
from iterm_mcp.services.sessions.tags import read_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.ids import SessionId, TabId, WindowId
    from iterm_mcp.models.layouts import Node, StandingNode, StandingTab
    from iterm_mcp.services.agents.pane_starts import PaneStarter
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.terminal.protocol import Terminal

DIGITS = 3
"""Of a ratio, after the point; one more where a thousand cells or more are shared."""

MOST_PANES = 256
"""One export looks at no more of them."""


class LayoutExporter:
    """Reads tabs as layouts: sizes as ratios, names, directories, commands, agents."""

    def __init__(self, terminal: Terminal, agents: AgentService, starts: PaneStarter) -> None:
        self._terminal = terminal
        self._starts = starts
        self._agents = agents

    async def export(
        self, window_id: WindowId | None = None, tab_id: TabId | None = None
    ) -> tuple[ExportedTab, ...]:
        """Return one tab, the tabs of one window, or all.

        A pane starts where its session is now. What was typed into a shell, and variables of
        the environment, are no part of it. An agent that we started is written down with all that
        it can be started again with, and its conversation.

        Raises:
            NotFoundError: No such window or tab.
            InvalidRequestError: There are too many panes.
        """
        tabs = [
            tab
            for tab in await self._terminal.list_tabs()
            if window_id in {None, tab.window_id} and tab_id in {None, tab.tab_id}
        ]
        if not tabs and (tab_id is not None or window_id is not None):
            kind, name = ("window", window_id) if tab_id is None else ("tab", tab_id)
            raise NotFoundError(
                kind, str(name), hint="Call list_sessions to see which windows and tabs there are."
            )
        count = sum(len(tab.session_ids()) for tab in tabs)
        if count > MOST_PANES:
            raise InvalidRequestError(
                f"{count} panes are more than the {MOST_PANES} of one export",
                hint="Export one window or tab at a time.",
            )
        agents = {one.agent.session_id: one.agent for one in await self._agents.list_agents()}
        return tuple([await self._tab(tab, agents) for tab in tabs])

    async def _tab(self, tab: StandingTab, agents: Mapping[SessionId, Agent]) -> ExportedTab:
        panes = {one: await self._pane(one, agents.get(one)) for one in tab.session_ids()}
        return ExportedTab(tab, _node(tab.root, 1.0, panes))

    async def _pane(self, session_id: SessionId, agent: Agent | None) -> Pane:
        try:
            program = await self._terminal.read_program(session_id)
            known = await self._terminal.read_variables(session_id, ["path", "user.tags"])
        except NotFoundError:
            return Pane()  # it ended since the tabs were listed
        path = known["path"]
        lives = None if agent is None else await self._starts.describe(agent)
        shown = Program(
            command=program.command,
            directory=_plain(path) if isinstance(path, str) else program.directory,
            profile=_plain(program.profile),
            name=_plain(program.name),
            tags=read_tags(known["user.tags"]),
        )
        if lives is not None and lives.order is not None:  # its keeper is no part of the layout
            shown = replace(shown, command=None, directory=_plain(lives.order.directory))
        return Pane(shown, agent=lives)


def ratios(lengths: Sequence[int]) -> list[float]:
    """Return shares that add up to one and give these lengths back, to the cell.

    Not each share is rounded but where it ends, so that no error grows along the row.
    """
    whole = sum(lengths) or 1
    digits = DIGITS if whole < 10**DIGITS else DIGITS + 1
    ends = [round(end / whole, digits) for end in accumulate(lengths)]
    return [max(round(end - start, digits), 10.0**-digits) for start, end in pairwise([0.0, *ends])]


def panes_of(roots: Iterable[Node]) -> list[Pane]:
    """Return all panes of some layouts in reading order."""
    found: list[Pane] = []
    for root in roots:
        found += [root] if isinstance(root, Pane) else panes_of(root.children)
    return found


def _node(node: StandingNode, weight: float, panes: Mapping[SessionId, Pane]) -> Node:
    if isinstance(node, StandingPane):
        pane = panes[node.session_id]
        return Pane(pane.program, weight, agent=pane.agent)
    sizes = [span(child) for child in node.children]
    shares = ratios([size.columns if node.vertical else size.rows for size in sizes])
    children = zip(node.children, shares, strict=True)
    return Splitter(
        node.vertical, tuple(_node(child, share, panes) for child, share in children), weight
    )


def _plain(text: str | None) -> str | None:
    """Return a name that a layout may hold: programs set some of them to anything."""
    return text if text and text.strip() and text.isprintable() else None
