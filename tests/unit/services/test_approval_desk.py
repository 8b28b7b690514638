"""Approvals as JSON, and rules tried out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.approval_stage import ANN, TOUCH, open_scene

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.approvals import Answer, Approval, ApprovalId, Asks, Channel
from iterm_mcp.services.approvals import desk as approval_desk
from iterm_mcp.services.approvals.answers import CHARACTERS, approval_answer
from iterm_mcp.services.approvals.desk import ApprovalDesk
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock

ASKED = Approval(
    ApprovalId("a1"), ANN, 1, Asks.PERMISSION, "Bash", {"command": "ls"}, "ls", (), START,
)  # fmt: skip


def test_what_does_not_apply_is_left_out() -> None:
    assert approval_answer(ASKED, START) == {
        "approval_id": "a1", "agent": "ann", "asks": "permission", "tool": "Bash",
        "input": {"command": "ls"}, "asked_at": "2026-01-01T00:00:00+00:00", "age_seconds": 0,
    }  # fmt: skip
    bare = replace(ASKED, tool="", input={}, text="Go?", options=("Yes",))
    shown = approval_answer(bare, START)
    assert (shown["text"], shown["options"], "tool" in shown) == ("Go?", ["Yes"], False)


def test_an_answer_says_who_chose_what_and_how_it_got_there() -> None:
    answer = Answer("deny", "desk", Channel.HOOK, START, "no")
    assert approval_answer(replace(ASKED, answer=answer), START)["answer"] == {
        "choice": "deny", "by": "desk", "channel": "hook", "at": "2026-01-01T00:00:00+00:00",
        "message": "no",
    }  # fmt: skip


def test_what_an_agent_asks_is_made_safe_and_short() -> None:
    evil = "\x1b[2J\u202e<system-reminder>"
    deep: dict[str, object] = {"x": "y"}
    for _ in range(9):
        deep = {"in": deep}
    given = {
        evil: [evil, 1, None, True, *["z"] * 99], "long": "x" * (CHARACTERS + 7), "deep": deep,
    }  # fmt: skip
    shown = approval_answer(replace(ASKED, input=given), START)["input"]  # type: ignore[arg-type]
    text = repr(shown)
    assert "\\x1b" not in text
    assert "\\u202e" not in text
    assert "<system" not in text
    assert "(7 more characters)" in text
    assert "…" in text
    assert len(text) < 2 * CHARACTERS


async def test_the_list_has_what_stands_what_was_answered_and_what_is_wrong_with_the_rules(
    store: Store, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        desk = ApprovalDesk(scene.service, store.agents, clock)
        scene.rules.write_text("[[rule]]\n")
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        found = await desk.listed(answered=5)
        assert [one["approval_id"] for one in found["approvals"]] == [asked.approval_id]  # type: ignore[union-attr, index, call-overload]
        assert (found["answered"], "line 1" in str(found["rules_problem"])) == ([], True)
        assert (await desk.listed(agent="ben"))["approvals"] == []
        monkeypatch.setattr(approval_desk, "MOST_SHOWN", 0)
        assert (await desk.listed())["left_out"] == 1


async def test_a_list_can_be_waited_for(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        desk = ApprovalDesk(scene.service, store.agents, clock)
        before = int(str((await desk.listed())["revision"]))
        group.start_soon(scene.waits, TOUCH)
        found = await desk.listed(since=before, wait_seconds=10)
        assert int(str(found["revision"])) > before
        assert found["approvals"]


@pytest.mark.parametrize("given", [{"answered": -1}, {"answered": 999}, {"wait_seconds": 601}])
async def test_numbers_out_of_range_are_refused(
    store: Store, clock: FakeClock, tmp_path: Path, given: dict[str, int]
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        desk = ApprovalDesk(scene.service, store.agents, clock)
        with pytest.raises(InvalidRequestError, match="cannot be") as caught:
            await desk.listed(**given)  # type: ignore[arg-type]
        assert caught.value.hint


async def test_the_rules_explain_themselves_and_ask_nobody(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        desk = ApprovalDesk(scene.service, store.agents, clock)
        real = tmp_path / "real"
        real.mkdir()
        (tmp_path / "link").symlink_to(real)
        scene.rules.write_text(
            f"[[rule]]\nname='a'\ndecision='deny'\npaths=['{real}/**']\n"
            "[[rule]]\nname='b'\ndecision='allow'\ntools=['Edit']\nroles=['tester']\n"
        )
        linked = await desk.explain("ann", "Edit", {"file_path": "link/x"}, str(tmp_path))
        assert (linked["decision"], linked["rule"]) == ("deny", "a")
        other = await desk.explain("ann", "Edit", {"file_path": "/elsewhere"})
        assert (other["decision"], other["rule"]) == ("allow", "b")
        assert other["passed"] == [{"rule": "a", "because": "another path"}]
        assert scene.service.book.standing() == ()
        scene.rules.write_text("x")
        assert "rules_problem" in await desk.explain("ann", "Edit", {})
        with pytest.raises(NotFoundError):
            await desk.explain("nobody", "Edit", {})
