"""Saved arrangements as values, and opened again in a world without programs."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.host.worlds import open_session, open_world

from iterm_mcp.host import arrangements, sizes, tree
from iterm_mcp.host.arrangements import NoArrangementError
from iterm_mcp.host.profiles import DEFAULT, DEFAULT_GUID
from iterm_mcp.host.pty import PtyError
from iterm_mcp.host.restoring import restore

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.host.tree import Splitter
    from iterm_mcp.host.world import World


async def build(world: World) -> dict[str, Any]:
    """Open two windows, the first with two tabs and three panes; return the arrangement."""
    left = await open_session(world, Columns=100, Rows=30)
    right = await world.split(left, DEFAULT | {"Badge Text": "r"}, vertical=True, before=False)
    await world.split(right, dict(DEFAULT), vertical=False, before=False)
    window, tab = world.place(left.session_id) or pytest.fail("the session stands nowhere")
    sizes.resize_session(world, left, 20, 30)
    world.focus_session(tab, right.session_id)
    await world.open_tab(dict(DEFAULT), window, None, select=False)
    world.titles[f"tab {tab.tab_id}"] = "three panes"
    world.titles[f"window {window.window_id}"] = "work"
    window.origin = (7, 8)
    await open_session(world)
    world.focus_window(window)
    return described(world)


def described(world: World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(arrangements.describe(world, world.windows)))
    return found


def shape(node: tree.Pane | Splitter) -> Any:  # noqa: ANN401
    if isinstance(node, tree.Pane):
        return (node.columns, node.rows)
    return [node.vertical, *(shape(child) for child in node.children)]


async def test_windows_come_back_as_they_stood() -> None:
    async with open_world() as world:
        kept = await build(world)
        before = [[shape(tab.root) for tab in window.tabs] for window in world.windows]
        old = set(world.sessions)
        await restore(world, arrangements.read(kept), {}, None)
        assert [[shape(tab.root) for tab in one.tabs] for one in world.windows] == before * 2
        again = {"windows": described(world)["windows"][2:]}
        assert again == kept
        window = world.windows[2]
        assert world.key is window
        tab = window.tabs[0]
        assert window.selected is tab
        assert world.sessions[tab.active].profile["Badge Text"] == "r"
        assert [world.titles[f"tab {tab.tab_id}"], window.origin] == ["three panes", (7, 8)]
        new = [pane.session_id for one in world.windows[2:] for t in one.tabs for pane in t.panes()]
        assert len(set(new) - old) == 5
        for pane in tab.panes():
            session = world.sessions[pane.session_id]
            assert (session.columns, session.rows) == (pane.columns, pane.rows)


async def test_tabs_come_back_in_a_window_that_is_open_and_has_another_size() -> None:
    async with open_world() as world:
        kept = await build(world)
        session = await open_session(world, Columns=60, Rows=10)
        window, own = world.place(session.session_id) or pytest.fail("it stands nowhere")
        world.focus_window(world.windows[0])
        await restore(world, arrangements.read(kept), {}, window)
        assert len(world.windows) == 3
        assert len(window.tabs) == 4
        assert {tree.span(tab.root) for tab in window.tabs} == {(60, 10)}
        assert window.selected is own
        assert world.key is world.windows[0]


async def test_a_profile_that_is_still_shared_is_taken_as_it_is_now() -> None:
    async with open_world() as world:
        kept = await build(world)
        now = DEFAULT | {"Badge Text": "now"}
        await restore(world, arrangements.read(kept), {DEFAULT_GUID: now}, None)
        window = world.windows[-1]
        session = world.sessions[window.tabs[0].active]
        assert session.profile == now
        assert session.profile is not now


async def test_a_directory_that_is_gone_is_not_where_a_session_starts() -> None:
    async with open_world() as world:
        kept = await build(world)
        gone = "/no/such/folder" + "x" * 5000
        kept["windows"][1]["tabs"][0]["root"]["children"][0]["directory"] = gone
        await restore(world, arrangements.read(kept), {}, None)
        assert world.sessions[world.windows[-1].tabs[0].active].directory != gone


@pytest.mark.parametrize("failing", ["r", ""])
async def test_a_pane_whose_program_is_gone_is_left_out(failing: str) -> None:
    async with open_world() as world:
        kept = await build(world)
        fail_for(world, lambda profile: profile.get("Badge Text") == failing)
        if failing:
            await restore(world, arrangements.read(kept), {}, None)
            tab = world.windows[2].tabs[0]
            assert shape(tab.root) == [True, (20, 30), (49, 30)]
            assert tab.active in {pane.session_id for pane in tab.panes()}
        else:
            await restore(world, arrangements.read(kept), {}, None)
            assert [len(one.tabs) for one in world.windows[2:]] == [1]
            assert shape(world.windows[2].tabs[0].root) == [False, (70, 30)]


async def test_when_no_program_can_be_started_that_is_the_error() -> None:
    async with open_world() as world:
        kept = await build(world)
        fail_for(world, lambda _profile: True)
        with pytest.raises(PtyError, match="gone"):
            await restore(world, arrangements.read(kept), {}, None)
        assert len(world.windows) == 2


def fail_for(world: World, fails: Callable[[dict[str, Any]], bool]) -> None:
    """Let a world start no more programs of some profiles."""
    starter = world.starter

    class Failing(type(starter)):  # type: ignore[misc] # its base is whatever the world has
        async def start(self, profile: dict[str, Any], *rest: Any) -> Any:  # noqa: ANN401
            if fails(profile):
                raise PtyError("the program is gone")
            return await starter.start(profile, *rest)

    world.starter = Failing()


async def test_nothing_open_is_an_arrangement_too() -> None:
    async with open_world() as world:
        kept = described(world)
        await restore(world, arrangements.read(kept), {}, None)
        assert world.windows == []


def change(kept: Any, path: list[str | int], value: object) -> Any:  # noqa: ANN401
    changed = deepcopy(kept)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


TAB: list[str | int] = ["windows", 0, "tabs", 0]
PANE: list[str | int] = [*TAB, "root", "children", 0]


async def test_what_somebody_broke_is_no_arrangement() -> None:
    async with open_world() as world:
        kept = await build(world)
        pane = kept["windows"][0]["tabs"][0]["root"]["children"][0]
        deep = pane
        for n in range(60):
            deep = {"vertical": n % 2 == 0, "children": [deep, pane]}
        same = {"vertical": True, "children": [pane, pane]}
        bad: list[Any] = [
            None, [], {}, {"windows": 7}, {"windows": [7]},
            change(kept, ["windows", 0, "tabs"], []),
            change(kept, ["windows", 0, "columns"], 10**9),
            change(kept, ["windows", 0, "selected"], 2),
            change(kept, ["windows", 0, "origin"], [1]),
            change(kept, ["windows", 0, "title"], None),
            change(kept, [*TAB, "active"], 3),
            change(kept, [*TAB, "root"], pane),
            change(kept, [*TAB, "root", "children"], []),
            change(kept, PANE, same),
            change(kept, PANE, {"vertical": False, "children": [pane]}),
            change(kept, PANE, deep),
            change(kept, [*TAB, "root", "children"], [pane] * 1001),
            change(kept, [*PANE, "rows"], "many"),
            change(kept, [*PANE, "directory"], "/\0"),
            change(kept, [*PANE, "profile"], {"Name": "no Guid"}),
            change(kept, [*PANE, "profile"], DEFAULT | {"Rows": "many"}),
        ]  # fmt: skip
        assert arrangements.read(kept)
        for one in bad:
            with pytest.raises(NoArrangementError):
                arrangements.read(one)


async def test_variables_that_a_session_was_given_are_not_kept_on_disk() -> None:
    async with open_world() as world:
        await open_session(world, **{"iterm_mcp Environment": {"TOKEN": "s3cr3t"}})

        assert "s3cr3t" not in json.dumps(described(world))
