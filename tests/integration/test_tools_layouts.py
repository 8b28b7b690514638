"""Layouts end to end, each checked against what list_sessions says afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.tool_client import Json, ToolClient

SLACK = 2
"""Cells by which a pane may miss its share: dividers, and an app that counts in points."""

NAMES = ["anchor", "beacon", "cutter", "dinghy", "eyelet", "fender"]


async def applied(tools: ToolClient, **arguments: Any) -> tuple[Json, list[Json]]:  # noqa: ANN401
    """Apply a layout; return its answer, and its panes as they are listed once all have a size.

    Both must be in reading order, and all panes in the one tab that was said.
    """
    answer = await tools.data("apply_layout", **arguments)
    ids = [pane["session_id"] for pane in answer["panes"]]
    listed = await eventually(
        lambda: tools.listed(*ids),
        lambda panes: all(one["columns"] > 0 and one["rows"] > 0 for one in panes),
    )
    assert [one["session_id"] for one in listed] == ids
    assert len(set(ids)) == len(ids)
    for one in listed:
        assert (one["window_id"], one["tab_id"]) == (answer["window_id"], answer["tab_id"])
    return answer, listed


async def whole(tools: ToolClient) -> tuple[int, int]:
    """Return the columns and rows that a single pane has."""
    _, (pane,) = await applied(tools, preset="single")
    return pane["columns"], pane["rows"]


def shares(panes: list[Json], columns: int, rows: int) -> list[tuple[float, float]]:
    return [(one["columns"] / columns, one["rows"] / rows) for one in panes]


def near(size: int, share: float, total: int) -> bool:
    return abs(size - share * total) <= SLACK


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"preset": "single"}, [(1, 1)]),
        ({"preset": "columns"}, [(1 / 2, 1)] * 2),
        ({"preset": "rows"}, [(1, 1 / 2)] * 2),
        ({"preset": "quad"}, [(1 / 2, 1 / 2)] * 4),
        ({"preset": "grid"}, [(1 / 2, 1 / 2)] * 4),
        ({"preset": "main_stack"}, [(1 / 2, 1), (1 / 2, 1 / 2), (1 / 2, 1 / 2)]),
        ({"preset": "columns", "names": NAMES[:4]}, [(1 / 4, 1)] * 4),
        ({"preset": "rows", "names": NAMES[:3]}, [(1, 1 / 3)] * 3),
        ({"preset": "quad", "names": NAMES[:4]}, [(1 / 2, 1 / 2)] * 4),
        ({"preset": "grid", "names": NAMES, "columns": 3}, [(1 / 3, 1 / 2)] * 6),
        (
            {"preset": "grid", "names": NAMES[:5]},
            [(1 / 3, 1 / 2)] * 3 + [(1 / 2, 1 / 2)] * 2,
        ),
        ({"preset": "main_stack", "names": NAMES[:4]}, [(1 / 2, 1)] + [(1 / 2, 1 / 3)] * 3),
    ],
    ids=str,
)
async def test_a_preset_stands_as_it_was_asked_for(
    tools: ToolClient, arguments: dict[str, Any], expected: list[tuple[float, float]]
) -> None:
    columns, rows = await whole(tools)

    answer, panes = await applied(tools, **arguments)

    assert len(panes) == len(expected)
    for one, (across, down) in zip(panes, expected, strict=True):
        assert near(one["columns"], across, columns), shares(panes, columns, rows)
        assert near(one["rows"], down, rows), shares(panes, columns, rows)
    names = arguments.get("names")
    assert [pane.get("name") for pane in answer["panes"]] == (names or [None] * len(panes))
    for one, name in zip(panes, names or [], strict=False):
        assert name in one["title"]


async def test_a_nested_tree_has_its_sizes_names_programs_and_places(tools: ToolClient) -> None:
    columns, rows = await whole(tools)
    root = {
        "split": "columns",
        "children": [
            {"name": "edit", "size": 3},
            {
                "split": "rows",
                "size": 2,
                "children": [
                    {"name": "test", "command": "/bin/sh -c 'echo from $((1 + 1)); cat'"},
                    {
                        "split": "columns",
                        "size": 3,
                        "children": [{"name": "log", "directory": "/usr"}, {"name": "top"}],
                    },
                ],
            },
        ],
    }

    answer, panes = await applied(tools, root=root)

    ids = {pane["name"]: pane["session_id"] for pane in answer["panes"]}
    assert list(ids) == ["edit", "test", "log", "top"]
    expected = [(3 / 5, 1), (2 / 5, 1 / 4), (1 / 5, 3 / 4), (1 / 5, 3 / 4)]
    for one, name, (across, down) in zip(panes, ids, expected, strict=True):
        assert name in one["title"]
        assert near(one["columns"], across, columns), shares(panes, columns, rows)
        assert near(one["rows"], down, rows), shares(panes, columns, rows)
    await tools.shows(ids["test"], "from 2")
    await tools.data("send_text", session_id=ids["log"], text="clear; pwd")
    await tools.shows(ids["log"], "/usr")


async def test_a_child_that_splits_like_its_parent_shares_the_parents_space(
    tools: ToolClient,
) -> None:
    columns, rows = await whole(tools)
    inner = {"split": "columns", "children": [{}, {}]}

    _, panes = await applied(tools, root={"split": "columns", "children": [{}, inner]})

    assert all(near(one["rows"], 1, rows) for one in panes)
    for one, share in zip(panes, [1 / 2, 1 / 4, 1 / 4], strict=True):
        assert near(one["columns"], share, columns)


async def test_a_layout_opens_as_a_tab_and_leaves_what_stands_alone(tools: ToolClient) -> None:
    opened = await tools.data("open_session")
    (before,) = await tools.listed(opened["session_id"])

    answer, _ = await applied(tools, preset="quad", window_id=opened["window_id"])

    (after,) = await tools.listed(opened["session_id"])
    assert answer["window_id"] == opened["window_id"]
    assert answer["tab_id"] != opened["tab_id"]
    assert (after["columns"], after["rows"]) == (before["columns"], before["rows"])


async def test_every_pane_of_a_preset_starts_in_its_directory(tools: ToolClient) -> None:
    answer, _ = await applied(tools, preset="columns", directory="/usr")

    for pane in answer["panes"]:
        await tools.data("send_text", session_id=pane["session_id"], text="clear; pwd")
        await tools.shows(pane["session_id"], "/usr")


@pytest.mark.headless
async def test_panes_that_do_not_fit_are_refused_and_nothing_stays_open(tools: ToolClient) -> None:
    before = (await tools.data("list_sessions"))["sessions"]

    refusal = await tools.refusal(
        "apply_layout", preset="columns", names=[f"n{i}" for i in range(64)]
    )

    assert refusal["code"] in {"terminal_rejected", "invalid_request"}
    assert (await tools.data("list_sessions"))["sessions"] == before


@pytest.mark.headless
@pytest.mark.parametrize("bad", [{"command": "/no/such/program"}, {"directory": "/no/such"}])
async def test_a_pane_that_cannot_start_is_refused_and_nothing_stays_open(
    tools: ToolClient, bad: dict[str, str]
) -> None:
    before = (await tools.data("list_sessions"))["sessions"]

    first = await tools.refusal("apply_layout", root=bad)
    later = await tools.refusal("apply_layout", root={"split": "rows", "children": [{}, bad]})

    for refusal in (first, later):
        assert refusal["code"] == "terminal_rejected"
        assert "exist" in refusal["hint"]
    assert (await tools.data("list_sessions"))["sessions"] == before


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ({}, "invalid_request", "preset"),
        ({"preset": "spiral"}, "bad_arguments", "'main_stack'"),
        ({"preset": "quad", "names": ["a", "b"]}, "invalid_request", "4 panes"),
        ({"preset": "columns", "names": ["a", "a"]}, "invalid_request", "'a'"),
        ({"preset": "columns", "names": ["a", "b\n"]}, "invalid_request", "control"),
        ({"preset": "columns", "names": ["a", "b\u202e"]}, "invalid_request", "control"),
        ({"preset": "columns", "names": ["a", ""]}, "invalid_request", "empty"),
        ({"preset": "columns", "directory": "a\x1b"}, "invalid_request", "control"),
        ({"preset": "grid", "columns": 0}, "bad_arguments", "columns"),
        ({"preset": "rows", "window_id": "nope"}, "window_not_found", "nope"),
        ({"root": {"split": "columns"}}, "invalid_request", "two children"),
        ({"root": {"split": "diagonal", "children": [{}, {}]}}, "bad_arguments", "root.split"),
        ({"root": {"name": "x", "size": 0}}, "bad_arguments", "root.size"),
        ({"root": {"profile": "No such one"}}, "profile_not_found", "No such one"),
        ({"root": {"command": "  "}}, "invalid_request", "command"),
        (
            {"root": {"split": "rows", "children": [{}, {"profile": "No such one"}]}},
            "profile_not_found",
            "No such one",
        ),
        ({"preset": "rows", "names": [f"n{i}" for i in range(65)]}, "invalid_request", "64"),
    ],
    ids=str,
)
async def test_a_layout_that_makes_no_sense_opens_nothing(
    tools: ToolClient, arguments: dict[str, Any], code: str, says: str
) -> None:
    before = (await tools.data("list_sessions"))["sessions"]

    refusal = await tools.refusal("apply_layout", **arguments)

    assert refusal["code"] == code
    assert says in refusal["error"]
    after = (await tools.data("list_sessions"))["sessions"]
    assert {one["session_id"] for one in after} == {one["session_id"] for one in before}
