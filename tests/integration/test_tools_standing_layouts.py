"""Layouts applied to what stands, with agents, exported, saved and restored; nothing may end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.tool_client import Json, ToolClient

SLACK = 2


def some_name(what: str) -> str:
    """Return a name that no other test gives: agents, teams and layouts outlive a test."""
    return f"{what}-{uuid4().hex[:8]}"


def columns(*children: Json) -> Json:
    return {"split": "columns", "children": list(children)}


def rows(*children: Json) -> Json:
    return {"split": "rows", "children": list(children)}


async def exported(tools: ToolClient, tab_id: str) -> Json:
    """Return the one tab that is exported under this id."""
    (tab,) = (await tools.data("export_layout", tab_id=tab_id))["tabs"]
    return dict(tab)


def shape(node: Json) -> Any:  # noqa: ANN401
    """Return an exported tree as its panes' names within its splits."""
    if "split" not in node:
        return node.get("name")
    return {node["split"]: [shape(child) for child in node["children"]]}


def sizes(node: Json) -> list[float]:
    own = [node["size"]] if "size" in node else []
    return own + [size for child in node.get("children", []) for size in sizes(child)]


async def placed(tools: ToolClient, tab_id: str) -> list[tuple[str, int, int]]:
    """Return the sessions of a tab with their sizes, in reading order."""
    listed = (await tools.data("list_sessions"))["sessions"]
    return [
        (one["session_id"], one["columns"], one["rows"])
        for one in listed
        if one["tab_id"] == tab_id
    ]


async def started(tools: ToolClient, session_id: str, word: str) -> None:
    """Set a variable in a session's shell, which it keeps for as long as it lives."""
    await tools.data("send_text", session_id=session_id, text=f"KEPT={word}")


async def lives(tools: ToolClient, session_id: str, word: str) -> None:
    """See that a session's shell is the one that was started."""
    await tools.data("send_text", session_id=session_id, text='clear; echo "$KEPT, still"')
    await tools.shows(session_id, f"{word}, still")


async def test_a_tab_is_rearranged_around_what_runs_in_it(tools: ToolClient) -> None:
    before = await tools.data("apply_layout", preset="columns", names=["left", "right"])
    left, right = (pane["session_id"] for pane in before["panes"])
    await started(tools, left, "sinister")
    await started(tools, right, "dexter")

    root = rows({"name": "right", "size": 2}, columns({"name": "new"}, {"name": "left"}))
    after = await tools.data("apply_layout", root=root, tab_id=before["tab_id"])

    assert (after["window_id"], after["tab_id"]) == (before["window_id"], before["tab_id"])
    assert [pane["name"] for pane in after["panes"]] == ["right", "new", "left"]
    assert [pane.get("stood_before", False) for pane in after["panes"]] == [True, False, True]
    assert (after["panes"][0]["session_id"], after["panes"][2]["session_id"]) == (right, left)
    assert "moved_out" not in after
    assert shape((await exported(tools, after["tab_id"]))["root"]) == {
        "rows": ["right", {"columns": ["new", "left"]}]
    }
    await lives(tools, left, "sinister")
    await lives(tools, right, "dexter")


async def test_applying_a_layout_twice_changes_nothing(tools: ToolClient) -> None:
    root = columns(
        {"name": "edit", "size": 3},
        rows({"command": "/bin/cat"}, {"size": 2}, {"command": "/bin/cat -u"}),
    )
    first = await tools.data("apply_layout", root=root)
    before = await eventually(
        lambda: placed(tools, first["tab_id"]), lambda all_: all(size for _, size, _ in all_)
    )

    again = await tools.data("apply_layout", root=root, tab_id=first["tab_id"])

    assert all(pane["stood_before"] for pane in again["panes"])
    assert [one["session_id"] for one in again["panes"]] == [
        one["session_id"] for one in first["panes"]
    ]
    assert await placed(tools, first["tab_id"]) == before


