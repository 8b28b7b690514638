from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
from tests.unit.services.events.told import at

from iterm_mcp.models.agent_lives import AgentOrder, Desired, Forensics, Life, Phase, Spare
from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.approvals import Answer, Approval, ApprovalId, Asks, Channel
from iterm_mcp.models.deliveries import Delivery, DeliveryId, Move, Policy, Stage
from iterm_mcp.models.events import MAX_KEY_CHARACTERS, EventKind
from iterm_mcp.models.happenings import CommandEnded, CommandStarted
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.output import PromptId
from iterm_mcp.models.playbooks import Known, Run, RunId, RunState, StepRecord, StepState
from iterm_mcp.services.events import own_facts as module
from iterm_mcp.services.events.own_facts import OwnFacts, RecordedCalls, SessionFacts
from iterm_mcp.services.states.state_changes import QueuedViews
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    import pytest

    from iterm_mcp.models.events import Event
    from iterm_mcp.services.states.asking import States

S1, S2, S3 = SessionId("s1"), SessionId("s2"), SessionId("s3")
ADA = AgentName("ada")


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.clock = FakeClock(at(0))
        self.facts = OwnFacts(self, self.clock)

    def record(self, *events: Event) -> None:
        self.events += events
        keys = [one.key for one in self.events]
        assert all(len(one) <= MAX_KEY_CHARACTERS for one in keys)

    def kinds(self) -> list[EventKind]:
        kinds = [one.kind for one in self.events]
        self.events.clear()
        return kinds


# Messages.


def test_each_step_of_a_message_is_an_event_of_its_own() -> None:
    story = Told()
    delivery = Delivery(
        DeliveryId("d1"), ADA, S1, "do it", Policy.NUDGE, 0, at(0), at(99),
        (Move(Stage.ACCEPTED, at(0)),), sender="bob",
    )  # fmt: skip
    story.facts.message_moved(delivery)
    back = (Move(Stage.LEASED, at(1)), Move(Stage.ACCEPTED, at(2), "a draft stands there"))
    story.facts.message_moved(replace(delivery, moves=(*delivery.moves, *back)))
    first, second = story.events
    assert (first.text, first.subject, first.links.agent) == ("do it", "accepted", "ada")
    assert (second.text, second.duration_seconds) == ("a draft stands there", 2.0)
    assert first.key != second.key
    assert first.payload["sender"] == "bob"


# Approvals.


def test_what_is_asked_and_answered_is_told() -> None:
    story = Told()
    approval = Approval(
        ApprovalId("a1"), ADA, 1, Asks.PERMISSION, "Bash", {"command": "ls"}, "May I?", (), at(5)
    )
    story.facts.approval_changed(approval)
    story.facts.approval_changed(replace(approval, asks=Asks.QUESTION))
    answer = Answer("deny", "desk", Channel.HOOK, at(9), "not now")
    story.facts.approval_changed(replace(approval, answer=answer))
    asked, question, answered = story.events
    assert (asked.kind, asked.subject, asked.at) == (EventKind.PERMISSION_REQUESTED, "Bash", at(5))
    assert question.kind is EventKind.QUESTION_ASKED
    assert (answered.kind, answered.duration_seconds) == (EventKind.PERMISSION_ANSWERED, 4.0)
    assert answered.payload["answer"] == "deny"
    assert answered.payload["input"] == {"command": "ls"}
    assert answered.text == "not now"


# Lives.


def life(phase: Phase, epoch: int = 1, spare: Spare | None = None) -> Life:
    return Life(
        ADA, AgentOrder("claude", "/w", "begin", teams=(TeamName("red"),)), Desired.RUNNING, phase,
        "token", "f" * 32, at(0), epoch, S1, "c1", begun_at=at(2), spare=spare,
    )  # fmt: skip


