"""Asking a terminal several things at once: one round trip instead of one each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

One = TypeVar("One")
Two = TypeVar("Two")
Three = TypeVar("Three")
Four = TypeVar("Four")


@overload
async def at_once(
    first: Callable[[], Awaitable[One]], second: Callable[[], Awaitable[Two]], /
) -> tuple[One, Two]: ...


@overload
async def at_once(
    first: Callable[[], Awaitable[One]],
    second: Callable[[], Awaitable[Two]],
    third: Callable[[], Awaitable[Three]],
    /,
) -> tuple[One, Two, Three]: ...


@overload
async def at_once(
    first: Callable[[], Awaitable[One]],
    second: Callable[[], Awaitable[Two]],
    third: Callable[[], Awaitable[Three]],
    fourth: Callable[[], Awaitable[Four]],
    /,
) -> tuple[One, Two, Three, Four]: ...


async def at_once(*questions: Callable[[], Awaitable[Any]]) -> tuple[Any, ...]:
    """Ask without waiting for one answer before the next question; return all answers.

    The questions leave in this order, and a terminal answers one connection's in the order in
    which they come: each answer is as late as the one before it, or later.

    Raises:
        Exception: What the first to fail has raised; the others are given up.
    """
    answers: list[Any] = [None] * len(questions)

    async def ask(at: int, question: Callable[[], Awaitable[Any]]) -> None:
        answers[at] = await question()

    try:
        async with anyio.create_task_group() as group:
            for at, question in enumerate(questions):
                group.start_soon(ask, at, question)
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    return tuple(answers)


def _first(errors: BaseException) -> BaseException:
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors
