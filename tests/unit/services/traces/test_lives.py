"""Starts of agents as spans, and what agents find in their environment."""

from __future__ import annotations

from tests.unit.services.traces.spans import CLIENT, START, Kept, life, tracer

from iterm_mcp.models.agent_lives import AgentOrder, Phase, Spare
from iterm_mcp.services.traces.lives import LifeSpans
from iterm_mcp.telemetry.trace_context import TraceContext, within
from iterm_mcp.testing.fake_clock import FakeClock


def made(ratio: float = 1.0) -> tuple[Kept, LifeSpans]:
    kept = Kept()
    return kept, LifeSpans(tracer(kept, ratio), FakeClock())


def test_a_start_is_part_of_what_ordered_it() -> None:
    kept, lives = made()
    ordered = life(token="", phase=Phase.CREATING)
    begun = life(phase=Phase.CREATING)
    running = life(order=AgentOrder("codex-headless", "/", model="m"), conversation="c")
    with within(TraceContext(CLIENT.trace_id, CLIENT.span_id, state="v=1", baggage="a=b")):
        lives.changed(None, ordered)
        assert not lives.of("ada")
        lives.changed(ordered, begun)
        lives.changed(begun, running)
    lives.changed(running, running)
    (span,) = kept.spans
    assert span.name == "create_agent ada"
    assert (span.context.trace_id, span.context.span_id) == (CLIENT.trace_id, "c" * 16)
    assert (span.parent, span.began_at) == (CLIENT.span_id, START)
    assert span.attributes["gen_ai.provider.name"] == "openai"
    assert lives.environment(running) == {
        "TRACEPARENT": f"00-{CLIENT.trace_id}-{'c' * 16}-01", "TRACESTATE": "v=1", "BAGGAGE": "a=b",
    }  # fmt: skip
    assert lives.of("ada") == span.context


def test_a_life_that_another_daemon_began_is_at_the_root_of_its_trace() -> None:
    kept, lives = made()
    lives.note(life(token="", phase=Phase.CREATING))
    assert lives.of("ada") is None
    lives.note(life())
    again = life(token="d" * 16, epoch=2)
    lives.changed(life(), again)
    (span,) = kept.spans
    assert (span.parent, span.context.span_id) == ("", "d" * 16)


def test_what_is_not_sampled_is_not_exported_and_says_so_to_the_agent() -> None:
    kept, lives = made(0.0)
    lives.changed(None, life())
    assert not kept.spans
    assert lives.environment(life())["TRACEPARENT"].endswith("-00")


def test_spares_are_nobodys() -> None:
    kept, lives = made()
    lives.changed(None, life(spare=Spare("f")))
    lives.note(life(spare=Spare("f")))
    assert not kept.spans
    assert lives.of("ada") is None
