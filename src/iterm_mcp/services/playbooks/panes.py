"""The panes of a playbook as a layout, each with a tag by which it is found again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.access import AGENT_VARIABLE
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.layouts import Pane, PaneAgent, Splitter
from iterm_mcp.models.sessions import Program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.layouts import Node
    from iterm_mcp.services.playbooks.document import LayoutPart, PaneAgentPart
    from iterm_mcp.services.playbooks.tasks import Task


def tags_of(task: Task) -> str:
    """Return how the tags of a layout step's panes begin; a number follows."""
    return f"playbook:{task.run.run_id}:{task.number}:"


def tree_of(part: LayoutPart, tags: str, standing: Mapping[str, SessionId]) -> Node:
    """Return a layout, its panes tagged, or taken by sessions that stand for them already."""
    numbers = iter(range(1, 1 + len(part.panes())))

    def node(one: LayoutPart) -> Node:
        if one.split is not None:
            children = tuple(node(child) for child in one.children)
            return Splitter(one.split == "columns", children, one.size)
        tag = f"{tags}{next(numbers)}"
        agent = None if one.agent is None else _agent(one.agent)
        if tag in standing:
            return Pane(Program(name=one.name), one.size, None, standing[tag], agent)
        environment = dict(one.environment)
        if agent is not None:
            environment[AGENT_VARIABLE] = agent.name
        program = Program(
            command=one.command,
            directory=one.directory,
            profile=one.profile,
            name=one.name,
            environment=environment,
            tags=(tag,),
        )
        return Pane(program, one.size, agent=agent)

    return node(part)


def _agent(part: PaneAgentPart) -> PaneAgent:
    teams = tuple(TeamName(team) for team in part.teams)
    return PaneAgent(AgentName(part.name), part.kind, part.role, teams, part.prompt)
