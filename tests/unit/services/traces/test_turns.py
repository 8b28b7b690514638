"""Turns, subagents and uses of tools as spans, from events in whatever order they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.traces.spans import (
    CLIENT,
    START,
    Kept,
    Past,
    after,
    event,
    life,
    message,
    tracer,
)

from iterm_mcp.errors import StoreError
from iterm_mcp.models.deliveries import Move, Stage
from iterm_mcp.models.events import Event, EventKind, TokenUsage
from iterm_mcp.services.deliveries.book import advance
from iterm_mcp.services.traces.agents import AgentSpans
from iterm_mcp.services.traces.lives import LifeSpans
from iterm_mcp.services.traces.messages import MessageSpans, context_of
from iterm_mcp.services.traces.talks import Talk, turn_span
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from iterm_mcp.telemetry.tracing import Span, Tracer

PROMPT, USED, TOOL = EventKind.PROMPT_SUBMITTED, EventKind.TOOL_ENDED, EventKind.TOOL_STARTED
END = EventKind.TURN_ENDED


class Scene:
    """An agent that was told something, and what is exported of it."""

    def __init__(self, past: Past | None = None, *, arguments: bool = False) -> None:
        self.kept = Kept()
        self.tracer: Tracer = tracer(self.kept, arguments=arguments)
        self.lives = LifeSpans(self.tracer, FakeClock())
        self.past = past or Past()
        self.agents = AgentSpans(self.tracer, self.lives, self.past, grace_seconds=0.0)

    async def spans(self, *events: Event) -> dict[str, Span]:
        """Take events one by one; return the spans that came of it, by name."""
        async with self.agents.running():
            for one in events:
                await self.agents.take([one])
        return {one.name: one for one in self.kept.spans}


async def test_a_turn_is_part_of_the_message_whose_text_is_its_prompt() -> None:
    scene = Scene()
    told = message(scene.tracer, "do it")
    other = message(scene.tracer, "something else", name="d-2")
    for one in (other, told):
        scene.agents.message_moved(one)
    found = await scene.spans(
        event(PROMPT, 1, text=" do\nit "),
        event(TOOL, 2, call="x", tool="Bash"),
        event(USED, 4, call="x", tool="Bash"),
        event(EventKind.MODEL_ANSWERED, 4, usage=TokenUsage(1, 2, 3, 4, 5, 6), model="m", key="a"),
        event(EventKind.MODEL_ANSWERED, 4, usage=TokenUsage(1, 2, 3, 4, 5, 6), model="m", key="a"),
        event(EventKind.MODEL_ANSWERED, 4, usage=TokenUsage(10), model="m", key="b"),
        event(END, 5),
    )
    context = context_of(told)
    turn, used = found["invoke_agent ada"], found["execute_tool Bash"]
    assert context is not None
    assert (turn.context.trace_id, turn.parent) == (CLIENT.trace_id, context.span_id)
    assert (turn.began_at, turn.ended_at) == (after(1), after(5))
    assert (used.parent, used.began_at, used.ended_at) == (turn.context.span_id, after(2), after(4))
    assert turn.attributes["gen_ai.usage.input_tokens"] == 1 + 2 + 3 + 4 + 10
    assert turn.attributes["gen_ai.usage.output_tokens"] == 5
    assert turn.attributes["gen_ai.response.model"] == "m"
    assert turn.attributes["iterm_mcp.turn.tool_uses"] == 1
    assert turn.error is None


async def test_what_is_told_twice_is_one_span_with_the_same_id_for_who_comes_later() -> None:
    events = [
        event(PROMPT, 1, text="do it"), event(USED, 4, call="x", tool="Bash"), event(END, 5),
    ]  # fmt: skip
    scenes = [Scene(), Scene()]
    told = message(scenes[0].tracer, "do it")
    ids = []
    for scene in scenes:
        scene.agents.message_moved(told)
        await scene.spans(*events, *events)
        assert len(scene.kept.spans) == 2
        ids.append([one.context for one in scene.kept.spans])
    assert ids[0] == ids[1]


async def test_each_of_two_messages_alike_has_its_own_turn_and_a_refused_one_has_none() -> None:
    scene = Scene()
    refused, *both = (message(scene.tracer, "do it", name=f"d-{one}") for one in range(3))
    for one in (refused, *both):
        scene.agents.message_moved(one)
    scene.agents.message_moved(advance(refused, Move(Stage.REFUSED, START, "full")))
    await scene.spans(
        event(PROMPT, 1, text="do it"), event(END, 2),
        event(PROMPT, 3, text="do it", turn="t2"), event(END, 4, turn="t2"),
    )  # fmt: skip
    parents = [one.parent for one in scene.kept.named("invoke_agent")]
    contexts = [context_of(one) for one in both]
    assert parents == [one.span_id for one in contexts if one]


async def test_a_message_that_came_later_began_no_turn_and_a_persons_prompt_is_of_the_life() -> (
    None
):
    scene = Scene()
    scene.agents.message_moved(message(scene.tracer, "do it", at=60))
    found = await scene.spans(event(PROMPT, 1, text="do it"), event(END, 2))
    assert not found, "nothing is known of who began it"
    scene.lives.note(life())
    found = await scene.spans(event(PROMPT, 3, text="do it", turn="t2"), event(END, 4, turn="t2"))
    assert found["invoke_agent ada"].parent == life().token
    assert found["invoke_agent ada"].context.trace_id == life().trace


async def test_a_message_among_what_a_person_typed_is_found() -> None:
    scene = Scene()
    told = message(scene.tracer, "please look at all of the tests")
    scene.agents.message_moved(told)
    found = await scene.spans(
        event(PROMPT, 1, text="hm please look at all of the tests ok"), event(END, 2)
    )
    context = context_of(told)
    assert context is not None
    assert found["invoke_agent ada"].parent == context.span_id


async def test_a_subagent_is_part_of_the_turn_and_what_it_uses_of_the_subagent() -> None:
    scene = Scene()
    scene.lives.note(life())
    found = await scene.spans(
        event(PROMPT, 1),
        event(EventKind.SUBAGENT_STARTED, 2, subagent="s", type="explorer"),
        event(EventKind.TOOL_FAILED, 4, subagent="s", call="y", tool="Grep", duration_seconds=1.5),
        event(EventKind.SUBAGENT_ENDED, 5, subagent="s"),
        event(EventKind.SUBAGENT_ENDED, 6, subagent="s", text="again"),
        event(EventKind.SUBAGENT_ENDED, 6, subagent="unknown"),
        event(EventKind.TURN_FAILED, 7, error="overloaded"),
    )
    turn, inner = found["invoke_agent ada"], found["invoke_agent explorer"]
    used = found["execute_tool Grep"]
    assert inner.parent == turn.context.span_id
    assert used.parent == inner.context.span_id
    assert used.began_at == after(2.5)
    assert used.error == used.attributes["error.type"] == "tool_error"
    assert (turn.error, turn.attributes["iterm_mcp.outcome"]) == ("overloaded", "failed")
    assert len(scene.kept.spans) == 3


async def test_an_end_that_is_told_before_its_beginning_is_its_end() -> None:
    """Gemini CLI's hooks come before its chats."""
    scene = Scene()
    scene.lives.note(life())
    found = await scene.spans(
        event(EventKind.TURN_INTERRUPTED, 5, turn=""), event(PROMPT, 1, turn="p")
    )
    turn = found["invoke_agent ada"]
    assert (turn.began_at, turn.ended_at, turn.error) == (after(1), after(5), "interrupted")


