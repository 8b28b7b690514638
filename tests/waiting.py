"""Waiting for what will be true soon, with a bound."""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING, TypeVar, overload

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

PAUSE_SECONDS = 0.01
MOST_PAUSE_SECONDS = 0.2


@overload
async def eventually(
    probe: Callable[[], Awaitable[T]],
    accept: Callable[[T], object] = ...,
    *,
    within_seconds: float = ...,
) -> T: ...


@overload
async def eventually(
    probe: Callable[[], T],
    accept: Callable[[T], object] = ...,
    *,
    within_seconds: float = ...,
) -> T: ...


async def eventually(
    probe: Callable[[], Awaitable[T] | T],
    accept: Callable[[T], object] = bool,
    *,
    within_seconds: float = 5.0,
) -> T:
    """Ask again and again until the answer is accepted, and return it.

    The probe may be a coroutine function or a quick plain one. It is paused for as long as it
    takes: what asks a daemon, or all processes, would else keep from its work what it waits for.
    Fails the test with the last answer when the time is over.
    """
    answer: list[T] = []
    with anyio.move_on_after(within_seconds):
        while True:
            began = anyio.current_time()
            found = probe()
            answer[:] = [await found if isawaitable(found) else found]
            if accept(answer[0]):
                return answer[0]
            took = anyio.current_time() - began
            await anyio.sleep(min(max(took, PAUSE_SECONDS), MOST_PAUSE_SECONDS))
    raise AssertionError(f"not within {within_seconds:g} s; the last answer was {answer or 'none'}")