def test_a_life_begins_once_and_ends_once() -> None:
    story = Told()
    creating, running = life(Phase.CREATING), life(Phase.RUNNING)
    story.facts.life_changed(None, creating, None)
    assert story.kinds() == []
    story.facts.life_changed(creating, running, None)
    (started,) = story.events
    assert (started.kind, started.at, started.text) == (EventKind.AGENT_STARTED, at(2), "begin")
    links = started.links
    assert (links.kind, links.team, links.conversation, links.trace) == (
        "claude", "red", "c1", "f" * 32,
    )  # fmt: skip
    assert started.payload["again"] is False
    story.events.clear()
    story.facts.life_changed(running, replace(running, pending="x"), None)
    assert story.kinds() == []
    ended = replace(running, phase=Phase.ENDED, reason="it was stopped")
    story.facts.life_changed(running, ended, None)
    assert story.events[0].text == "it was stopped"
    assert story.kinds() == [EventKind.AGENT_ENDED]
    story.facts.life_changed(ended, replace(ended, phase=Phase.QUARANTINED), None)
    story.facts.life_changed(None, ended, None)
    assert story.kinds() == []


def test_a_crash_says_what_was_found() -> None:
    story = Told()
    found = Forensics(ADA, 1, at(7), "it was killed", crash=True, signal=9)
    again = life(Phase.RESTARTING)
    story.facts.life_changed(life(Phase.RUNNING), again, found)
    story.facts.life_changed(life(Phase.RUNNING), again, replace(found, crash=False))
    crashed, ended = story.events
    assert (crashed.kind, crashed.at) == (EventKind.AGENT_CRASHED, at(7))
    assert (crashed.payload["signal"], crashed.payload["next"]) == (9, "restarting")
    assert ended.kind is EventKind.AGENT_ENDED


def test_a_spare_has_no_events_until_it_is_handed_out() -> None:
    story = Told()
    spare = life(Phase.RUNNING, spare=Spare("f"))
    story.facts.life_changed(None, spare, None)
    story.facts.life_changed(
        spare, replace(spare, phase=Phase.ENDED), Forensics(ADA, 1, at(7), "gone", crash=True)
    )
    assert story.kinds() == []
    story.facts.life_changed(spare, life(Phase.RUNNING, epoch=2), None)
    assert story.events[0].payload["again"] is True
    assert story.kinds() == [EventKind.AGENT_STARTED]


# States.


class Watched:
    def __init__(self) -> None:
        self.views = QueuedViews()

    def watch(self) -> AbstractAsyncContextManager[QueuedViews]:
        return _Entered(self.views)


class _Entered:
    def __init__(self, views: QueuedViews) -> None:
        self._views = views

    async def __aenter__(self) -> QueuedViews:
        return self._views

    async def __aexit__(self, *_: object) -> None:
        return None


async def test_states_are_told_with_what_they_were_before() -> None:
    story, watched = Told(), Watched()
    states: States = watched  # type: ignore[assignment]  # of which only this is asked
    async with story.facts.following(states):
        for view in (
            StateView(ADA, 1, AgentState.WORKING, "", at(1)),
            StateView(ADA, 1, AgentState.GATE, "why " * 500, None),
        ):
            watched.views.put(view)
            count = len(story.events) + 1
            with anyio.fail_after(5):
                while len(story.events) < count:
                    await anyio.lowlevel.checkpoint()
    first, second = story.events
    assert (first.payload["before"], first.payload["after"], first.at) == ("", "working", at(1))
    assert (second.payload["before"], second.subject) == ("working", "gate")
    assert second.at == at(0)


# Sessions and commands.


class Other:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def terminal_up(self, sessions: set[SessionId], *, again: bool) -> None:
        self.calls.append(f"up {len(sessions)} {again}")

    def terminal_down(self) -> None:
        self.calls.append("down")

    def session_opened(self, session_id: SessionId) -> None:
        self.calls.append(f"opened {session_id}")

    def session_ended(self, session_id: SessionId) -> None:
        self.calls.append(f"ended {session_id}")


