"""Whose answer an agent took is only said when nobody else can have answered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import anyio
import pytest
from tests.unit.services.approval_stage import ANN, CHOICES, REMOVE, TOUCH, Scene, open_scene
from tests.unit.services.stage import ONE
from tests.waiting import eventually

from iterm_mcp.errors import StoreError, TerminalUnavailableError
from iterm_mcp.models.approvals import Channel
from iterm_mcp.models.happenings import KeyPressed, SessionEnded, TerminalLost
from iterm_mcp.services.approvals.rivals import _Noted
from iterm_mcp.terminal.watches import QueuedWatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iterm_mcp.models.agents import Registry
    from iterm_mcp.models.approvals import Approval
    from iterm_mcp.services.approvals.dialogs import Dialog
    from iterm_mcp.services.approvals.held_hooks import HookDecision
    from iterm_mcp.store import Store
    from iterm_mcp.store.agents import AgentStore
    from iterm_mcp.testing import FakeClock

DESK_OR_PERSON = "desk or the person at the terminal"


def told(approval: Approval) -> tuple[str, str, Channel]:
    assert approval.answer
    return approval.answer.choice, approval.answer.by, approval.answer.channel


async def answered_by_hook(
    scene: Scene, act: Callable[[HookDecision | None], None]
) -> tuple[Approval, Approval]:
    """Answer a hook; return what the caller is told, and what is known in the end.

    Args:
        act: Called before the answer, with None, and again when it reaches the hook.
    """

    async def hold() -> None:
        async with scene.service.hold(ANN, TOUCH, CHOICES) as held:
            decision = await held.wait(10)
            act(decision)
            held.delivered()

    async with anyio.create_task_group() as group:
        group.start_soon(hold)
        (asked,) = await scene.standing()
        await noting(scene)
        act(None)
        settled = await scene.service.answer(asked.approval_id, "deny", by="desk")
    await eventually(lambda: scene.service._rivals._noted, lambda noted: not noted)
    (kept,) = await scene.answered()
    return settled, kept


async def noting(scene: Scene) -> None:
    """Wait until it is noted what is typed in the session."""
    await eventually(
        lambda: [one.since for one in scene.service._rivals._noted.values()],
        lambda since: since and since[0] is not None,
    )


async def test_when_nobody_else_typed_the_answer_is_the_client_s(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        settled, kept = await answered_by_hook(scene, lambda _: None)

        assert told(settled) == told(kept) == ("deny", "desk", Channel.HOOK)


@pytest.mark.parametrize("early", [True, False])
async def test_a_key_pressed_while_an_answer_is_on_its_way_makes_it_nobody_knows_whose(
    store: Store, clock: FakeClock, tmp_path: Path, *, early: bool
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:

        def press(decision: HookDecision | None) -> None:
            if early is (decision is None):
                scene.stage.watches.key_pressed(ONE)

        settled, kept = await answered_by_hook(scene, press)

        assert told(settled) == told(kept) == ("unknown", DESK_OR_PERSON, Channel.HOOK)
        assert [one["outcome"] for one in scene.audit.entries] == ["deny", "unknown"]


async def test_a_key_that_comes_right_after_the_answer_takes_it_back(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:

        async def hold() -> None:
            async with scene.service.hold(ANN, TOUCH, CHOICES) as held:
                await held.wait(10)
                held.delivered()

        group.start_soon(hold)
        (asked,) = await scene.standing()
        await noting(scene)
        settled = await scene.service.answer(asked.approval_id, "allow", by="desk")
        scene.stage.watches.key_pressed(ONE)

        assert told(settled) == ("allow", "desk", Channel.HOOK)
        (kept,) = await eventually(
            lambda: scene.service.book.answered(1), lambda found: told(found[0])[0] == "unknown"
        )
        assert told(kept) == ("unknown", DESK_OR_PERSON, Channel.HOOK)


async def test_what_another_client_types_beside_a_hook_is_an_answer_like_a_person_s(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:

        def type_one(decision: HookDecision | None) -> None:
            if decision is None:
                scene.stage.watches.typed(ONE, "1")

        _, kept = await answered_by_hook(scene, type_one)

        assert told(kept) == ("unknown", DESK_OR_PERSON, Channel.HOOK)


@pytest.mark.parametrize("presses", [True, False])
async def test_a_key_beside_our_own_strokes_makes_the_answer_unknown_and_they_alone_do_not(
    store: Store, clock: FakeClock, tmp_path: Path, *, presses: bool
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        await noting(scene)
        scene.ask()

        def go(_text: str) -> None:
            if presses:
                scene.stage.watches.key_pressed(ONE)
            scene.draw("working")

        scene.on_type(go)
        settled = await scene.service.answer(asked.approval_id, "allow", by="desk")

        unknown, known = (("unknown", DESK_OR_PERSON), ("allow", "desk"))
        assert told(settled) == (*(unknown if presses else known), Channel.KEYS)


async def test_keys_that_nobody_could_see_may_have_been_pressed(
    store: Store, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iterm_mcp.services.approvals.rivals.READY_SECONDS", 0.05)
    async with open_scene(store, clock, tmp_path) as scene:

        def lose(decision: HookDecision | None) -> None:
            if decision is None:
                scene.stage.tell(TerminalLost())

        _, kept = await answered_by_hook(scene, lose)

        assert told(kept) == ("unknown", DESK_OR_PERSON, Channel.HOOK)


@pytest.mark.parametrize("ended", [True, False])
async def test_a_terminal_that_cannot_be_watched_leaves_it_open_who_answered(
    store: Store,
    clock: FakeClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    ended: bool,
) -> None:
    monkeypatch.setattr("iterm_mcp.services.approvals.rivals.READY_SECONDS", 0.05)
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        if not ended:
            scene.stage.refusal = TerminalUnavailableError("it is away")

        async def hold() -> None:
            async with scene.service.hold(ANN, TOUCH, CHOICES) as held:
                await held.wait(10)
                held.delivered()

        group.start_soon(hold)
        (asked,) = await scene.standing()
        if ended:
            await noting(scene)
            scene.stage.tell(SessionEnded())
            await eventually(lambda: not scene.service._rivals._noted)
        settled = await scene.service.answer(asked.approval_id, "allow", by="desk")

        assert told(settled) == ("unknown", DESK_OR_PERSON, Channel.HOOK)


async def test_an_agent_that_asks_again_at_once_is_noted_on(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        noted, seen = scene.service._rivals._noted, []
        for dialog in (TOUCH, REMOVE):
            async with anyio.create_task_group() as group:

                async def hold(dialog: Dialog) -> None:
                    async with scene.service.hold(ANN, dialog, CHOICES) as held:
                        await held.wait(10)
                        held.delivered()

                group.start_soon(hold, dialog)
                (asked,) = await scene.standing()
                await noting(scene)
                if dialog is REMOVE:
                    await eventually(lambda: noted[ONE].scope.deadline, lambda at: at == math.inf)
                    assert noted[ONE] in seen
                seen.append(noted[ONE])
                settled = await scene.service.answer(asked.approval_id, "allow", by="desk")
                assert told(settled) == ("allow", "desk", Channel.HOOK)
        await eventually(lambda: not noted)


class FailsOnce:
    """An `AgentStore` that cannot be read the first time."""

    def __init__(self, agents: AgentStore) -> None:
        self._agents = agents
        self.failing = [StoreError("the disk is full")]

    async def load(self) -> Registry:
        if self.failing:
            raise self.failing.pop()
        return await self._agents.load()


async def test_a_registry_that_cannot_be_read_for_once_is_read_at_the_next_change(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        agents = FailsOnce(store.agents)
        scene.service._rivals._agents = cast("AgentStore", agents)

        async def hold(dialog: Dialog) -> None:
            async with scene.service.hold(ANN, dialog, CHOICES) as held:
                await held.wait(10)

        group.start_soon(hold, TOUCH)
        await eventually(lambda: not agents.failing)
        assert not scene.service._rivals._noted
        group.start_soon(hold, REMOVE)

        await noting(scene)
        group.cancel_scope.cancel()


async def test_a_key_that_was_told_and_not_yet_noted_counts() -> None:
    watch = QueuedWatch(keys=True)
    noted = _Noted()
    noted.watch = watch
    watch.put(KeyPressed())
    watch.put(SessionEnded())

    await noted.catch_up()

    assert noted.keys is not None
