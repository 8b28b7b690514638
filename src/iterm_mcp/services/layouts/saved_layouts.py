"""Layouts saved by name with their agents and teams, and restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.layouts import SavedLayout, SavedTeam
from iterm_mcp.services.deliveries.cascade import ancestry
from iterm_mcp.services.layouts.agents import LayoutAgents
from iterm_mcp.services.layouts.export import panes_of
from iterm_mcp.services.names import check_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.ids import TabId, TeamName, WindowId
    from iterm_mcp.models.layouts import AppliedLayout, ExportedTab, Node
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.layouts.service import LayoutService
    from iterm_mcp.store import Store

UNDO_SECONDS = 10.0


class SavedLayoutService:
    """Keeps layouts in the store, and makes them stand again."""

    def __init__(
        self,
        store: Store,
        layouts: LayoutService,
        agents: AgentService,
        clock: Clock,
    ) -> None:
        self._saved = store.layouts
        self._layouts = layouts
        self._agents = agents
        self._clock = clock

    async def save(
        self, name: str, tabs: Iterable[ExportedTab], *, replace: bool = False
    ) -> SavedLayout:
        """Keep exported tabs, their agents and the teams these stand in, under a name.

        Raises:
            InvalidRequestError: It cannot be called so, or there is nothing to save.
            ConflictError: The name is taken and `replace` is not set.
        """
        check_name("layout", name)
        windows: dict[WindowId, list[Node]] = {}
        for one in tabs:
            windows.setdefault(one.tab.window_id, []).append(one.root)
        if not windows:
            raise InvalidRequestError("there is nothing to save", hint="Open a session first.")
        saved = SavedLayout(
            name=name,
            windows=tuple(tuple(roots) for roots in windows.values()),
            teams=await self._teams(root for roots in windows.values() for root in roots),
            saved_at=self._clock.now(),
        )
        await self._saved.save(saved, replace=replace)
        return saved

    async def list(self) -> tuple[SavedLayout, ...]:
        """Return all saved layouts, sorted by name."""
        return await self._saved.list()

    async def remove(self, name: str) -> None:
        """Forget a saved layout; what stands is left alone.

        Raises:
            NotFoundError: There is none of this name.
        """
        await self._saved.remove(name)

    async def restore(
        self, name: str, *, window_id: WindowId | None = None, tab_id: TabId | None = None
    ) -> tuple[AppliedLayout, ...]:
        """Make a saved layout stand again; return its tabs.

        Teams that are missing are created. Agents that still live take their sessions along.
        Those that we had started are started again, in their conversations where these are still
        there; the others are registered in new sessions. When a tab cannot be made, the sessions
        that were opened for those before it are closed again.

        Args:
            window_id: Where the tabs of a saved window go; None opens windows.
            tab_id: Where a single saved tab goes.

        Raises:
            NotFoundError: There is none of this name.
            InvalidRequestError: Several windows were to go into one, or several tabs into one.
        """
        saved = await self._saved.find(name)
        tabs = sum(len(window) for window in saved.windows)
        if (window_id is not None and len(saved.windows) > 1) or (tab_id is not None and tabs > 1):
            raise InvalidRequestError(
                f"layout {name!r} has {len(saved.windows)} windows with {tabs} tabs in all",
                hint="Leave window_id and tab_id out: it opens windows of its own.",
            )
        await LayoutAgents(self._agents).create_teams(saved.teams)
        done: list[AppliedLayout] = []
        try:
            for window in saved.windows:
                target = window_id
                for root in window:
                    applied = await self._layouts.apply_layout(
                        root, window_id=target, tab_id=tab_id, settled=False
                    )
                    done.append(applied)
                    target = applied.window_id
        except BaseException:
            await self._undo(done)
            raise
        settled = dict(enumerate(done))

        async def settle(at: int) -> None:
            settled[at] = await self._layouts.settle(done[at])

        async with anyio.create_task_group() as group:
            for at in settled:
                group.start_soon(settle, at)
        return tuple(settled.values())

    async def _undo(self, done: Sequence[AppliedLayout]) -> None:
        with anyio.CancelScope(shield=True), anyio.move_on_after(UNDO_SECONDS):
            for applied in done:
                await self._layouts.undo(applied)

    async def _teams(self, roots: Iterable[Node]) -> tuple[SavedTeam, ...]:
        """Return the teams of some layouts' agents and those above them, the highest first."""
        known = {team.name: team for team in await self._agents.list_teams()}
        parents = {team.name: team.parent for team in known.values()}
        wanted: dict[TeamName, int] = {}
        for pane in panes_of(roots):
            for team in () if pane.agent is None else pane.agent.teams:
                wanted |= {one: _depth(one, parents) for _, one in ancestry(team, parents)}
        return tuple(
            SavedTeam(name, parents[name], known[name].description)
            for name in sorted(wanted, key=lambda name: (wanted[name], name))
        )


def _depth(name: TeamName, parents: dict[TeamName, TeamName | None]) -> int:
    return sum(1 for _ in ancestry(name, parents))
