"""What roles permit, as pure rules: tools, tiers, folders, whom, and who may be made what."""

from __future__ import annotations

from typing import Any

import pytest

from iterm_mcp.errors import InvalidRequestError, RefusedError
from iterm_mcp.models.roles import BUILT_IN, Reach, Role
from iterm_mcp.services.permissions import roles
from iterm_mcp.services.permissions.roles import Aims


@pytest.mark.parametrize(
    ("role", "allowed", "forbidden"),
    [
        (Role("any"), ["send_text", "close_session"], ["manage_roles"]),
        (Role("typist", tools=("send_*", "read_?creen")), ["send_text", "read_screen"],
         ["run_command", "sendtext"]),
        (Role("tame", denied=("close_*",)), ["send_text"], ["close_session"]),
        (Role("lost", tools=()), [], ["list_sessions"]),
    ],
)  # fmt: skip
def test_a_role_has_the_tools_that_its_patterns_name(
    role: Role, allowed: list[str], forbidden: list[str]
) -> None:
    for tool in allowed:
        roles.check_tool(role, tool, "destructive")
    for tool in forbidden:
        with pytest.raises(RefusedError) as refused:
            roles.check_tool(role, tool, "read")
        assert refused.value.code == "role_refused"
        assert refused.value.hint


def test_a_tier_limits_what_tools_may_do() -> None:
    role = Role("looker", tier="read")
    roles.check_tool(role, "list_sessions", "read")
    with pytest.raises(RefusedError, match="its limit is read"):
        roles.check_tool(role, "send_text", "mutate")
    roles.check_tool(Role("typist", tier="mutate"), "send_text", "mutate")
    with pytest.raises(RefusedError):
        roles.check_tool(Role("typist", tier="mutate"), "close_session", "destructive")


@pytest.mark.parametrize("path", ["/code/app", "/code/app/", "/code/app/src/x", "/code/app/a/../b"])
def test_a_folder_of_the_role_holds_what_stands_below_it(path: str) -> None:
    roles.check_paths(Role("x", paths=("/other", "/code/app/")), "open_session", [path])


@pytest.mark.parametrize("path", ["/code/apple", "/code", "/", "/code/app/../secret", "src"])
def test_what_stands_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(RefusedError, match="may not go to"):
        roles.check_paths(Role("x", paths=("/code/app",)), "open_session", [path])


def test_who_is_limited_to_folders_names_one_where_something_starts() -> None:
    role = Role("x", paths=("/code/app",))
    with pytest.raises(RefusedError, match="must name a directory"):
        roles.check_paths(role, "open_session", [])
    roles.check_paths(role, "send_text", [])
    roles.check_paths(Role("x"), "open_session", ["/anywhere"])


@pytest.mark.parametrize(
    ("tool", "arguments", "aims"),
    [
        ("send_text", {"session_id": "A", "text": "x"}, Aims(sessions=("A",))),
        ("run_command", {"session_ids": ["A", "B"]}, Aims(sessions=("A", "B"))),
        ("run_command", {"command": "x"}, Aims(sessions=("active",))),
        ("cascade_message", {"agents": {"ann": "x", "ben": "y"}, "teams": {"crew": "z"}},
         Aims(agents=("ann", "ben"), teams=("crew",))),
        ("cascade_message", {"broadcast": "x"}, Aims(everybody=True)),
        ("cascade_message", {"broadcast": "", "agents": {"agent": "x"}},
         Aims(agents=("agent", "x"))),
        ("register_agent", {"name": "new", "session_id": "A", "teams": ["crew"]},
         Aims(("A",), ("new",), ("crew",))),
        ("create_team", {"name": "new", "parent": "crew", "members": ["ann"]},
         Aims(agents=("ann",), teams=("crew",))),
        ("create_team", {"name": "new"}, Aims(everybody=True)),
        ("move_team", {"name": "night", "parent": "crew"}, Aims(teams=("night", "crew"))),
        ("move_team", {"name": "night", "parent": None}, Aims(teams=("night",), everybody=True)),
        ("manage_triggers", {"session_id": "A", "act": "message", "to": "team:crew"},
         Aims(("A",), (), ("crew",))),
        ("manage_triggers", {"session_id": "A", "act": "message", "to": "ann"},
         Aims(("A",), ("ann",))),
        ("manage_triggers", {"session_id": "A", "act": "text", "to": "B"}, Aims(("A", "B"))),
        ("apply_layout",
         {"root": {"children": [{"agent": {"name": "ann", "teams": ["crew"]}},
                                {"session_id": "A"}]}},
         Aims(("A",), ("ann",), ("crew",))),
        ("open_session", {"name": "x"}, Aims()),
    ],
)  # fmt: skip
def test_whom_a_call_concerns_is_read_from_its_arguments(
    tool: str, arguments: dict[str, Any], aims: Aims
) -> None:
    assert roles.aims_of(tool, arguments) == aims


