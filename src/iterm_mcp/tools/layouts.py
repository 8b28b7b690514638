"""The tool for layouts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.ids import WindowId
from iterm_mcp.models.layouts import Pane, Splitter
from iterm_mcp.models.sessions import Program
from iterm_mcp.services import layout_plan
from iterm_mcp.tools import answers
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.tool import ADDS, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.services.layout_plan import Node
    from iterm_mcp.services.layouts import LayoutService

Preset = Literal["single", "columns", "rows", "quad", "grid", "main_stack"]
DEFAULT_PANES: dict[str, int] = {
    "single": 1, "columns": 2, "rows": 2, "quad": 4, "grid": 4, "main_stack": 3
}  # fmt: skip


class LayoutNode(BaseModel):
    """A pane, or a split with children."""

    model_config = ConfigDict(extra="forbid")

    split: Literal["columns", "rows"] | None = Field(
        None, description="Children side by side (columns) or one below the other (rows)."
    )
    children: list[LayoutNode] = Field(default=[], description="Two or more, for a split.")
    size: float = Field(1.0, gt=0, description="Share among its siblings, such as 2.")
    name: str | None = Field(None, description="Name of the pane's session.")
    command: str | None = Field(None, description="Program to run instead of the login shell.")
    directory: str | None = Field(None, description="Absolute directory to start in.")
    profile: str | None = None


class LayoutTools:
    """The tools over `LayoutService`."""

    def __init__(self, layouts: LayoutService) -> None:
        self._layouts = layouts

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(self.apply_layout, "Apply layout", ADDS, "panes grid split window side by side")
        ]

    async def apply_layout(
        self,
        preset: Annotated[
            Preset | None, Field(description="A ready-made arrangement; or give root instead.")
        ] = None,
        names: Annotated[
            list[str],
            Field(description="For a preset: the panes' names in reading order; sets the count."),
        ] = [],
        columns: Annotated[
            int | None, Field(description="For preset grid: panes per row.", ge=1, le=64)
        ] = None,
        directory: Annotated[
            str | None, Field(description="For a preset: where all its panes start.")
        ] = None,
        root: Annotated[
            LayoutNode | None, Field(description="A nested tree of splits with sizes and names.")
        ] = None,
        window_id: Annotated[
            str | None, Field(description="Open as a tab of this window instead of a new window.")
        ] = None,
    ) -> Json:
        """Open several sessions at once, arranged in panes, and return their session_ids.

        Give either a preset (single, columns, rows, quad, grid, main_stack) or a root such as
        {"split":"columns","children":[{"name":"edit","size":2},{"name":"test"}]}.

        It always opens a new window or tab and touches nothing that runs. If it cannot be
        completed, what it opened is closed again. At most 64 panes.
        """
        node = self._node(preset, names, columns, directory, root)
        applied = await self._layouts.apply_layout(
            node, window_id=None if window_id is None else WindowId(window_id)
        )
        return answers.layout(applied)

    def _node(
        self,
        preset: Preset | None,
        names: list[str],
        columns: int | None,
        directory: str | None,
        root: LayoutNode | None,
    ) -> Node:
        if (preset is None) == (root is None):
            raise InvalidRequestError(
                "give either a preset or a root", hint='For instance preset="quad".'
            )
        if root is not None:
            if names or columns is not None or directory is not None:
                raise InvalidRequestError(
                    "names, columns and directory belong to presets",
                    hint="Put name and directory into the root's panes.",
                )
            return _from_tree(root)
        return _from_preset(str(preset), names, columns, directory)


def _from_preset(preset: str, names: list[str], columns: int | None, directory: str | None) -> Node:
    default = DEFAULT_PANES[preset]
    count = len(names) or default
    if preset in {"single", "quad"} and count != default:
        raise InvalidRequestError(
            f"preset {preset} has {default} panes, not {count}",
            hint="Use columns, rows, grid or main_stack for another number.",
        )
    if columns is not None and preset != "grid":
        raise InvalidRequestError("columns belongs to preset grid", hint="Leave it out.")
    given: list[str | None] = list(names) or [None] * count
    panes = [Pane(Program(name=name, directory=directory)) for name in given]
    match preset:
        case "rows":
            return layout_plan.rows(panes)
        case "quad":
            return layout_plan.grid(panes, 2)
        case "grid":
            across = columns if columns is not None else round(count**0.5 + 0.4999)
            return layout_plan.grid(panes, across)
        case "main_stack":
            return layout_plan.main_stack(panes)
        case _:
            return layout_plan.columns(panes)


def _from_tree(node: LayoutNode) -> Node:
    program = Program(node.command, node.directory, node.profile, node.name)
    if node.split is None:
        if node.children:
            raise InvalidRequestError(
                "a node with children needs split", hint='Set split to "columns" or "rows".'
            )
        return Pane(program, weight=node.size)
    if program != Program():
        raise InvalidRequestError(
            "a split has no name, command, directory or profile of its own",
            hint="Put them into its children.",
        )
    return Splitter(
        vertical=node.split == "columns",
        children=tuple(_from_tree(child) for child in node.children),
        weight=node.size,
    )