async def test_events_of_a_turn_have_its_trace_and_others_have_none() -> None:
    scene = Scene()
    scene.lives.note(life())
    prompt = event(PROMPT, 1)
    late = event(EventKind.FILE_CHANGED, 2, turn="")
    early = event(EventKind.FILE_CHANGED, 0, turn="")
    named = event(EventKind.FILE_CHANGED, 2, trace="f" * 32)
    strange = event(PROMPT, 2, agent="", conversation="other")
    taken = await scene.agents.take([prompt, late, early, named, strange])
    assert [one.links.trace for one in taken] == [
        CLIENT.trace_id, CLIENT.trace_id, "", "f" * 32, "",
    ]  # fmt: skip
    assert taken[4] is strange


async def test_a_turn_that_an_earlier_daemon_saw_begin_is_ended_and_nothing_exported_twice() -> (
    None
):
    before = [
        event(PROMPT, 1, text="old", turn="t0"), event(USED, 2, call="o", tool="Read", turn="t0"),
        event(END, 3, turn="t0"), event(PROMPT, 4, text="do it"),
        event(TOOL, 5, call="x", tool="Bash"),
    ]  # fmt: skip
    scene = Scene(Past(before))
    scene.lives.note(life())
    told = message(scene.tracer, "do it")
    scene.agents.recall([told])
    found = await scene.spans(event(USED, 6, call="x", tool="Bash"), event(END, 7))
    assert set(found) == {"execute_tool Bash", "invoke_agent ada"}
    assert len(scene.kept.spans) == 2
    assert found["execute_tool Bash"].began_at == after(5)
    assert found["invoke_agent ada"].began_at == after(4)
    assert scene.past.asked == 1


