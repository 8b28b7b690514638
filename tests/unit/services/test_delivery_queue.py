"""What waits for an agent goes by priority, then in the order in which it came."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.letters import letter

from iterm_mcp.models.deliveries import DeliveryId
from iterm_mcp.services.deliveries.queue import DEPTH_LIMIT, DeliveryQueue
from iterm_mcp.testing.fake_clock import START


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 3)), max_size=20))
def test_higher_priority_goes_first_then_what_was_accepted_first_then_what_came_first(
    given_: list[tuple[int, int]],
) -> None:
    queue = DeliveryQueue()
    letters = []
    for number, (priority, seconds) in enumerate(given_):
        one = replace(
            letter(f"d-{number}"),
            priority=priority,
            accepted_at=START + timedelta(seconds=seconds),
        )
        letters.append(one)
        queue.add(one)
        queue.add(one)
    expected = sorted(letters, key=lambda one: (-one.priority, one.accepted_at))
    assert queue.in_order() == expected
    assert len(queue) == len(letters)
    assert queue.room == DEPTH_LIMIT - len(letters)


def test_what_expires_is_told_with_the_time_of_the_next_end() -> None:
    queue = DeliveryQueue()
    assert queue.next_end() is None
    early, late = (
        replace(letter(name), not_after=START + timedelta(seconds=seconds))
        for name, seconds in (("d-1", 5), ("d-2", 50))
    )
    queue.add(late)
    queue.add(early)

    assert queue.next_end() == early.not_after
    assert queue.expired(START) == []
    assert queue.expired(early.not_after) == [early]
    assert queue.remove(early.delivery_id)
    assert not queue.remove(early.delivery_id)
    assert queue.in_order() == [late]


def test_more_than_the_limit_leaves_no_room_but_what_was_accepted_before_is_kept() -> None:
    queue = DeliveryQueue()
    for number in range(DEPTH_LIMIT + 3):
        queue.add(letter(f"d-{number}"))
    assert queue.room == 0
    assert queue.in_order()[-1].delivery_id == DeliveryId(f"d-{DEPTH_LIMIT + 2}")
