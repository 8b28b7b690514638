from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.events.story import story
from tests.unit.services.events.told import answer, at, told

from iterm_mcp.models.accounts import ContextSize, Handoff
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.account_contexts import contexts_of
from iterm_mcp.services.events.accounts import make_account


def test_a_context_grows_with_answers_and_shrinks_when_it_is_compacted() -> None:
    compacted = told(EventKind.CONTEXT_COMPACTED, 50, tokens_before=900, tokens_after=12)
    account = make_account([*story(), compacted])
    assert account.contexts == (
        ContextSize(at(2), 20), ContextSize(at(41), 20), ContextSize(at(50), 12),
    )  # fmt: skip


@given(st.lists(st.integers(0, 10_000), max_size=60), st.integers(2, 12))
def test_of_a_long_conversation_the_largest_and_the_last_stay(sizes: list[int], most: int) -> None:
    points = contexts_of([answer(index, tokens=size) for index, size in enumerate(sizes)], most)
    assert len(points) <= most
    assert list(points) == sorted(points, key=lambda one: one.at)
    if sizes:
        assert points[-1] == ContextSize(at(len(sizes) - 1), 2 * sizes[-1])
        assert max(one.tokens for one in points) == 2 * max(sizes)


def test_what_was_handed_to_others_is_told() -> None:
    made = told(
        EventKind.HANDOFF_MADE, 60, text="x" * 1000, to="bob", means="message",
        context_tokens=77, latency_seconds=2,
    )  # fmt: skip
    odd = told(EventKind.HANDOFF_MADE, 61, context_tokens="many")
    account = make_account([odd, made])
    assert account.handoffs == (
        Handoff(at(60), "bob", "message", "x" * 300, 77, 2.0),
        Handoff(at(61), "", "", "", None, 0.0),
    )
