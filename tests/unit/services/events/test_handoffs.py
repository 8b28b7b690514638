from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.unit.services.events.told import answer, at, told

from iterm_mcp.models.callers import Caller
from iterm_mcp.models.deliveries import Delivery, DeliveryId, Move, Policy, Stage
from iterm_mcp.models.events import EventKind, EventNumber, Kept
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.notes import Note
from iterm_mcp.models.results import Form, Result
from iterm_mcp.services.events import handoffs as module
from iterm_mcp.services.events.handoffs import Handoffs
from iterm_mcp.services.events.own_events import message_moved
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    import pytest

    from iterm_mcp.models.events import Event

KEPT = Kept(1, 0, EventNumber(1))
BOB = Caller(AgentName("bob"))


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.handoffs = Handoffs(self, FakeClock(at(100)))

    def record(self, *events: Event) -> None:
        self.events += events

    def hear(self, *events: Event) -> None:
        self.handoffs.events_kept(events, KEPT)

    def send(self, *stages: tuple[Stage, float], sender: str = "ada", name: str = "d1") -> None:
        accepted = at(stages[0][1])
        moves: tuple[Move, ...] = ()
        for stage, seconds in stages:
            moves = (*moves, Move(stage, at(seconds)))
            delivery = Delivery(
                DeliveryId(name), AgentName("bob"), SessionId("s"), "look at it", Policy.MESSAGE,
                0, accepted, at(1000), moves, sender=sender,
            )  # fmt: skip
            self.hear(message_moved(delivery))


def test_a_message_is_handed_over_when_its_receiver_begins_with_it() -> None:
    story = Told()
    story.hear(answer(1, tokens=500), answer(9, tokens=9000), answer(2, tokens=70, subagent="x"))
    story.send((Stage.ACCEPTED, 5), (Stage.WRITTEN, 6), (Stage.STARTED, 8), (Stage.ENDED, 20))
    (made,) = story.events
    assert (made.kind, made.at, made.subject) == (EventKind.HANDOFF_MADE, at(8), "ada → bob")
    assert made.text == "look at it"
    assert (made.links.agent, made.links.conversation) == ("ada", "c1")
    assert made.payload == {
        "from": "ada", "to": "bob", "means": "message", "latency_seconds": 3.0,
        "context_tokens": 1000,
    }  # fmt: skip


def test_what_was_compacted_is_smaller() -> None:
    story = Told()
    story.hear(answer(1, tokens=500), told(EventKind.CONTEXT_COMPACTED, 2, tokens_after=40))
    story.hear(told(EventKind.CONTEXT_COMPACTED, 3, tokens_after=0))
    story.send((Stage.ACCEPTED, 5), (Stage.ENDED, 6))
    assert story.events[0].payload["context_tokens"] == 40


def test_of_people_and_of_what_never_arrives_nothing_is_handed_over() -> None:
    story = Told()
    story.send((Stage.ACCEPTED, 1), (Stage.STARTED, 2), sender="")
    story.send((Stage.ACCEPTED, 1), (Stage.REFUSED, 2), name="d2")
    story.send((Stage.ACCEPTED, 1), (Stage.STARTED, 2), sender="bob", name="d3")
    assert story.events == []


def test_a_context_of_which_nothing_was_told_is_unknown() -> None:
    story = Told()
    story.hear(answer(50), replace(answer(1), links=replace(answer(1).links, agent="")))
    story.send((Stage.ACCEPTED, 5), (Stage.ACCEPTED, 5), (Stage.STARTED, 6))
    (made,) = story.events
    assert (made.payload["context_tokens"], made.links.conversation) == (None, "")


def test_results_and_notes_of_other_agents_are_handed_over_when_they_are_read() -> None:
    story = Told()
    story.hear(answer(1, tokens=500))
    result = Result(7, "ada", "plan", Form.TEXT, "…", None, 3, at(10))
    story.handoffs.result_read(BOB, result)
    story.handoffs.result_read(Caller(None, "desk"), result)
    story.handoffs.result_read(Caller(AgentName("ada")), result)
    story.handoffs.result_read(BOB, replace(result, author="desk"))
    note = Note("shared", "plan", "…", 2, "ada", at(20))
    story.handoffs.note_read(BOB, note)
    story.handoffs.note_read(Caller(None, "desk"), note)
    by_result, by_note = story.events
    assert (by_result.payload["means"], by_result.payload["latency_seconds"]) == ("result", 90.0)
    assert (by_note.payload["means"], by_note.payload["latency_seconds"]) == ("note", 80.0)
    assert (by_result.text, by_note.text) == ("plan", "shared/plan")
    assert by_result.key != by_note.key


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOST_AGENTS", "MOST_WAITING", "MOST_SIZES"):
        monkeypatch.setattr(module, name, 1)
    story = Told()
    other = answer(2)
    story.hear(answer(1), answer(3), replace(other, links=replace(other.links, agent="eve")))
    story.send((Stage.ACCEPTED, 4), name="d1")
    story.send((Stage.ACCEPTED, 4), (Stage.STARTED, 5), name="d2")
    story.send((Stage.STARTED, 6), name="d1")
    (made,) = story.events
    assert made.payload["context_tokens"] is None