def test_sessions_are_told_once_also_when_the_terminal_was_away() -> None:
    story, other = Told(), Other()
    sessions = SessionFacts(story, story.clock, other)
    sessions.terminal_up({S1}, again=False)
    assert story.kinds() == []
    for _ in range(2):
        sessions.session_opened(S2)
        sessions.session_ended(S1)
    assert [one.links.session for one in story.events] == ["s2", "s1"]
    assert story.kinds() == [EventKind.SESSION_OPENED, EventKind.SESSION_CLOSED]
    sessions.terminal_down()
    sessions.terminal_up({S3}, again=True)
    assert [one.subject for one in story.events] == ["s3", "s2"]
    assert story.kinds() == [EventKind.SESSION_OPENED, EventKind.SESSION_CLOSED]
    assert other.calls == [
        "up 1 False", "opened s2", "ended s1", "opened s2", "ended s1", "down", "up 1 True",
    ]  # fmt: skip


def test_commands_are_told_with_their_text_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_COMMANDS", 1)
    story, known, lost = Told(), PromptId("p2"), PromptId("p1")
    story.facts.command_changed(S1, CommandStarted(lost, "make"))
    story.facts.command_changed(S1, CommandStarted(known, "make\nall"))
    story.clock.advance(3)
    story.facts.command_changed(S1, CommandEnded(known, 2))
    story.facts.command_changed(S1, CommandEnded(lost, 0))
    first, second = story.events
    assert (first.subject, first.text, first.duration_seconds) == ("make", "make\nall", 3.0)
    assert first.payload == {"command": "make\nall", "exit_status": 2}
    assert (second.text, second.duration_seconds) == ("", None)


# Calls and playbooks.


class Log:
    problem = "full"

    def __init__(self) -> None:
        self.entries: list[Mapping[str, object]] = []

    def record(self, entry: Mapping[str, object], arguments: Mapping[str, object]) -> None:
        self.entries.append({**entry, **arguments})


def test_calls_are_told_without_their_arguments() -> None:
    story, log = Told(), Log()
    calls = RecordedCalls(log, story, story.clock)
    entry = {"tool": "send_text", "seconds": 0.5, "agent": "ada", "target": "s1", "odd": None}
    calls.record(entry, {"text": "secret"})
    calls.record({"tool": "list_sessions", "seconds": 1}, {})
    first, second = story.events
    assert (first.subject, first.text, first.links.agent) == ("send_text", "s1", "ada")
    assert (first.duration_seconds, second.duration_seconds) == (0.5, None)
    assert "secret" not in str(first)
    assert first.key != second.key
    assert (log.entries[0]["text"], calls.problem) == ("secret", "full")


def test_runs_are_told_when_their_state_changes_and_steps_always() -> None:
    story = Told()
    run = Run(RunId("r1"), "deploy", "", {}, RunState.RUNNING, "", "ada", Known(), at(0), at(0))
    begun = StepRecord(1, StepState.UNDER_WAY, {}, at(1))
    story.facts.run_changed(run, ())
    story.facts.run_changed(run, (begun,))
    failed = replace(begun, state=StepState.FAILED, detail={"reason": "no"}, ended_at=at(3))
    over = replace(run, state=RunState.FAILED, reason="step 1: no", updated_at=at(3))
    story.facts.run_changed(over, (failed,))
    story.facts.run_changed(replace(run, updated_at=at(9)), ())
    told = [(one.links.step, one.payload["state"], one.text) for one in story.events]
    assert told == [
        ("", "running", ""),
        ("1", "under_way", ""),
        ("1", "failed", "no"),
        ("", "failed", "step 1: no"),
        ("", "running", ""),
    ]
    assert story.events[2].duration_seconds == 2.0
    assert {one.links.task for one in story.events} == {"r1"}
    assert len({one.key for one in story.events}) == 5
