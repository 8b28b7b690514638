"""The tools for layouts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.ids import TabId, WindowId
from iterm_mcp.tools import layout_nodes
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.layout_nodes import LayoutNode, Preset
from iterm_mcp.tools.tool import ADDS, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.models.layouts import Node
    from iterm_mcp.services.layouts.export import LayoutExporter
    from iterm_mcp.services.layouts.saved_layouts import SavedLayoutService
    from iterm_mcp.services.layouts.service import LayoutService


class LayoutTools:
    """The tools over the services for layouts."""

    def __init__(
        self, layouts: LayoutService, exporter: LayoutExporter, saved: SavedLayoutService
    ) -> None:
        self._layouts = layouts
        self._exporter = exporter
        self._saved = saved

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(
                self.apply_layout, "Apply layout", ADDS, "panes grid split window move rearrange"
            ),
            ToolRow(
                self.export_layout, "Export layout", ADDS, "panes tree save restore arrangement"
            ),
        ]

    async def apply_layout(
        self,
        preset: Annotated[Preset | None, Field(description="Or give root or saved.")] = None,
        names: Annotated[
            list[str],
            Field(description="For a preset: in reading order; sets the count."),
        ] = [],
        columns: Annotated[
            int | None, Field(description="For grid: panes per row.", ge=1, le=64)
        ] = None,
        directory: Annotated[str | None, Field(description="For a preset.")] = None,
        root: Annotated[LayoutNode | None, Field(description="A tree of splits.")] = None,
        saved: Annotated[str | None, Field(description="Saved by export_layout.")] = None,
        window_id: Annotated[str | None, Field(description="Open as its tab.")] = None,
        tab_id: Annotated[str | None, Field(description="Rearrange this tab.")] = None,
    ) -> Json:
        """Arrange sessions in panes, opening those that are missing; return their session_ids.

        Give a preset (single, columns, rows, quad, grid, main_stack), a saved name, or a root
        such as {"split":"columns","children":[{"name":"edit","size":2},{"name":"test"}]}.

        Nothing that runs is ended. With tab_id the tab's sessions take the panes that fit (same
        name or command, else any unnamed pane without command); the rest move to a tab of their
        own (moved_out); doing it twice changes nothing. If it fails, what it opened is closed
        again. At most 64 panes.
        """
        window = None if window_id is None else WindowId(window_id)
        tab = None if tab_id is None else TabId(tab_id)
        if [preset, root, saved].count(None) != 2:  # noqa: PLR2004 - one of three
            raise InvalidRequestError(
                "give a preset, a root or a saved layout, one of them",
                hint='For instance preset="quad".',
            )
        if preset is None and (names or columns is not None or directory is not None):
            raise InvalidRequestError(
                "names, columns and directory belong to presets",
                hint="Put name and directory into the root's panes.",
            )
        if saved is not None:
            tabs = await self._saved.restore(saved, window_id=window, tab_id=tab)
            done = [layout_nodes.applied(one) for one in tabs]
            return done[0] if len(done) == 1 else {"tabs": done}
        node: Node = (
            layout_nodes.from_preset(str(preset), names, columns, directory)
            if root is None
            else layout_nodes.from_tree(root)
        )
        return layout_nodes.applied(
            await self._layouts.apply_layout(node, window_id=window, tab_id=tab)
        )

    async def export_layout(
        self,
        window_id: Annotated[str | None, Field(description="Only this window.")] = None,
        tab_id: Annotated[str | None, Field(description="Only this tab.")] = None,
        save_as: Annotated[
            str | None, Field(description="Keep it under this name for apply_layout.")
        ] = None,
        replace: Annotated[bool, Field(description="Let save_as overwrite.")] = False,
        forget: Annotated[
            str | None, Field(description="Delete this saved layout; exports nothing.")
        ] = None,
    ) -> Json:
        """Write down tabs as roots for apply_layout: sizes, names, directories, commands, agents.

        Everything is exported if neither window nor tab is given. session_ids come in the panes'
        reading order. It also lists the saved layouts. What was typed into a shell is not part of
        it. Use list_sessions just to see what is there.
        """
        answer: Json = {}
        if forget is not None:
            if (window_id, tab_id, save_as) != (None, None, None):
                raise InvalidRequestError(
                    "forget exports nothing", hint="Leave the other arguments out."
                )
            await self._saved.remove(forget)
        else:
            tabs = await self._exporter.export(
                None if window_id is None else WindowId(window_id),
                None if tab_id is None else TabId(tab_id),
            )
            if save_as is not None:
                await self._saved.save(save_as, tabs, replace=replace)
            answer["untrusted"] = ["tabs"]
            answer["tabs"] = [
                {
                    "window_id": one.tab.window_id,
                    "tab_id": one.tab.tab_id,
                    "session_ids": one.tab.session_ids(),
                    "root": layout_nodes.to_tree(one.root),
                }
                for one in tabs
            ]
        answer["saved"] = [layout_nodes.saved(one) for one in await self._saved.list()]
        return answer
