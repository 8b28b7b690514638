"""Layouts as models write and read them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.layouts import Pane, PaneAgent, Splitter
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.layouts import plan as layout_plan
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from iterm_mcp.models.layouts import AppliedLayout, AppliedPane, Node, PaneStart, SavedLayout
    from iterm_mcp.tools.answers import Json

Preset = Literal["single", "columns", "rows", "quad", "grid", "main_stack"]
DEFAULT_PANES: dict[str, int] = {
    "single": 1, "columns": 2, "rows": 2, "quad": 4, "grid": 4, "main_stack": 3
}  # fmt: skip


class LayoutAgent(BaseModel):
    """Who lives in the pane: started as by start_agent, unless there is a command or it is a shell.

    One that lives already brings its session along.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    kind: str = Field("shell", description="Or 'template:' and a name.")
    prompt: str = ""
    role: str = ""
    teams: list[str] = []


class LayoutNode(BaseModel):
    """A pane, or a split with children."""

    model_config = ConfigDict(extra="forbid")

    split: Literal["columns", "rows"] | None = Field(
        None, description="Children side by side (columns) or one below the other (rows)."
    )
    children: list[LayoutNode] = Field(default=[], description="Two or more.")
    size: float = Field(1.0, gt=0, description="Share among siblings.")
    cells: int | None = Field(None, ge=2, le=1000, description="Fixed; not for all siblings.")
    name: str | None = None
    command: str | None = Field(None, description="Instead of the login shell.")
    directory: str | None = None
    profile: str | None = None
    environment: dict[str, str] = Field(default={}, max_length=100)
    tags: list[str] = []
    session_id: str | None = Field(None, description="To move here.")
    agent: LayoutAgent | None = None


def from_preset(preset: str, names: list[str], columns: int | None, directory: str | None) -> Node:
    """Return the layout that a preset stands for.

    Raises:
        InvalidRequestError: It cannot have so many panes or columns.
    """
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


def from_tree(node: LayoutNode) -> Node:
    """Return the layout that a model wrote down.

    Raises:
        InvalidRequestError: A node is neither a pane nor a split.
    """
    program = Program(
        command=node.command,
        directory=node.directory,
        profile=node.profile,
        name=node.name,
        environment=node.environment,
        tags=tuple(node.tags),
    )
    if node.split is None:
        if node.children:
            raise InvalidRequestError(
                "a node with children needs split", hint='Set split to "columns" or "rows".'
            )
        session_id = None if node.session_id is None else SessionId(node.session_id)
        return Pane(program, node.size, node.cells, session_id, _agent(node.agent))
    if program != Program() or node.session_id is not None or node.agent is not None:
        raise InvalidRequestError(
            "a split has no session, name, command, directory, profile or agent of its own",
            hint="Put them into its children.",
        )
    return Splitter(
        vertical=node.split == "columns",
        children=tuple(from_tree(child) for child in node.children),
        weight=node.size,
        cells=node.cells,
    )


def _agent(agent: LayoutAgent | None) -> PaneAgent | None:
    if agent is None:
        return None
    teams = tuple(TeamName(team) for team in agent.teams)
    return PaneAgent(AgentName(agent.name), agent.kind, agent.role, teams, agent.prompt)


def to_tree(node: Node) -> Json:
    """Return a layout as a model may write it down; what is as usual is left out."""
    size: Json = {} if node.weight == 1 else {"size": node.weight}
    if isinstance(node, Splitter):
        children = [to_tree(child) for child in node.children]
        return {"split": "columns" if node.vertical else "rows", **size, "children": children}
    program, agent = node.program, node.agent
    texts = {
        "name": program.name,
        "command": program.command,
        "directory": program.directory,
        "profile": program.profile,
    }
    answer: Json = size | {key: sanitise(one) for key, one in texts.items() if one is not None}
    if program.tags:
        answer["tags"] = [sanitise(tag) for tag in program.tags]
    if agent is not None:
        facts: dict[str, Any] = {"kind": agent.kind, "role": agent.role, "teams": [*agent.teams]}
        usual = {"kind": "shell", "role": "", "teams": []}
        answer["agent"] = {"name": agent.name} | {
            key: value for key, value in facts.items() if value != usual[key]
        }
    return answer


def applied(layout: AppliedLayout) -> Json:
    """Return where a layout's panes ended up."""
    answer: Json = {
        "window_id": layout.window_id,
        "tab_id": layout.tab_id,
        "panes": [_pane(pane) for pane in layout.panes],
    }
    if layout.moved_out:
        answer["moved_out"] = list(layout.moved_out)
    return answer


def _pane(pane: AppliedPane) -> Json:
    answer: Json = {} if pane.name is None else {"name": pane.name}
    answer["session_id"] = pane.session_id
    if pane.agent is not None:
        answer["agent"] = pane.agent
    if not pane.opened:
        answer["stood_before"] = True
    if pane.start is not None:
        answer["started"] = _start(pane.start)
    return answer


def _start(start: PaneStart) -> Json:
    """Return what became of an agent that was started."""
    if start.problem:
        return {"error": sanitise(start.problem), "hint": sanitise(start.hint)}
    answer: Json = {"resumed": True} if start.resumed else {}
    if start.view is not None:
        answer |= {"state": start.view.state.value, "reason": start.view.reason}
    return answer


def saved(layout: SavedLayout) -> Json:
    """Return what is kept under a name, in short."""
    return {
        "name": layout.name,
        "windows": len(layout.windows),
        "tabs": sum(len(window) for window in layout.windows),
        "saved_at": layout.saved_at.isoformat(),
    }