async def test_sessions_without_a_place_share_a_tab_of_their_own(tools: ToolClient) -> None:
    root = columns({"name": "a"}, rows({"name": "b"}, {"name": "c"}))
    before = await tools.data("apply_layout", root=root)
    a, b, c = (pane["session_id"] for pane in before["panes"])
    await started(tools, c, "outcast")

    after = await tools.data(
        "apply_layout", root=columns({"name": "a"}, {"name": "z"}), tab_id=before["tab_id"]
    )

    assert after["moved_out"] == [b, c]
    assert after["panes"][0]["session_id"] == a
    (one, other) = await tools.listed(b, c)
    assert one["tab_id"] == other["tab_id"] != before["tab_id"]
    assert one["window_id"] == before["window_id"]
    assert shape((await exported(tools, one["tab_id"]))["root"]) == {"rows": ["b", "c"]}
    await lives(tools, c, "outcast")


async def test_a_tab_may_change_all_its_sessions(tools: ToolClient) -> None:
    old = await tools.data("apply_layout", preset="columns", names=["old1", "old2"])
    away = await tools.data("apply_layout", preset="rows", names=["y1", "y2"])
    guest = away["panes"][1]["session_id"]
    await started(tools, guest, "guest")

    after = await tools.data(
        "apply_layout", root={"session_id": guest, "name": "host"}, tab_id=old["tab_id"]
    )

    assert after["tab_id"] == old["tab_id"]
    assert after["moved_out"] == [pane["session_id"] for pane in old["panes"]]
    assert [one for one, _, _ in await placed(tools, away["tab_id"])] == [
        away["panes"][0]["session_id"]
    ]
    assert shape((await exported(tools, after["tab_id"]))["root"]) == "host"
    await lives(tools, guest, "guest")


async def test_sessions_of_several_windows_come_together_in_a_new_one(tools: ToolClient) -> None:
    one, other = await tools.open(name="one"), await tools.open(name="other")
    await started(tools, one, "first")
    await started(tools, other, "second")

    root = columns({"session_id": other}, {"name": "between"}, {"session_id": f"w0t0p0:{one}"})
    applied = await tools.data("apply_layout", root=root)

    ids = [pane["session_id"] for pane in applied["panes"]]
    assert (ids[0], ids[2]) == (other, one)
    assert [one for one, _, _ in await placed(tools, applied["tab_id"])] == ids
    await lives(tools, one, "first")
    await lives(tools, other, "second")


async def test_sessions_alone_make_a_new_window_or_tab(tools: ToolClient) -> None:
    left, right = await tools.open(), await tools.open()
    elsewhere = await tools.data("open_session")

    window = await tools.data(
        "apply_layout", root=rows({"session_id": left}, {"session_id": right})
    )
    tab = await tools.data(
        "apply_layout",
        root=columns({"session_id": right}, {"session_id": left}),
        window_id=elsewhere["window_id"],
    )

    assert [one["session_id"] for one in window["panes"]] == [left, right]
    assert tab["window_id"] == elsewhere["window_id"]
    assert [one for one, _, _ in await placed(tools, tab["tab_id"])] == [right, left]


async def test_a_fixed_size_is_kept_and_the_others_share_the_rest(tools: ToolClient) -> None:
    root = columns({"name": "tree", "cells": 20}, {"name": "edit"}, {"name": "log"})

    applied = await tools.data("apply_layout", root=root)

    (_, tree, _), (_, edit, _), (_, log, _) = await eventually(
        lambda: placed(tools, applied["tab_id"]),
        lambda panes: abs(panes[0][1] - 20) <= SLACK,
    )
    assert abs(edit - log) <= SLACK
    assert abs(tree - 20) <= SLACK


async def test_agents_and_teams_come_with_the_tree(tools: ToolClient) -> None:
    ada, bob, crew = some_name("ada"), some_name("bob"), some_name("crew")
    root = columns(
        {"name": "a", "agent": {"name": ada, "role": "writes", "teams": [crew]}},
        {"name": "b", "agent": {"name": bob, "teams": [crew]}},
    )

    applied = await tools.data("apply_layout", root=root)

    assert [pane["agent"] for pane in applied["panes"]] == [ada, bob]
    agents = (await tools.data("list_agents", team=crew))["agents"]
    assert {one["name"]: one["session_id"] for one in agents} == {
        pane["agent"]: pane["session_id"] for pane in applied["panes"]
    }
    assert agents[0]["role"] == "writes"
    tree = (await exported(tools, applied["tab_id"]))["root"]
    assert tree["children"][0]["agent"] == {"name": ada, "role": "writes", "teams": [crew]}


