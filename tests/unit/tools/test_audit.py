"""Every call is written down, however it ends, and never what was typed."""

from __future__ import annotations

import anyio
import pytest
from tests.unit.tools.conftest import text_of
from tests.unit.tools.ruled import Ruled, User

from iterm_mcp.access import Access
from iterm_mcp.tools.clients import Rules

SECONDS = 5
ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


@ERAS
async def test_a_call_is_written_down_with_who_what_and_how_it_went(mode: str) -> None:
    ruled = Ruled(Rules())
    async with ruled.caller(mode, user=User("accept")) as caller:
        await caller.text("end_thing", thing="a", text="swordfish")
    entry, arguments = ruled.heard.entries[-1]
    assert entry.pop("seconds") >= 0
    assert entry == {
        "client": "test",
        "version": "9",
        "door": "unix",
        "tool": "end_thing",
        "tier": "destructive",
        "outcome": "ok",
        "confirmed": "user",
    }
    assert arguments == {"thing": "a", "text": "swordfish"}  # of which the log keeps a digest


@ERAS
async def test_what_did_not_go_well_is_written_down_too(mode: str) -> None:
    ruled = Ruled(Rules())
    async with ruled.caller(mode, wish=Access("mutate"), name="x" * 500) as caller:
        await caller.refusal("look_around", what=1)
        await caller.refusal("end_thing")
        await caller.refusal("dig_hole", session_id="s" * 500)
        await ruled.calls.drain(0)
        await caller.refusal("look_around")
    found = [(entry["outcome"], entry.get("code")) for entry, _ in ruled.heard.entries]
    assert found == [
        ("invalid", "bad_arguments"),
        ("refused", "tier_refused"),
        ("not_found", "tool_not_found"),
        ("refused", "stopping"),
    ]
    assert ruled.heard.entries[2][0]["target"] == "s" * 100
    assert ruled.heard.entries[2][0]["client"] == "x" * 100


@ERAS
async def test_a_bug_and_a_call_given_up_are_told_apart(mode: str) -> None:
    ruled = Ruled(Rules())
    async with ruled.caller(mode) as caller:
        ruled.toys.text = object()  # type: ignore[assignment]  # what no tool may return
        assert "internal error" in text_of(await caller.raw("look_around"))
        with anyio.fail_after(SECONDS):
            async with anyio.create_task_group() as group:
                group.start_soon(caller.raw, "wait_long")
                await ruled.toys.waiting.wait()
                group.cancel_scope.cancel()
            while len(ruled.heard.entries) < 2:
                await anyio.lowlevel.checkpoint()
    assert ruled.heard.outcomes() == ["look_around internal", "wait_long cancelled"]


@ERAS
async def test_what_ends_things_may_have_to_be_written_down(mode: str) -> None:
    ruled = Ruled(Rules(confirm="never", audit_required=True))
    ruled.heard.problem = "No space left on device"
    async with ruled.caller(mode) as caller:
        refusal = await caller.refusal("end_thing")
        assert refusal["code"] == "audit_unavailable"
        assert "No space left" in refusal["error"]
        await caller.text("type_thing")
        ruled.heard.problem = None
        await caller.text("end_thing")


@ERAS
async def test_else_calls_go_on_without_it(mode: str) -> None:
    ruled = Ruled(Rules(confirm="never"))
    ruled.heard.problem = "No space left on device"
    async with ruled.caller(mode) as caller:
        await caller.text("end_thing")
