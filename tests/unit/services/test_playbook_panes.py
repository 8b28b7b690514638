"""Panes of playbooks: tagged, with what an agent needs to be known, and found again."""

from __future__ import annotations

from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.layouts import Pane, PaneAgent, Splitter
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.playbooks.document import LayoutPart
from iterm_mcp.services.playbooks.panes import tree_of

LAYOUT = LayoutPart.model_validate({
    "split": "columns",
    "children": [
        {"name": "build", "directory": "/src", "size": 2, "environment": {"A": 1}},
        {"split": "rows", "children": [
            {"agent": {"name": "ann", "role": "worker", "teams": ["crew"]}, "command": "claude"},
            {"name": "log"},
        ]},
    ],
})  # fmt: skip

ANN = PaneAgent(AgentName("ann"), "shell", "worker", (TeamName("crew"),))


def test_each_pane_has_a_tag_and_an_agents_pane_its_name_in_the_environment() -> None:
    build = Program(directory="/src", name="build", environment={"A": "1"}, tags=("t:1",))
    ann = Program(command="claude", environment={"ITERM_MCP_AGENT": "ann"}, tags=("t:2",))
    log = Pane(Program(name="log", tags=("t:3",)))
    rows = Splitter(vertical=False, children=(Pane(ann, agent=ANN), log))
    assert tree_of(LAYOUT, "t:", {}) == Splitter(vertical=True, children=(Pane(build, 2), rows))


def test_what_an_earlier_try_has_opened_takes_its_place() -> None:
    standing = {"t:1": SessionId("ONE"), "t:2": SessionId("TWO")}
    tree = tree_of(LAYOUT, "t:", standing)
    assert isinstance(tree, Splitter)
    build, rows = tree.children
    assert build == Pane(Program(name="build"), 2, None, SessionId("ONE"))
    assert isinstance(rows, Splitter)
    assert rows.children[0] == Pane(Program(), 1.0, None, SessionId("TWO"), ANN)
