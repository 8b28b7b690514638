"""What a client may do at most: what is above is neither shown nor done."""

from __future__ import annotations

import pytest
from mcp.types import ToolAnnotations
from tests.unit.tools.ruled import Ruled, names

from iterm_mcp.access import Access
from iterm_mcp.tools.clients import Rules
from iterm_mcp.tools.tiers import tier_of
from iterm_mcp.tools.tool import ADDS, ENDS, READS, TYPES

ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


@pytest.mark.parametrize(
    ("annotations", "tier"),
    [
        (READS, "read"),
        (ADDS, "mutate"),
        (TYPES, "mutate"),
        (ENDS, "destructive"),
        (ToolAnnotations(), "destructive"),
        (None, "destructive"),
    ],
)
def test_a_tool_that_does_not_say_it_is_harmless_is_not(
    annotations: ToolAnnotations | None, tier: str
) -> None:
    assert tier_of(annotations) == tier


@ERAS
@pytest.mark.parametrize(
    ("tier", "shown"),
    [
        ("read", ["look_around", "list_sessions"]),
        ("mutate", ["look_around", "list_sessions", "make_thing", "type_thing", "wait_long"]),
        ("destructive", ["look_around", "list_sessions", "make_thing", "type_thing",
                         "wait_long", "end_thing", "end_all"]),
    ],
)  # fmt: skip
async def test_what_is_above_is_hidden_and_refused(mode: str, tier: str, shown: list[str]) -> None:
    ruled = Ruled(Rules(confirm="never"))
    async with ruled.caller(mode, wish=Access(tier, "all")) as caller:
        assert await names(caller) == shown
        for row in ruled.toys.rows():
            name = row.call.__name__
            if name == "wait_long":
                continue
            if name in shown:
                assert not (await caller.raw(name)).is_error
                continue
            refusal = await caller.refusal(name)
            assert refusal["code"] == "tier_refused"
            assert tier in refusal["error"]
            assert (await caller.refusal("more_tools", name=name, arguments={}))["code"] == (
                "tier_refused"
            )
    assert bool(ruled.toys.ended) == (tier == "destructive")


@ERAS
async def test_no_client_gets_beyond_the_rule_for_all(mode: str) -> None:
    ruled = Ruled(Rules(access=Access("mutate", "all"), confirm="never"))
    async with ruled.caller(mode, wish=Access("destructive")) as caller:
        assert "end_thing" not in await names(caller)
        assert (await caller.refusal("end_thing"))["code"] == "tier_refused"
    async with ruled.caller(mode, wish=Access("read")) as caller:
        assert (await caller.refusal("make_thing"))["code"] == "tier_refused"


@ERAS
async def test_to_one_that_only_looks_every_tool_only_looks(mode: str) -> None:
    ruled = Ruled(Rules())
    async with ruled.caller(mode, wish=Access("read")) as caller:
        for tool in (await caller.client.list_tools()).tools:
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
        assert "more_tools" in await names(caller)


@ERAS
async def test_a_refused_call_is_measured_as_refused(mode: str) -> None:
    ruled = Ruled(Rules())
    async with ruled.caller(mode, wish=Access("read")) as caller:
        await caller.refusal("make_thing")
    labels = {"tool": "make_thing", "outcome": "refused"}
    assert ruled.metrics.registry.get_sample_value("iterm_mcp_tool_calls_total", labels) == 1
