"""Waiting for what will be true soon, with a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

PAUSE_SECONDS = 0.01


async def eventually(
    probe: Callable[[], Awaitable[T]],
    accept: Callable[[T], object] = bool,
    *,
    within_seconds: float = 5.0,
) -> T:
    """Ask again and again until the answer is accepted, and return it.

    Fails the test with the last answer when the time is over.
    """
    answer: list[T] = []
    with anyio.move_on_after(within_seconds):
        while True:
            answer[:] = [await probe()]
            if accept(answer[0]):
                return answer[0]
            await anyio.sleep(PAUSE_SECONDS)
    pytest.fail(f"not within {within_seconds:g} s; the last answer was {answer or 'none'}")