async def test_a_living_agent_brings_its_session_along(tools: ToolClient) -> None:
    ada = some_name("ada")
    home = await tools.open()
    await tools.data("register_agent", name=ada, session_id=home, role="as before")
    await started(tools, home, "lovelace")

    applied = await tools.data(
        "apply_layout", root=rows({"name": "x"}, {"agent": {"name": ada, "role": "other"}})
    )

    assert applied["panes"][1]["session_id"] == home
    await lives(tools, home, "lovelace")
    agents = (await tools.data("list_agents"))["agents"]
    assert [one["role"] for one in agents if one["name"] == ada] == ["as before"]


async def test_what_is_exported_builds_the_same_again(tools: ToolClient) -> None:
    first = await tools.data(
        "apply_layout",
        root=columns(
            {"name": "edit", "size": 5, "directory": "/usr"},
            rows({"command": "/bin/sh -c 'echo ran; cat'", "name": "run"}, {"size": 3}),
        ),
    )
    written = await exported(tools, first["tab_id"])
    assert written["session_ids"] == [pane["session_id"] for pane in first["panes"]]
    assert shape(written["root"]) == {"columns": ["edit", {"rows": ["run", None]}]}
    assert all(round(size, 3) == size for size in sizes(written["root"]))
    before = [one[1:] for one in await placed(tools, first["tab_id"])]

    again = await tools.data("apply_layout", root=written["root"])
    same = await tools.data("apply_layout", root=written["root"], tab_id=first["tab_id"])

    def alike(panes: list[tuple[str, int, int]]) -> bool:
        return all(
            abs(one[1] - was[0]) <= SLACK and abs(one[2] - was[1]) <= SLACK
            for one, was in zip(panes, before, strict=True)
        )

    await eventually(lambda: placed(tools, again["tab_id"]), alike)
    assert all(pane["stood_before"] for pane in same["panes"])
    await tools.shows(again["panes"][1]["session_id"], "ran")
    await tools.data("send_text", session_id=again["panes"][0]["session_id"], text="clear; pwd")
    await tools.shows(again["panes"][0]["session_id"], "/usr")


async def test_a_saved_layout_comes_back_with_its_agents_and_teams(tools: ToolClient) -> None:
    name, ada, crew, staff = (some_name(one) for one in ("layout", "ada", "crew", "staff"))
    await tools.data("create_team", name=staff)
    await tools.data("create_team", name=crew, parent=staff)
    first = await tools.data(
        "apply_layout",
        root=columns({"name": "a", "agent": {"name": ada, "teams": [crew]}}, {"name": "b"}),
    )
    second = await tools.data("apply_layout", preset="single", window_id=first["window_id"])
    answer = await tools.data("export_layout", window_id=first["window_id"], save_as=name)
    assert [one["tabs"] for one in answer["saved"] if one["name"] == name] == [2]
    for pane in (*first["panes"], *second["panes"]):
        await tools.data("close_session", session_id=pane["session_id"], confirm=True)

    restored = (await tools.data("apply_layout", saved=name))["tabs"]

    assert restored[0]["window_id"] == restored[1]["window_id"]
    assert [len(tab["panes"]) for tab in restored] == [2, 1]
    (agent,) = (await tools.data("list_agents", team=staff))["agents"]
    assert (agent["name"], agent["teams"], agent["alive"]) == (ada, [crew], True)
    assert agent["session_id"] == restored[0]["panes"][0]["session_id"]
    refusal = await tools.refusal("apply_layout", saved=name, tab_id=restored[0]["tab_id"])
    assert refusal["code"] == "invalid_request"
    await tools.data("export_layout", forget=name)
    assert (await tools.refusal("apply_layout", saved=name))["code"] == "layout_not_found"


