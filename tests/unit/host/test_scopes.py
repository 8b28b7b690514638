"""Variables by scope and name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.unit.host.worlds import open_session, open_world

from iterm_mcp.host import profiles, scopes, wire
from iterm_mcp.host.scopes import Target

if TYPE_CHECKING:
    from iterm_mcp.host.session import Session

SESSION, TAB, WINDOW, APP = wire.SESSION, wire.TAB, wire.WINDOW, wire.APP
THE_APP = Target(APP, "")


def of(session: Session) -> Target:
    return Target(SESSION, session.session_id)


async def test_identifiers_name_one_the_active_one_or_all() -> None:
    async with open_world() as world:
        first = await open_session(world)
        second = await open_session(world)
        tabs = [tab.tab_id for _, tab in world.tabs()]
        windows = [window.window_id for window in world.windows]
        for scope, ids in (
            (SESSION, [first.session_id, second.session_id]),
            (TAB, tabs),
            (WINDOW, windows),
        ):
            assert scopes.targets(world, scope, "all") == [Target(scope, one) for one in ids]
            assert scopes.targets(world, scope, "active") == [Target(scope, ids[1])]
            assert scopes.targets(world, scope, ids[0]) == [Target(scope, ids[0])]
            assert scopes.targets(world, scope, "nobody") == []
        assert scopes.targets(world, APP, "whatever") == [THE_APP]


@pytest.mark.parametrize("scope", [SESSION, TAB, WINDOW])
async def test_in_an_empty_world_nothing_is_named(scope: wire.VariableScope.ValueType) -> None:
    async with open_world() as world:
        assert scopes.targets(world, scope, "active") == []
        assert scopes.targets(world, scope, "all") == []


async def test_a_path_leads_from_a_session_to_its_tab_window_and_app() -> None:
    async with open_world() as world:
        session = await open_session(world, Name="Work")
        ((window, tab),) = world.tabs()
        expected = {
            "id": session.session_id,
            "session.id": session.session_id,
            "session.session.id": session.session_id,
            "profileName": "Work",
            "columns": 80,
            "tab.id": tab.tab_id,
            "tab.currentSession.id": session.session_id,
            "tab.window.id": window.window_id,
            "tab.window.number": 1,
            "tab.window.currentTab.id": tab.tab_id,
            "iterm2.pid": os.getpid(),
            "tab.iterm2.effectiveTheme": "dark",
            "termid": f"w0t0p0.{session.session_id}",
        }
        assert {name: scopes.value(world, of(session), name) for name in expected} == expected


@pytest.mark.parametrize(
    "name",
    ["", ".", "nothing", "tab", "tab.", "tab.nothing", "id.id", "user", "user.x", "iterm2",
     "iterm2.", "tab.window.tab", "session.nothing", "tab.tab", "Id"],
)  # fmt: skip
async def test_what_does_not_exist_has_no_value(name: str) -> None:
    async with open_world() as world:
        session = await open_session(world)
        assert scopes.value(world, of(session), name) is None


@pytest.mark.parametrize(("step", "name"), [("session.", "id"), ("iterm2.", "pid")])
async def test_a_path_in_circles_leads_nowhere(step: str, name: str) -> None:
    async with open_world() as world:
        session = await open_session(world)
        assert scopes.value(world, of(session), step * 5000 + name) is None
        assert scopes.value(world, of(session), step * 50 + name) is not None


async def test_everything_can_be_asked_of_what_is_gone() -> None:
    async with open_world() as world:
        session = await open_session(world)
        ((window, tab),) = world.tabs()
        names = scopes.all_names(world, of(session))
        world.close(session)
        for target in (of(session), Target(TAB, tab.tab_id), Target(WINDOW, window.window_id)):
            for name in (*names, "tab.id", "tab.window.id", "currentSession.id", "currentTab.id"):
                scopes.value(world, target, name)
        assert scopes.value(world, of(session), "tab.id") is None
        assert scopes.value(world, Target(WINDOW, window.window_id), "currentTab.id") is None
        assert scopes.value(world, of(session), "columns") is None


async def test_own_variables_are_set_read_and_unset_in_each_scope() -> None:
    async with open_world() as world:
        session = await open_session(world)
        ((window, tab),) = world.tabs()
        for target in (
            of(session), Target(TAB, tab.tab_id), Target(WINDOW, window.window_id), THE_APP,
        ):  # fmt: skip
            assert scopes.value(world, target, "user.mood") is None
            scopes.set_user(world, target, "mood", {"is": ["good"]})
            assert scopes.value(world, target, "user.mood") == {"is": ["good"]}
            assert scopes.all_names(world, target)["user.mood"] == {"is": ["good"]}
            scopes.set_user(world, target, "mood", None)
            scopes.set_user(world, target, "mood", None)
            assert "user.mood" not in scopes.all_names(world, target)


async def test_own_variables_end_with_what_they_belong_to() -> None:
    async with open_world() as world:
        session = await open_session(world)
        ((window, tab),) = world.tabs()
        scopes.set_user(world, Target(TAB, tab.tab_id), "x", 1)
        scopes.set_user(world, Target(WINDOW, window.window_id), "x", 1)
        scopes.set_user(world, THE_APP, "x", 1)
        world.close(session)
        assert world.user == {"app": {"x": 1}}


async def test_a_program_sets_its_sessions_variables() -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.inject(
            b"\x1b]0;both\x07\x1b]1;icon\x07\x1b]2;window\x07"
            b"\x1b]1337;SetUserVar=a=Yg==\x07\x1b]1337;SetUserVar=bad=%%\x07"
            b"\x1b]1337;SetUserVar=dotted.name=Yg==\x07"
            b"\x1b]7;file://host/some%20where\x07\x1b]1337;RemoteHost=me@there\x07\x07\x07"
        )
        asked = ["terminalIconName", "terminalWindowName", "user.a", "user.bad", "path",
                 "username", "hostname", "bellCount", "user.dotted.name"]  # fmt: skip
        assert [scopes.value(world, of(session), name) for name in asked] == [
            "icon", "window", "b", None, "/some where", "me", "there", 2, None,
        ]  # fmt: skip
        session.inject(b"\x1b]1337;SetUserVar=a\x07\x1b[?1049h")
        assert scopes.value(world, of(session), "user.a") is None
        assert scopes.value(world, of(session), "showingAlternateScreen") is True


async def test_titles_are_what_was_set_else_the_active_sessions() -> None:
    async with open_world() as world:
        session = await open_session(world, Name="Work")
        session.set_name("mine")
        ((window, tab),) = world.tabs()
        tab_target, window_target = Target(TAB, tab.tab_id), Target(WINDOW, window.window_id)
        assert scopes.value(world, tab_target, "title") == session.title
        assert scopes.value(world, window_target, "title") == session.title
        world.titles[scopes.user_key(tab_target)] = "a tab"
        assert scopes.value(world, window_target, "title") == "a tab"
        world.titles[scopes.user_key(window_target)] = "a window"
        assert scopes.value(world, window_target, "title") == "a window"
        assert scopes.value(world, tab_target, "titleOverride") == "a tab"


async def test_a_window_number_is_used_again_and_a_tab_number_is_not() -> None:
    async with open_world() as world:
        first = await open_session(world)
        await open_session(world)
        world.close(first)
        await open_session(world)
        assert sorted(window.number for window in world.windows) == [0, 1]
        assert sorted(tab.tab_id for _, tab in world.tabs()) == ["2", "3"]


async def test_a_tab_of_two_panes_is_known_by_both() -> None:
    async with open_world() as world:
        session = await open_session(world)
        other = await world.split(session, dict(profiles.DEFAULT), vertical=True, before=False)
        assert scopes.value(world, of(session), "tab.id") == scopes.value(
            world, of(other), "tab.id"
        )
        assert scopes.value(world, of(other), "termid") == f"w0t0p1.{other.session_id}"
        assert scopes.value(world, of(session), "tab.currentSession.id") == other.session_id