def test_folders_are_found_wherever_in_the_arguments_they_stand() -> None:
    arguments = {
        "directory": "/a",
        "root": {"children": [{"directory": "/b"}, {"children": [{"directory": "/c"}]}]},
        "path": None,
    }
    assert roles.paths_of(arguments) == ["/a", "/b", "/c"]


def test_who_gets_a_role_is_read_from_the_arguments() -> None:
    assert roles.enrolled("send_text", {"name": "x", "role": "y"}) == {}
    assert roles.enrolled("register_agent", {"name": "ann", "role": "worker"}) == {"ann": "worker"}
    assert roles.enrolled("start_agent", {"template": "t"}) == {"new": ""}
    root = {"children": [{"agent": {"name": "ann", "role": "r"}}, {"agent": {"name": "ben"}}, {}]}
    assert roles.enrolled("apply_layout", {"root": root}) == {"ann": "r", "ben": ""}


MANAGER, WORKER = BUILT_IN
KNOWN = ("manager", "worker", "reviewer")


def test_a_manager_gives_roles_that_there_are_within_its_teams() -> None:
    roles.check_enrolling(MANAGER, {"ann": "worker"}, ["crew"], KNOWN)
    roles.check_enrolling(MANAGER, {}, [], KNOWN)
    for given, teams in (
        ({"ann": ""}, ["crew"]),
        ({"ann": "free text, which limits nobody"}, ["crew"]),
        ({"ann": "worker"}, []),
        ({"ann": "worker", "ben": ""}, ["crew"]),
    ):
        with pytest.raises(RefusedError):
            roles.check_enrolling(MANAGER, given, teams, KNOWN)


def test_who_is_limited_makes_nobody_who_is_less_so() -> None:
    lead = Role("lead", tier="mutate", grants=("work*",))
    roles.check_enrolling(lead, {"ann": "worker"}, [], KNOWN)
    for role, given in (
        (lead, "manager"),
        (lead, "lead"),
        (WORKER, "worker"),
        (Role("x", denied=("a",)), "worker"),
        (Role("own", reach=Reach.OWN, grants=("*",)), "worker"),
    ):
        with pytest.raises(RefusedError):
            roles.check_enrolling(role, {"ann": given}, ["crew"], (*KNOWN, "lead"))
    roles.check_enrolling(Role("free", description="may do anything"), {"ann": ""}, [], KNOWN)


@pytest.mark.parametrize(
    "role",
    [
        Role("two words"),
        Role("x", tier="root"),
        Role("x", paths=("relative",)),
        Role("x", description="a\nb"),
        Role("x", tools=("a",) * 201),
    ],
)
def test_a_role_that_means_nothing_is_refused_with_what_would(role: Role) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        roles.check_role(role)
    assert refused.value.hint


def test_the_built_in_roles_mean_something() -> None:
    for role in BUILT_IN:
        roles.check_role(role)