async def test_a_saved_name_is_overwritten_only_on_request(tools: ToolClient) -> None:
    name = some_name("layout")
    tab = (await tools.data("apply_layout", preset="columns"))["tab_id"]
    await tools.data("export_layout", tab_id=tab, save_as=name)

    refusal = await tools.refusal("export_layout", tab_id=tab, save_as=name)
    await tools.data("export_layout", tab_id=tab, save_as=name, replace=True)

    assert refusal["code"] == "conflict"
    restored = await tools.data("apply_layout", saved=name, tab_id=tab)
    assert all(pane["stood_before"] for pane in restored["panes"])
    await tools.data("export_layout", forget=name)


@pytest.mark.headless
async def test_a_rearrangement_that_fails_leaves_all_as_it_was(tools: ToolClient) -> None:
    first = await tools.data("apply_layout", preset="columns", names=["a", "b"])
    before = (await tools.data("list_sessions"))["sessions"]

    bad = rows({"name": "b"}, {"name": "new"}, {"command": "/no/such/program"})
    refusal = await tools.refusal("apply_layout", root=bad, tab_id=first["tab_id"])

    assert refusal["code"] == "terminal_rejected"
    after = (await tools.data("list_sessions"))["sessions"]
    key = ("session_id", "tab_id", "columns", "rows")
    assert [[one[k] for k in key] for one in after] == [[one[k] for k in key] for one in before]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ({"preset": "rows", "window_id": "x", "tab_id": "y"}, "invalid_request", "not both"),
        ({"preset": "rows", "tab_id": "nope"}, "tab_not_found", "nope"),
        ({"preset": "rows", "saved": "x"}, "invalid_request", "one of them"),
        ({"saved": "nope"}, "layout_not_found", "nope"),
        ({"root": {"session_id": "DEADBEEF-0000-4000-8000-000000000000"}}, "session_not_found", ""),
        ({"root": {"cells": 1}}, "bad_arguments", "root.cells"),
        ({"root": columns({"cells": 9}, {"cells": 9})}, "invalid_request", "fixed"),
        ({"root": {"agent": {"name": "no good"}}}, "invalid_request", "no good"),
        ({"root": {"agent": {"name": "good", "kind": "spy"}}}, "kind_not_found", "spy"),
        ({"root": {"agent": {"name": "good", "teams": ["all"]}}}, "invalid_request", "all"),
        ({"root": {**columns({}, {}), "agent": {"name": "x"}}}, "invalid_request", "of its own"),
    ],
    ids=str,
)
async def test_what_cannot_be_placed_opens_nothing(
    tools: ToolClient, arguments: dict[str, Any], code: str, says: str
) -> None:
    before = (await tools.data("list_sessions"))["sessions"]

    refusal = await tools.refusal("apply_layout", **arguments)

    assert refusal["code"] == code
    assert says in refusal["error"]
    assert len((await tools.data("list_sessions"))["sessions"]) == len(before)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"tab_id": "nope"}, "tab_not_found"),
        ({"window_id": "nope"}, "window_not_found"),
        ({"forget": "nope"}, "layout_not_found"),
        ({"forget": "nope", "save_as": "x"}, "invalid_request"),
        ({"save_as": "no good"}, "invalid_request"),
    ],
    ids=str,
)
async def test_what_cannot_be_exported_says_why(
    tools: ToolClient, arguments: dict[str, Any], code: str
) -> None:
    assert (await tools.refusal("export_layout", **arguments))["code"] == code


async def test_an_agent_lives_in_one_place_only(tools: ToolClient) -> None:
    ada, bob = some_name("ada"), some_name("bob")
    home, other = await tools.open(), await tools.open()
    await tools.data("register_agent", name=ada, session_id=home)

    elsewhere = {"session_id": other, "agent": {"name": ada}}
    taken = {"session_id": home, "agent": {"name": bob}}
    twice = columns({"session_id": home}, {"agent": {"name": ada}})

    for root in (elsewhere, taken, twice):
        assert (await tools.refusal("apply_layout", root=root))["code"] == "conflict"
    program = {"session_id": home, "command": "/bin/cat"}
    assert (await tools.refusal("apply_layout", root=program))["code"] == "invalid_request"
