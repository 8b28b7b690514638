from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.services.events.story import story
from tests.unit.services.events.told import call, changed, prompt, told

from iterm_mcp.models.account_views import NodeKind
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.graphs import make_graph


def edges(events: list, *, expanded: bool = False) -> set[tuple[str, str, int]]:  # type: ignore[type-arg]
    graph = make_graph(events, expanded=expanded)
    return {(one.source, one.target, one.times) for one in graph.edges}


def test_together_each_tool_is_one_node() -> None:
    graph = make_graph(story())
    nodes = {one.node: (one.times, one.failed, one.seconds) for one in graph.nodes}
    assert nodes["prompt:all"] == (2, 0, 30.0)
    assert nodes["tool:Bash"] == (4, 2, 6.25)
    assert nodes["subagent:reviewer"] == (1, 0, 11.5)
    assert nodes["file:/w/new.py"][0] == 2
    assert edges(story()) == {
        ("prompt:all", "tool:Bash", 4),
        ("prompt:all", "tool:Agent", 1),
        ("prompt:all", "subagent:reviewer", 1),
        ("subagent:reviewer", "tool:Read", 1),
    }


def test_expanded_each_call_is_one_node() -> None:
    graph = make_graph(story(), expanded=True)
    assert {one.node for one in graph.nodes if one.kind is NodeKind.TOOL} == {
        f"tool:{name}" for name in ("b1", "b2", "b3", "b4", "s1", "r1")
    }
    assert ("prompt:1", "tool:b4", 1) in edges(story(), expanded=True)


def test_a_file_hangs_on_the_call_that_changed_it() -> None:
    file = changed(2, "/a", "created")
    file = replace(file, links=replace(file.links, call="c1"))
    commit = told(EventKind.COMMIT_MADE, 3, call="c1", subject="abc")
    events = [prompt(0), *call("c1", 1, 4, tool="Write"), file, commit]
    assert edges(events) >= {("tool:Write", "file:/a", 1), ("tool:Write", "commit:abc", 1)}


def test_a_subagent_hangs_on_the_call_that_started_it() -> None:
    started = told(EventKind.SUBAGENT_STARTED, 2, call="c1", subagent="x")
    events = [prompt(0), *call("c1", 1, 9, tool="Agent"), started]
    assert ("tool:Agent", "subagent:x", 1) in edges(events)


def test_what_comes_before_all_prompts_hangs_on_nothing() -> None:
    started = told(EventKind.SUBAGENT_STARTED, 2, subagent="x")
    assert edges([*call("c1", 1, 3), started]) == set()


def test_of_too_many_nodes_those_that_stand_for_most_stay() -> None:
    files = [changed(index, f"/{index}", "modified") for index in range(50)]
    graph = make_graph([prompt(0), *call("c1", 1, 2), *call("c2", 3, 4), *files], most=3)
    assert len(graph.nodes) == 3
    assert graph.left_out == 49
    assert "tool:Bash" in {one.node for one in graph.nodes}
    assert {name for one in graph.edges for name in (one.source, one.target)} <= {
        one.node for one in graph.nodes
    }


def test_no_events_have_no_graph() -> None:
    with pytest.raises(ValueError, match="no events"):
        make_graph([])
