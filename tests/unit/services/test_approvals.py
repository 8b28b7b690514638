"""Every dialog is one record, and the first answer to it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import anyio
import pytest
from structlog.testing import capture_logs
from tests.unit.services.approval_stage import (
    ANN,
    CHOICES,
    REMOVE,
    TOUCH,
    Digits,
    Scene,
    open_scene,
    value_of,
)
from tests.unit.services.stage import ONE
from tests.waiting import eventually

from iterm_mcp.errors import (
    AgentError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    RefusedError,
)
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.approvals import Approval, ApprovalId, Asks, Channel
from iterm_mcp.models.happenings import PromptShown, ScreenChanged
from iterm_mcp.models.observations import Fact, ObservationSource
from iterm_mcp.models.output import PromptId
from iterm_mcp.services.approvals import book as approval_book
from iterm_mcp.services.approvals.service import CHOICE_CHARACTERS, MESSAGE_CHARACTERS

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName, SessionId
    from iterm_mcp.models.observations import Json, Sighting
    from iterm_mcp.models.sessions import Screen
    from iterm_mcp.services.approvals.dialogs import Dialog
    from iterm_mcp.services.approvals.held_hooks import HookDecision
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock


class Hook:
    """A hook as the HTTP side holds it."""

    def __init__(self, scene: Scene, dialog: Dialog = TOUCH, *, loses: bool = False) -> None:
        self.scene = scene
        self.dialog = dialog
        self.loses = loses
        self.scope = anyio.CancelScope()
        self.decision: HookDecision | None = None
        self.held = anyio.Event()

    async def run(self) -> None:
        with self.scope:
            async with self.scene.service.hold(ANN, self.dialog, CHOICES) as held:
                self.held.set()
                decision = await held.wait(10)
                if not self.loses:
                    self.decision = decision
                    held.delivered()


def told(approval: Approval) -> tuple[str, str, Channel]:
    """Return an answer as far as tests compare it."""
    assert approval.answer
    return approval.answer.choice, approval.answer.by, approval.answer.channel


FAILED = "approval_rule_failed"
UNSEEN = ("unknown", "the person at the terminal", Channel.PERSON)


# What comes to our knowledge.


async def test_a_permission_wait_is_a_record_with_tool_input_and_age_and_never_looks_like_work(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.goes_on()
        await scene.waits(TOUCH)
        (found,) = await scene.standing()
        assert (found.agent, found.tool, dict(found.input)) == (ANN, "Bash", dict(TOUCH.input))
        assert (found.asks, found.asked_at, found.answer) == (Asks.PERMISSION, clock.now(), None)
        assert scene.told


async def test_a_dialog_that_never_reaches_a_hook_is_a_record_by_what_the_screen_shows(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.sees(
            Fact.DIALOG, ObservationSource.SCREEN, asks="permission", tool="Fetch",
            text="Fetch example.org?", options=["Yes", "No"],
        )  # fmt: skip
        (found,) = await scene.standing()
        assert (found.tool, found.options, found.exact) == ("Fetch", ("Yes", "No"), False)


async def test_registry_screen_and_hook_tell_of_one_dialog_and_not_of_three(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits()
        (first,) = await scene.standing()
        assert (first.tool, first.text) != ("", "")
        await scene.sees(
            Fact.DIALOG, ObservationSource.SCREEN, asks="permission", tool="Bash command",
            input={"command": "touch…"}, options=["Yes", "No"],
        )  # fmt: skip
        async with anyio.create_task_group() as group:
            hook = Hook(scene)
            group.start_soon(hook.run)
            await hook.held.wait()
            (one,) = await eventually(
                scene.service.book.standing, lambda found: found[0].exact and found[0].options
            )
            assert one.approval_id == first.approval_id
            assert (one.tool, dict(one.input)) == ("Bash", dict(TOUCH.input))
            assert one.options == ("Yes", "No")
            group.cancel_scope.cancel()


async def test_two_hooks_at_once_are_two_records(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        hooks = [Hook(scene), Hook(scene, REMOVE), Hook(scene)]
        for hook in hooks:
            group.start_soon(hook.run)
        for hook in hooks:
            await hook.held.wait()
        first, second, third = await scene.standing(3)
        assert {dict(one.input)["command"] for one in (first, second, third)} == {
            "touch x",
            "rm x",
        }
        group.cancel_scope.cancel()


# Who answers first.


async def test_a_waiting_hook_is_answered_without_a_keystroke(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        hook = Hook(scene)
        group.start_soon(hook.run)
        (asked,) = await scene.standing()
        clock.advance(3)
        settled = await scene.service.answer(
            asked.approval_id, "deny", by="desk", message="use the branch"
        )
        assert told(settled) == ("deny", "desk", Channel.HOOK)
        await eventually(lambda: hook.decision)
        assert hook.decision
        assert (hook.decision.choice, hook.decision.message) == ("deny", "use the branch")
        assert scene.stage.typed == []
        (entry,) = scene.audit.entries
        assert (entry["outcome"], entry["client"], entry["target"]) == ("deny", "desk", "ann")
        assert (entry["door"], entry["seconds"]) == ("hook", 3)
        assert entry["approval"] == asked.approval_id


async def test_of_two_answers_at_once_one_holds_and_the_other_hears_whose(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        hook = Hook(scene)
        group.start_soon(hook.run)
        (asked,) = await scene.standing()
        outcomes: list[str] = []

        async def answer(choice: str) -> None:
            try:
                await scene.service.answer(asked.approval_id, choice, by=f"who says {choice}")
            except ConflictError as error:
                outcomes.append(f"{error.code}: {error}")
            else:
                outcomes.append(choice)

        async with anyio.create_task_group() as answering:
            answering.start_soon(answer, "allow")
            answering.start_soon(answer, "deny")
        assert outcomes[0] == "allow"
        assert outcomes[1].startswith("already_answered: ")
        assert "who says allow answered 'allow'" in outcomes[1]
        await eventually(lambda: hook.decision)
        assert hook.decision
        assert hook.decision.choice == "allow"
        assert len(scene.audit.entries) == 1


async def test_a_person_who_is_first_is_written_down_as_the_one_who_answered(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        await scene.waits(TOUCH)
        hook = Hook(scene)
        group.start_soon(hook.run)
        (asked,) = await scene.standing()
        await scene.goes_on()
        clock.advance(1)
        hook.scope.cancel()  # the agent lets go of the hook
        (one,) = await scene.answered()
        assert told(one) == UNSEEN
        with pytest.raises(ConflictError, match="somebody answered it at the terminal"):
            await scene.service.answer(asked.approval_id, "allow", by="desk")


async def test_an_answer_that_comes_as_the_person_answers_is_not_claimed_to_have_arrived(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        group.start_soon(Hook(scene, loses=True).run)
        (asked,) = await scene.standing()
        with pytest.raises(ConflictError) as caught:
            await scene.service.answer(asked.approval_id, "allow", by="desk")
        assert caught.value.code == "already_answered"
        (one,) = await scene.answered()
        assert told(one) == UNSEEN
        assert [entry["outcome"] for entry in scene.audit.entries] == ["allow", "unknown"]


async def test_a_hook_that_gave_up_leaves_the_dialog_to_the_keys(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        await scene.waits(TOUCH)
        hook = Hook(scene)
        group.start_soon(hook.run)
        (asked,) = await scene.standing()
        await hook.held.wait()
        hook.scope.cancel()
        await eventually(lambda: hook.scope.cancelled_caught)
        scene.ask()
        scene.on_type(lambda _text: scene.draw("working"))
        settled = await scene.service.answer(asked.approval_id, "allow", by="desk")
        assert told(settled) == ("allow", "desk", Channel.KEYS)
        assert scene.stage.typed == ["1"]


async def test_a_new_daemon_goes_on_with_the_dialogs_of_the_one_that_was_killed(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.renew()
        async with scene.service.running():
            (again,) = await scene.standing()
            assert again == asked
            scene.ask()
            scene.on_type(lambda _text: scene.draw("working"))
            settled = await scene.service.answer(again.approval_id, "deny", by="desk")
        assert told(settled) == ("deny", "desk", Channel.KEYS)
        assert scene.stage.typed == ["2"]


async def test_a_new_daemon_does_not_take_old_news_for_a_persons_answer(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        clock.advance(60)
        scene.renew()
        async with scene.service.running():
            await scene.goes_on()  # as a file that is read again may say
            await anyio.wait_all_tasks_blocked()
            assert scene.service.book.standing() == (asked,)
            clock.advance(1)
            (one,) = await scene.answered()
        assert told(one) == UNSEEN


async def test_hooks_are_let_go_when_the_daemon_stops(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with anyio.create_task_group() as group:
        async with open_scene(store, clock, tmp_path) as scene:
            hook = Hook(scene)
            group.start_soon(hook.run)
            await hook.held.wait()
            await scene.standing()
        await eventually(lambda: hook.decision)
        assert hook.decision
        assert hook.decision.choice == ""
    assert (await store.approvals.standing())[0].agent == ANN


# Keystrokes.


async def test_keys_answer_only_the_dialog_that_was_meant(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        scene.hurry()
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.ask(command="rm -rf everything")
        with pytest.raises(ConflictError, match="another dialog") as caught:
            await scene.service.answer(asked.approval_id, "allow", by="desk")
        assert caught.value.code == "dialog_gone"
        scene.draw("$ ")
        with pytest.raises(ConflictError, match="no dialog"):
            await scene.service.answer(asked.approval_id, "allow", by="desk")
        assert scene.stage.typed == []
        assert await scene.standing()


async def test_a_dialog_that_is_replaced_between_look_and_stroke_gets_no_stroke(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        scene.hurry()
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.ask()
        failed: list[str] = []

        async def answer() -> None:
            with pytest.raises(ConflictError) as caught:
                await scene.service.answer(asked.approval_id, "allow", by="desk")
            failed.append(caught.value.code)

        async with anyio.create_task_group() as group, scene.writers.hold(ONE):
            group.start_soon(answer)
            await eventually(lambda: scene.writers._turns[ONE].users, lambda users: users == 2)
            scene.ask(command="rm -rf everything")
        assert (failed, scene.stage.typed) == (["dialog_gone"], [])


async def test_a_dialog_that_stands_after_the_stroke_is_no_success(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        scene.hurry()
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.ask()
        with pytest.raises(AgentError) as caught:
            await scene.service.answer(asked.approval_id, "allow", by="desk")
        assert caught.value.code == "answer_not_taken"
        assert scene.stage.typed == ["1"]
        assert await scene.standing() == (asked,)


async def test_two_answers_by_keys_at_once_type_once(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.ask()
        scene.on_type(lambda _text: scene.draw("working"))
        refused: list[str] = []

        async def answer(choice: str) -> None:
            try:
                await scene.service.answer(asked.approval_id, choice, by=choice)
            except ConflictError as error:
                refused.append(error.code)

        async with anyio.create_task_group() as group:
            group.start_soon(answer, "allow")
            group.start_soon(answer, "deny")
        assert (scene.stage.typed, refused) == (["1"], ["already_answered"])


async def test_what_is_typed_is_written_down_even_if_the_caller_goes_away(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.ask()
        with anyio.CancelScope() as caller:

            def gone(_text: str) -> None:
                caller.cancel()
                scene.draw("working")

            scene.on_type(gone)
            await scene.service.answer(asked.approval_id, "allow", by="desk")
        assert caller.cancel_called
        (one,) = await scene.answered()
        assert told(one) == ("allow", "desk", Channel.KEYS)


async def test_a_question_is_answered_by_an_options_text_and_its_hook_is_let_go(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        await scene.waits(TOUCH)
        hook = Hook(scene)
        group.start_soon(hook.run)
        (asked,) = await scene.standing()
        await hook.held.wait()
        scene.draw("ASK Bash touch x", "Yes", "Yes, always", "No")
        scene.on_type(lambda _text: scene.draw("working"))
        settled = await scene.service.answer(asked.approval_id, "Yes, always", by="desk")
        assert told(settled) == ("Yes, always", "desk", Channel.KEYS)
        await eventually(lambda: hook.decision)
        assert hook.decision
        assert hook.decision.choice == ""


async def test_an_option_that_is_none_changes_nothing(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.ask()
        with pytest.raises(InvalidRequestError):
            await scene.service.answer(asked.approval_id, "perhaps", by="desk")
        assert (scene.stage.typed, await scene.standing()) == ([], (asked,))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("", ""),
        (" ", ""),
        ("x" * (CHOICE_CHARACTERS + 1), ""),
        ("a", "x" * (MESSAGE_CHARACTERS + 1)),
    ],
)
async def test_a_choice_that_is_none_is_refused_at_once(
    store: Store, clock: FakeClock, tmp_path: Path, choice: str, message: str
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        with pytest.raises(InvalidRequestError) as caught:
            await scene.service.answer(ApprovalId("x"), choice, by="desk", message=message)
        assert caught.value.hint


async def test_nobody_answers_what_nobody_asks(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        with pytest.raises(NotFoundError, match="no approval 'x'"):
            await scene.service.answer(ApprovalId("x"), "allow", by="desk")


async def test_an_agent_cannot_answer_what_it_asks_itself(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        with pytest.raises(RefusedError) as caught:
            await scene.service.answer(asked.approval_id, "allow", by="ann", agent=ANN)
        assert caught.value.code == "own_approval"
        assert await scene.standing()


async def test_a_locked_session_is_typed_into_only_by_who_holds_the_lock(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.ask()
        scene.on_type(lambda _text: scene.draw("working"))
        lock = await scene.locks.grant(ONE, "ben", "release", 60)
        with pytest.raises(RefusedError) as caught:
            await scene.service.answer(asked.approval_id, "allow", by="desk")
        assert (caught.value.code, scene.stage.typed) == ("session_locked", [])
        await scene.service.answer(asked.approval_id, "allow", by="ben", lock_id=lock.lock_id)
        assert scene.stage.typed == ["1"]


# What goes.


async def test_a_dialog_that_gives_way_to_another_was_answered_by_a_person(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        await scene.standing()
        clock.advance(1)
        await scene.waits(REMOVE)
        (one,) = await scene.answered()
        assert told(one) == UNSEEN
        (other,) = await scene.standing()
        assert dict(other.input) == dict(REMOVE.input)


async def test_an_agent_that_ends_leaves_no_open_dialog(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        await scene.standing()
        clock.advance(1)
        await scene.sees(Fact.EXIT, ObservationSource.PROCESS, code=1)
        (one,) = await scene.answered()
        assert one.answer
        assert told(one)[::2] == ("none", Channel.NONE)
        assert one.answer.by.startswith("the agent has ended")
        with pytest.raises(ConflictError, match="nobody can answer it any more"):
            await scene.service.answer(one.approval_id, "allow", by="desk")


async def test_a_new_life_of_an_agent_asks_anew(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (old,) = await scene.standing()
        await scene.states.new_life(ANN)
        await scene.answered()
        await scene.waits(TOUCH)
        (new,) = await scene.standing()
        assert (old.approval_id != new.approval_id, new.epoch) == (True, old.epoch + 1)


async def test_what_was_just_answered_is_not_asked_again_because_the_state_lags(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        group.start_soon(Hook(scene).run)
        (asked,) = await scene.standing()
        await scene.service.answer(asked.approval_id, "allow", by="desk")
        await scene.waits()  # the registry file was read late
        await anyio.wait_all_tasks_blocked()
        assert scene.service.book.standing() == ()
        clock.advance(1)  # but if it goes on to wait, it does wait
        await scene.standing()


async def test_somebody_who_waits_hears_of_a_change(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        book = scene.service.book
        before = book.revision
        assert await book.wait_changed(before, 0.01) == before
        async with anyio.create_task_group() as group:
            group.start_soon(scene.waits, TOUCH)
            assert await book.wait_changed(before, 10) > before


# Rules.


async def test_a_rule_answers_a_hook_at_once_and_is_written_down(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        scene.rules.write_text(
            "[[rule]]\nname='no files'\ndecision='deny'\ncommands=['touch']\nmessage='No.'\n"
        )
        hook = Hook(scene)
        await hook.run()
        assert hook.decision
        assert (hook.decision.choice, hook.decision.message) == ("deny", "No.")
        (one,) = await scene.answered()
        assert told(one) == ("deny", "rule 'no files'", Channel.HOOK)
        assert scene.audit.entries[0]["client"] == "rule 'no files'"


async def test_a_rule_whose_answer_did_not_arrive_is_not_said_to_have_answered(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        scene.rules.write_text("[[rule]]\ndecision='allow'\ncommands=['touch x']\n")
        await Hook(scene, loses=True).run()
        (one,) = await scene.answered()
        assert one.answer
        assert one.answer.choice == "unknown"
        assert "had gone" in one.answer.by


async def test_a_rule_that_denies_also_types_and_one_that_allows_does_not(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        scene.rules.write_text(
            "[[rule]]\ndecision='deny'\ntools=['Write']\n[[rule]]\ndecision='allow'\ntools=['*']\n"
        )
        scene.ask("Bash", "touch x")
        screen = ObservationSource.SCREEN
        given: dict[str, Json] = {"command": "touch x"}
        await scene.sees(Fact.DIALOG, screen, asks="permission", tool="Bash", input=given)
        await scene.standing()
        assert scene.stage.typed == []
        clock.advance(1)
        scene.on_type(lambda _text: scene.draw("working"))
        scene.ask("Write", "touch x")
        await scene.sees(Fact.DIALOG, screen, asks="permission", tool="Write", input=given)
        found = await scene.answered(2)
        assert scene.stage.typed == ["2"]
        assert ("deny", "rule 'rule 1'", Channel.KEYS) in [told(one) for one in found]


async def test_rules_that_cannot_be_read_leave_everything_to_a_person(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        scene.rules.write_text("[[rule]]\ndecision='allow'\ntools=['*']\n[[rule]]\n")
        hook = Hook(scene)
        group.start_soon(hook.run)
        await hook.held.wait()
        assert await scene.standing()
        assert "line 4: decision" in scene.service.policies.problem
        scene.rules.write_bytes(b"\xff\xfe")
        assert (await scene.service.policies.current()).rules == ()
        assert "cannot be read" in scene.service.policies.problem
        scene.rules.unlink()
        await scene.service.policies.current()
        assert scene.service.policies.problem == ""
        group.cancel_scope.cancel()


# Ends and corners.


class Talk:
    """The conversation of an agent that is spoken to by its protocol."""

    def __init__(self) -> None:
        self.answered: list[tuple[str, str]] = []
        self.over = False

    async def answer(self, dialog_id: str, choice: str, message: str = "") -> None:
        del message
        await anyio.lowlevel.checkpoint()
        if self.over:
            raise ConflictError("it is no more")
        self.answered.append((dialog_id, choice))


async def test_an_agent_with_a_protocol_is_answered_by_it(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.sees(Fact.DIALOG, ObservationSource.PROTOCOL, **value_of(TOUCH))
        (asked,) = await scene.standing()
        talk = scene.talk = Talk()
        settled = await scene.service.answer(asked.approval_id, "allow", by="desk")
        assert told(settled) == ("allow", "desk", Channel.PROTOCOL)
        assert talk.answered == [("h1", "allow")]
        assert scene.stage.typed == []


async def test_a_dialog_that_the_protocol_has_no_more_is_not_answered(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.sees(Fact.DIALOG, ObservationSource.PROTOCOL, **value_of(TOUCH))
        (asked,) = await scene.standing()
        scene.talk = Talk()
        scene.talk.over = True
        with pytest.raises(ConflictError, match="no more"):
            await scene.service.answer(asked.approval_id, "allow", by="desk")
        assert await scene.standing()


async def test_what_an_agent_asked_that_nobody_knows_any_more_is_closed(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        await scene.standing()
        await store.agents.remove_agent(ANN)
        scene.renew(new_states=True)
        async with scene.service.running():
            (one,) = await scene.answered()
        assert told(one)[::2] == ("none", Channel.NONE)


async def test_an_agent_that_has_just_ended_is_typed_nothing(
    store: Store, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.ask()
        clock.advance(1)
        look = scene.states.look

        async def ends(name: AgentName) -> StateView:
            await scene.sees(Fact.EXIT, ObservationSource.PROCESS, code=1)
            return await look(name)

        monkeypatch.setattr(scene.states, "look", ends)
        with pytest.raises(ConflictError, match="the agent has ended"):
            await scene.service.answer(asked.approval_id, "allow", by="desk")
        assert scene.stage.typed == []


async def test_a_suspended_agent_keeps_its_dialog(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        clock.advance(5)
        await scene.sees(Fact.OCCUPANT, ObservationSource.PROCESS, who="agent", pid=1, stopped=True)
        await eventually(
            lambda: scene.states.view(ANN), lambda view: view.state is AgentState.SUSPENDED
        )
        await anyio.wait_all_tasks_blocked()
        assert scene.service.book.standing() == (asked,)


async def test_a_hook_whose_agent_looks_idle_is_given_a_moment(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        await scene.goes_on("idle")
        hook = Hook(scene)
        group.start_soon(hook.run)
        (asked,) = await scene.standing()
        clock.advance(0.01)
        await scene.goes_on("busy")
        await anyio.wait_all_tasks_blocked()
        assert scene.service.book.standing() == (asked,)
        clock.advance(1)
        await scene.answered()
        await eventually(lambda: hook.decision)
        assert hook.decision
        assert hook.decision.choice == ""


async def test_answers_of_several_strokes_look_before_each(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.draw("ASK Bash touch x", "Yes", "twice", "pasted")
        scene.on_type(lambda text: scene.draw("working") if text == "\r" else None)
        await scene.service.answer(asked.approval_id, "twice", by="desk")
        assert scene.stage.typed == ["2", "\r"]
        await scene.goes_on()
        clock.advance(5)
        await scene.waits(REMOVE)
        (second,) = await scene.standing()
        scene.stage.typed.clear()
        scene.draw("ASK Bash rm x", "Yes", "twice", "pasted")
        scene.on_type(lambda _text: scene.draw("working"))
        await scene.service.answer(second.approval_id, "pasted", by="desk")
        assert scene.stage.typed == ["\x1b[200~3\x1b[201~"]


async def test_a_dialog_that_one_stroke_has_answered_gets_no_second(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.draw("ASK Bash touch x", "Yes", "twice")
        scene.on_type(lambda _text: scene.draw("ASK Bash rm everything", "Yes", "twice"))

        await scene.service.answer(asked.approval_id, "twice", by="desk")

        assert scene.stage.typed == ["2"]


class Blind(Digits):
    """Sees nothing at all where no dialog stands."""

    def see(self, screen: Screen, title: str) -> tuple[Sighting, ...]:
        asks = any(row.startswith("ASK") for row in screen.lines)
        return super().see(screen, title) if asks else ()


async def test_a_dialog_that_is_drawn_late_is_waited_for_and_its_end_may_leave_nothing(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene, anyio.create_task_group() as group:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.kind = cast("AgentKind", Blind())
        looks = 0
        read = scene.stage.read_screen

        async def count(session_id: SessionId) -> Screen:
            nonlocal looks
            looks += 1
            return await read(session_id)

        scene.stage.read_screen = count  # type: ignore[method-assign]
        settled: list[Approval] = []

        async def answer() -> None:
            settled.append(await scene.service.answer(asked.approval_id, "allow", by="desk"))

        scene.draw("")
        group.start_soon(answer)
        await eventually(lambda: looks)
        scene.stage.tell(PromptShown(PromptId("p")), ScreenChanged(), PromptShown(PromptId("q")))
        scene.on_type(lambda _text: scene.draw(""))
        scene.ask()

        await eventually(lambda: settled)
        assert told(settled[0]) == ("allow", "desk", Channel.KEYS)
        assert scene.stage.typed == ["1"]


async def test_nothing_is_answered_while_somebody_scrolls(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.waits(TOUCH)
        (asked,) = await scene.standing()
        scene.draw("what was said".ljust(75) + "[3/9]", "ASK Bash touch x", "Yes", "No")

        with pytest.raises(RefusedError, match="scrolls") as refused:
            await scene.service.answer(asked.approval_id, "allow", by="desk")

        assert refused.value.code == "scrolled"
        assert scene.stage.typed == []
        assert await scene.standing()


async def test_a_rule_that_cannot_answer_leaves_it_to_a_person(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        scene.hurry()
        scene.rules.write_text("[[rule]]\ndecision='deny'\ntools=['Bash']\n")
        scene.draw("$ ")
        with capture_logs() as logs:
            await scene.waits(TOUCH)
            (asked,) = await scene.standing()
            await eventually(lambda: [one for one in logs if one["event"] == FAILED])
        assert (scene.stage.typed, await scene.standing()) == ([], (asked,))


async def test_there_is_an_end_to_how_much_can_be_asked(
    store: Store, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval_book, "MOST_STANDING", 1)
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.service.book.add(ANN, 0, TOUCH)
        with pytest.raises(RefusedError, match="wait for an answer"):
            await scene.service.book.add(ANN, 0, REMOVE)


async def test_what_cannot_be_stored_is_tried_again_at_the_next_change(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        failing = scene.fail_adding()
        await scene.waits(TOUCH)
        await eventually(lambda: not failing)
        clock.advance(1)
        await scene.sees(Fact.DIALOG, ObservationSource.SCREEN, asks="permission", tool="Bash")
        await scene.standing()