async def test_what_cannot_be_recalled_is_left_out() -> None:
    scene = Scene(Past(error=StoreError("away")))
    scene.lives.note(life())
    assert not await scene.spans(event(END, 7), event(USED, 6, call="x", tool="Bash"))
    assert await scene.spans(event(PROMPT, 8, turn="t2"), event(END, 9, turn="t2"))


async def test_it_is_known_in_which_span_an_agent_works() -> None:
    scene = Scene()
    scene.lives.note(life())
    assert scene.agents.working_in("ada", "") is None
    await scene.agents.take([event(PROMPT, 1)])
    turn = scene.agents.working_in("ada", "")
    used = scene.agents.working_in("ada", "x")
    found = await scene.spans(event(USED, 2, call="x", tool="Bash"), event(END, 3))
    assert turn == found["invoke_agent ada"].context
    assert used == found["execute_tool Bash"].context
    assert scene.agents.working_in("ada", "") is None, "it is at rest"


@pytest.mark.parametrize("asked", [True, False])
async def test_arguments_are_told_only_if_asked_for_and_then_without_secrets(
    *, asked: bool
) -> None:
    scene = Scene(arguments=asked)
    scene.lives.note(life())
    given = {"command": "deploy", "password": "hunter2"}
    found = await scene.spans(
        event(PROMPT, 1), event(TOOL, 2, call="x", tool="Bash", input=given),
        event(USED, 3, call="x", tool="Bash"), event(USED, 3, call="z", tool="Read"),
    )  # fmt: skip
    told = found["execute_tool Bash"].attributes.get("gen_ai.tool.call.arguments", "")
    assert ("deploy" in str(told)) is asked
    assert "hunter2" not in str(told)
    assert "gen_ai.tool.call.arguments" not in found["execute_tool Read"].attributes


async def test_a_turn_is_held_for_what_is_told_late() -> None:
    scene = Scene()
    scene.agents = AgentSpans(scene.tracer, scene.lives, scene.past, grace_seconds=3600)
    scene.lives.note(life())
    late = event(EventKind.MODEL_ANSWERED, 3, usage=TokenUsage(7), model="m", key="a")
    async with scene.agents.running():
        await scene.agents.take([event(PROMPT, 1), event(END, 2)])
        await anyio.lowlevel.checkpoint()
        assert not scene.kept.spans
        await scene.agents.take([late])
    (turn,) = scene.kept.spans
    assert turn.attributes["gen_ai.usage.input_tokens"] == 7


async def test_a_turn_is_exported_when_its_time_has_come() -> None:
    scene = Scene()
    scene.lives.note(life())
    async with scene.agents.running():
        await scene.agents.take([event(PROMPT, 1), event(END, 2)])
        with anyio.fail_after(5):
            while not scene.kept.spans:
                await anyio.lowlevel.checkpoint()


def test_a_turn_that_goes_on_has_no_span() -> None:
    turn = Talk("c").begin(event(PROMPT, 1), CLIENT)
    with pytest.raises(ValueError, match="t1"):
        turn_span(turn, "ada", "claude", "c")


def test_a_message_ends_with_its_receipt_or_when_it_is_followed_no_more() -> None:
    kept = Kept()
    spans, told = MessageSpans(tracer(kept)), message(tracer(kept), "do it")
    leased = advance(told, Move(Stage.LEASED, after(1)))
    written = advance(leased, Move(Stage.WRITTEN, after(2), evidence="composer"))
    for one in (told, leased, written):
        spans.moved(one)
    assert not kept.spans
    spans.left(written)
    (span,) = kept.spans
    assert (span.began_at, span.ended_at, span.error) == (START, after(2), None)
    assert (span.parent, span.context.trace_id) == (CLIENT.span_id, CLIENT.trace_id)
    assert [one.name for one in span.marks] == ["accepted", "leased", "written"]
    assert span.marks[2].attributes == {"iterm_mcp.evidence": "composer"}
    unknown = advance(written, Move(Stage.UNKNOWN, after(3), "the terminal was lost"))
    spans.moved(unknown)
    spans.left(unknown)
    assert [one.error for one in kept.spans] == [None, "the terminal was lost"]
    assert kept.spans[1].context == span.context


def test_messages_of_before_are_not_traced() -> None:
    kept = Kept()
    old = message(tracer(kept), "do it")
    object.__setattr__(old, "details", {"team": None})
    MessageSpans(tracer(kept)).left(old)
    AgentSpans(tracer(kept), LifeSpans(tracer(kept), FakeClock()), Past()).message_moved(old)
    assert context_of(old) is None
    assert not kept.spans
