"""Agents and teams end to end: who is there, and what a model does wrong about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.tool_client import DOORS, NOBODY, ToolClient, open_tools
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home


@pytest.fixture
async def crew(live_home: Home) -> AsyncIterator[ToolClient]:
    """A home of its own, since agents are registered for good."""
    async with open_tools(live_home) as one:
        yield one


async def names(tools: ToolClient, **arguments: Any) -> list[str]:  # noqa: ANN401
    return [one["name"] for one in (await tools.data("list_agents", **arguments))["agents"]]


def registered_as(listed: dict[str, Any]) -> dict[str, Any]:
    """Return what was said of a listed agent when it was registered, without what it does."""
    return {key: told for key, told in listed.items() if key not in {"state", "reason", "since"}}


async def test_a_registered_agent_is_listed_with_all_that_was_said_of_it(crew: ToolClient) -> None:
    session_id = await crew.open()
    await crew.data("create_team", name="build", description="They build.")
    await crew.data("create_team", name="apps", parent="build")

    registered = await crew.data(
        "register_agent", name="ann", session_id=session_id, teams=["apps", "build"], role="tester"
    )
    listed = await crew.data("list_agents")

    (one,) = listed["agents"]
    assert registered_as(one) == registered
    assert one["state"]
    assert one["reason"]
    assert registered["session_id"] == session_id
    assert registered["teams"] == ["apps", "build"]
    assert (registered["role"], registered["kind"]) == ("tester", "shell")
    assert registered["alive"] is True
    assert listed["teams"] == [
        {"name": "apps", "parent": "build", "description": ""},
        {"name": "build", "parent": None, "description": "They build."},
    ]
    (session,) = await crew.listed(session_id)
    assert session["agent"] == "ann"


async def test_the_active_session_can_be_registered(crew: ToolClient) -> None:
    session_id = await crew.open()
    await eventually(
        lambda: crew.listed(session_id), lambda found: bool(found) and found[0]["active"]
    )

    registered = await crew.data("register_agent", name="ann", session_id="active")

    assert registered["session_id"] == session_id


async def test_a_team_lists_its_members_and_those_below_it(crew: ToolClient) -> None:
    await crew.data("create_team", name="top")
    await crew.data("create_team", name="middle", parent="top")
    for name, teams in {"ann": ["top"], "ben": ["middle"], "cem": []}.items():
        await crew.data("register_agent", name=name, session_id=await crew.open(), teams=teams)
    made = await crew.data("create_team", name="deep", parent="middle", members=["cem", "ann"])

    assert made["members"] == ["cem", "ann"]
    assert await names(crew, team="top") == ["ann", "ben", "cem"]
    assert await names(crew, team="middle") == ["ann", "ben", "cem"]
    assert await names(crew, team="deep") == ["ann", "cem"]
    assert "teams" not in await crew.data("list_agents", team="deep")


async def test_a_name_and_a_session_each_belong_to_one_agent(crew: ToolClient) -> None:
    first, second = await crew.open(), await crew.open()
    await crew.data("register_agent", name="ann", session_id=first)

    taken_name = await crew.refusal("register_agent", name="ann", session_id=second)
    alive = await crew.refusal("register_agent", name="ann", session_id=second, replace=True)
    taken_session = await crew.refusal("register_agent", name="ben", session_id=first)
    team_twice = await twice(crew, "create_team", name="crew")

    for refusal in (taken_name, alive, taken_session, team_twice):
        assert refusal["code"] == "conflict"
        assert "remove" not in refusal["hint"], "there is no tool for it"
    assert "replace" in taken_name["hint"]
    assert first in taken_name["error"]
    assert "'ann'" in taken_session["error"]
    assert await names(crew) == ["ann"]


async def twice(tools: ToolClient, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    """Call a tool that succeeds once; return its second answer."""
    await tools.data(tool, **arguments)
    return await tools.refusal(tool, **arguments)


async def test_an_agent_whose_session_ended_is_shown_as_such_and_can_move(crew: ToolClient) -> None:
    first, second = await crew.open(), await crew.open()
    await crew.data("register_agent", name="ann", session_id=first, role="old")
    await crew.data("close_session", session_id=first, confirm=True)

    (gone,) = (await crew.data("list_agents"))["agents"]
    refused = await crew.refusal("register_agent", name="ann", session_id=second)
    moved = await crew.data("register_agent", name="ann", session_id=second, replace=True)

    assert (gone["name"], gone["alive"]) == ("ann", False)
    assert "ended" in refused["error"]
    assert (moved["session_id"], moved["role"], moved["alive"]) == (second, "", True)
    assert await names(crew) == ["ann"]


async def test_a_slip_of_the_pen_is_met_with_the_right_name(crew: ToolClient) -> None:
    session_id = await crew.open()
    await crew.data("create_team", name="backend")
    await crew.data("register_agent", name="reviewer", session_id=session_id)

    slips = [
        await crew.refusal("list_agents", team="backned"),
        await crew.refusal("create_team", name="x", parent="Backend"),
        await crew.refusal("cascade_message", teams={"back-end": "hello"}),
        await crew.refusal("create_team", name="x", members=["reviwer"]),
        await crew.refusal("cascade_message", agents={"revewer": "hello"}),
    ]

    assert [one["code"] for one in slips] == ["team_not_found"] * 3 + ["agent_not_found"] * 2
    assert [one["hint"] for one in slips[:3]] == ["Did you mean backend?"] * 3
    assert [one["hint"] for one in slips[3:]] == ["Did you mean reviewer?"] * 2


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "says"),
    [
        ("register_agent", {"name": "a", "session_id": NOBODY}, "session_not_found", NOBODY),
        ("register_agent", {"name": "a b", "session_id": NOBODY}, "invalid_request", "a b"),
        ("register_agent", {"name": "", "session_id": NOBODY}, "invalid_request", "name"),
        ("register_agent", {"name": "All", "session_id": NOBODY}, "invalid_request", "reserved"),
        ("register_agent", {"name": "ann\u202e", "session_id": NOBODY}, "invalid_request", "name"),
        ("register_agent", {"name": "a" * 65, "session_id": NOBODY}, "invalid_request", "name"),
        (
            "register_agent",
            {"name": "a", "session_id": NOBODY, "kind": "robot"},
            "kind_not_found",
            "robot",
        ),
        (
            "register_agent",
            {"name": "a", "session_id": NOBODY, "role": "x\x1b[2J"},
            "invalid_request",
            "role",
        ),
        (
            "register_agent",
            {"name": "a", "session_id": NOBODY, "teams": "crew"},
            "bad_arguments",
            "teams",
        ),
        ("register_agent", {"name": "a"}, "bad_arguments", "session_id: Field required"),
        (
            "register_agent",
            {"name": "a", "session": NOBODY},
            "bad_arguments",
            "session: there is no such argument",
        ),
        ("list_agents", {"team": "nobody"}, "team_not_found", "nobody"),
        ("list_agents", {"team": 5}, "bad_arguments", "team"),
        ("create_team", {}, "bad_arguments", "name: Field required"),
        ("create_team", {"name": "a/b"}, "invalid_request", "a/b"),
        ("create_team", {"name": "x", "parent": "nobody"}, "team_not_found", "nobody"),
        ("create_team", {"name": "x", "members": ["nobody"]}, "agent_not_found", "nobody"),
        ("create_team", {"name": "x", "description": "d" * 1001}, "invalid_request", "1000"),
    ],
)
async def test_a_mistake_is_answered_with_what_to_do(
    tools: ToolClient, tool: str, arguments: dict[str, Any], code: str, says: str
) -> None:
    before = await names(tools)

    refusal = await tools.refusal(tool, **arguments)

    assert refusal["code"] == code
    assert says in refusal["error"]
    assert await names(tools) == before


@pytest.mark.parametrize("door", DOORS)
async def test_agents_are_the_same_through_every_door(live_home: Home, door: str) -> None:
    async with open_tools(live_home) as first, open_tools(live_home, door) as other:
        session_id = await first.open()
        registered = await other.data("register_agent", name="ann", session_id=session_id)

        (listed,) = (await first.data("list_agents"))["agents"]
        assert registered_as(listed) == registered
