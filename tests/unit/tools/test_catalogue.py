"""Which tools a client is shown, and how it reaches the others."""

from __future__ import annotations

import pytest
from tests.unit.tools.conftest import Bench, Caller, text_of
from tests.unit.tools.ruled import Ruled, names

from iterm_mcp.access import Access, AccessError
from iterm_mcp.tools.catalogue import CORE
from iterm_mcp.tools.clients import Rules

ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])

ALL = [
    "look_around",
    "list_sessions",
    "make_thing",
    "type_thing",
    "wait_long",
    "end_thing",
    "end_all",
]


async def test_what_is_shown_by_default_exists(caller: Caller) -> None:
    assert set(CORE) <= set(await names(caller))


@ERAS
@pytest.mark.parametrize(
    ("tools", "shown"),
    [
        ("", ["list_sessions", "more_tools"]),
        ("auto", ["list_sessions", "more_tools"]),
        ("core", ["list_sessions", "more_tools"]),
        ("core,end_all", ["list_sessions", "end_all", "more_tools"]),
        ("make_thing", ["make_thing", "more_tools"]),
        ("more_tools", ["more_tools"]),
        ("all", ALL),
        (",".join(ALL), ALL),
    ],
)
async def test_a_client_is_shown_what_its_user_chose(
    mode: str, tools: str, shown: list[str]
) -> None:
    async with Ruled(Rules()).caller(mode, wish=Access(tools=tools)) as caller:
        assert await names(caller) == shown


@ERAS
async def test_a_client_that_loads_schemas_late_is_shown_all_unless_told(mode: str) -> None:
    ruled = Ruled(Rules())
    async with ruled.caller(mode, name="claude-code") as caller:
        assert await names(caller) == ALL
    async with ruled.caller(mode, name="claude-code", wish=Access(tools="core")) as caller:
        assert await names(caller) == ["list_sessions", "more_tools"]


@ERAS
async def test_the_rule_for_all_holds_for_whom_nothing_else_is_said(mode: str) -> None:
    ruled = Ruled(Rules(access=Access(tools="make_thing")))
    async with ruled.caller(mode) as caller:
        assert await names(caller) == ["make_thing", "more_tools"]
    async with ruled.caller(mode, wish=Access(tools="all")) as caller:
        assert await names(caller) == ALL


def test_a_tool_that_is_none_cannot_be_chosen() -> None:
    ruled = Ruled(Rules())
    with pytest.raises(AccessError, match="no tool 'dig'"):
        ruled.clients.allow(ruled.clients.connect("unix"), Access(tools="core,dig"))
    with pytest.raises(AccessError, match="no tool 'dig'"):
        Ruled(Rules(access=Access(tools="dig")))


@ERAS
async def test_the_others_are_listed_explained_and_called(mode: str) -> None:
    ruled = Ruled(Rules(confirm="never"))
    async with ruled.caller(mode) as caller:
        listed = await caller.data("more_tools")
        assert list(listed["tools"]) == [name for name in ALL if name != "list_sessions"]
        assert listed["tools"]["look_around"] == "Look."

        explained = await caller.data("more_tools", name="end_thing")
        assert explained["tier"] == "destructive"
        assert set(explained["input_schema"]["properties"]) == {"thing", "text", "confirm"}

        called = await caller.raw("more_tools", name="end_thing", arguments={"thing": "that"})
        assert text_of(called) == "ended"
        assert ruled.toys.ended == ["that"]
        assert (await caller.text("look_around")) == "seen"  # hidden is not forbidden

        wrong = await caller.refusal("more_tools", name="end_thing", arguments={"what": 1})
        assert wrong["code"] == "bad_arguments"
        assert (await caller.refusal("more_tools", name="dig"))["code"] == "tool_not_found"
        itself = await caller.data("more_tools", name="more_tools", arguments={})
        assert itself["name"] == "more_tools"
    assert "end_thing ok" in ruled.heard.outcomes()


async def test_a_tool_that_is_none_is_answered_with_those_there_are(
    caller: Caller, bench: Bench
) -> None:
    refusal = await caller.refusal("dig_hole", text="x")
    assert refusal["code"] == "tool_not_found"
    assert "list_sessions" in refusal["hint"]
    assert "more_tools" not in refusal["hint"]
    assert bench.sample("iterm_mcp_tool_calls_total", tool="dig_hole", outcome="ok") is None
