"""One answer for all who ask for the same at about the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

from iterm_mcp.errors import ItermMcpError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


@dataclass
class _Round(Generic[T]):
    """Those who wait for the same answer, and what it is."""

    answer: tuple[T] | None = None
    failure: ItermMcpError | None = None


class SharedAnswer(Generic[T]):
    """Asks once for all who come while it asks: they wait for the next answer, the same for all.

    Nobody is given an answer that was begun before he asked. What is given must not be changed.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._turn = anyio.Lock()
        self._next: _Round[T] | None = None

    async def get(self) -> T:
        """Return an answer of now.

        Raises:
            ItermMcpError: As asking does, for all who wait for this answer.
        """
        mine = self._next
        if mine is None:
            mine = self._next = _Round()
        async with self._turn:
            if mine.answer is None and mine.failure is None:
                await self._make(mine)
        if mine.failure is not None:
            raise mine.failure
        assert mine.answer is not None  # noqa: S101 - it was made
        return mine.answer[0]

    async def _make(self, mine: _Round[T]) -> None:
        """Ask for a round; who is cancelled meanwhile leaves that to the next of it."""
        if self._next is mine:
            self._next = None  # whoever comes from now on is not of this round
        try:
            mine.answer = (await self._ask(),)
        except ItermMcpError as error:
            mine.failure = error
