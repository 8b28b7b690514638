"""Layouts as models write them, and how they are written back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.ids import AgentName, SessionId, TabId, TeamName, WindowId
from iterm_mcp.models.layouts import (
    AppliedLayout,
    AppliedPane,
    Pane,
    PaneAgent,
    SavedLayout,
    Splitter,
)
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.layouts.plan import leaves
from iterm_mcp.tools import layout_nodes
from iterm_mcp.tools.layout_nodes import LayoutNode


def node(**values: Any) -> LayoutNode:  # noqa: ANN401
    return LayoutNode.model_validate(values)


def shape(one: object) -> object:
    """Return a tree as nested lists of names, columns as lists and rows as tuples."""
    if isinstance(one, Splitter):
        return (list if one.vertical else tuple)(shape(child) for child in one.children)
    assert isinstance(one, Pane)
    return one.program.name


@pytest.mark.parametrize(
    ("preset", "names", "columns", "expected"),
    [
        ("single", ["a"], None, "a"),
        ("columns", ["a", "b", "c"], None, ["a", "b", "c"]),
        ("rows", ["a", "b"], None, ("a", "b")),
        ("quad", ["a", "b", "c", "d"], None, (["a", "b"], ["c", "d"])),
        ("grid", ["a", "b", "c", "d", "e"], 3, (["a", "b", "c"], ["d", "e"])),
        ("grid", ["a", "b", "c", "d", "e"], None, (["a", "b", "c"], ["d", "e"])),
        ("main_stack", ["a", "b", "c"], None, ["a", ("b", "c")]),
    ],
)
def test_presets_stand_in_reading_order(
    preset: str, names: list[str], columns: int | None, expected: object
) -> None:
    assert shape(layout_nodes.from_preset(preset, names, columns, None)) == expected


@pytest.mark.parametrize("preset", layout_nodes.DEFAULT_PANES)
def test_a_preset_without_names_has_its_usual_panes_all_in_the_directory(preset: str) -> None:
    panes = leaves(layout_nodes.from_preset(preset, [], None, "/srv"))
    assert [pane.program for pane in panes] == [
        Program(directory="/srv") for _ in range(layout_nodes.DEFAULT_PANES[preset])
    ]


@pytest.mark.parametrize(
    ("preset", "names", "columns", "reason"),
    [
        ("quad", ["a"], None, "quad has 4 panes, not 1"),
        ("single", ["a", "b"], None, "single has 1 panes, not 2"),
        ("rows", [], 2, "columns belongs to preset grid"),
    ],
)
def test_a_preset_that_makes_no_sense_is_refused(
    preset: str, names: list[str], columns: int | None, reason: str
) -> None:
    with pytest.raises(InvalidRequestError, match=reason) as caught:
        layout_nodes.from_preset(preset, names, columns, None)
    assert caught.value.hint


def test_a_tree_comes_back_as_it_was_written_without_what_is_usual() -> None:
    agent = {"name": "ann", "kind": "claude", "role": "tests", "teams": ["crew"]}
    written = {
        "split": "columns",
        "size": 2.0,
        "children": [
            {"name": "edit", "command": "vim", "directory": "/srv", "profile": "Dark"},
            {"split": "rows", "children": [{"tags": ["ci"], "agent": agent}, {"size": 3.0}]},
        ],
    }

    back = layout_nodes.to_tree(layout_nodes.from_tree(node(**written)))

    assert back == written


def test_what_is_usual_of_an_agent_is_left_out_and_what_programs_say_is_sanitised() -> None:
    pane = Pane(Program(name="a\x1b[2J\u202e", tags=("t\x07",)), agent=PaneAgent(AgentName("ann")))
    assert layout_nodes.to_tree(pane) == {
        "name": "a[2J", "tags": ["t"], "agent": {"name": "ann"}
    }  # fmt: skip


def test_a_pane_keeps_what_was_asked_for_it() -> None:
    pane = layout_nodes.from_tree(
        node(cells=20, session_id="S", agent={"name": "ann", "teams": ["crew"]})
    )
    assert pane == Pane(
        cells=20, session_id=SessionId("S"),
        agent=PaneAgent(AgentName("ann"), teams=(TeamName("crew"),)),
    )  # fmt: skip


CHILDREN: list[dict[str, Any]] = [{}, {}]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ({"children": CHILDREN}, "needs split"),
        ({"split": "rows", "children": CHILDREN, "name": "a"}, "a split has no session"),
        ({"split": "rows", "children": CHILDREN, "session_id": "S"}, "a split has no session"),
        ({"split": "rows", "children": CHILDREN, "agent": {"name": "a"}}, "a split has no session"),
    ],
)
def test_a_node_that_is_neither_pane_nor_split_is_refused(
    written: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidRequestError, match=reason) as caught:
        layout_nodes.from_tree(node(**written))
    assert caught.value.hint


def test_where_a_layout_stands_is_told_in_short() -> None:
    panes = (
        AppliedPane("edit", SessionId("A"), AgentName("ann")),
        AppliedPane(None, SessionId("B"), opened=False),
    )
    layout = AppliedLayout(WindowId("w"), TabId("t"), panes, (SessionId("C"),))
    expected = {
        "window_id": "w",
        "tab_id": "t",
        "panes": [
            {"name": "edit", "session_id": "A", "agent": "ann"},
            {"session_id": "B", "stood_before": True},
        ],
    }
    assert layout_nodes.applied(layout) == expected | {"moved_out": ["C"]}
    assert layout_nodes.applied(AppliedLayout(WindowId("w"), TabId("t"), panes)) == expected


def test_of_what_is_saved_the_tabs_are_counted() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    kept = SavedLayout("day", ((Pane(), Pane()), (Pane(),)), (), at)
    assert layout_nodes.saved(kept) == {
        "name": "day", "windows": 2, "tabs": 3, "saved_at": "2026-01-02T03:04:05+00:00"
    }  # fmt: skip
