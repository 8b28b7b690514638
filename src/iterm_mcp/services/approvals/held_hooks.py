"""Hooks that wait for an answer, and whether the answer reached them."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

DELIVERY_SECONDS = 2.0
"""How long an answer may take from us onto the hook's connection."""


@dataclass(frozen=True, slots=True)
class HookDecision:
    """What a hook is answered.

    Attributes:
        choice: One of the hook's own choices; empty when it decides nothing, and the dialog on the
            screen is left to others.
        message: What the agent is told with a denial.
        again: We end, and another daemon may hold it on.
    """

    choice: str = ""
    message: str = ""
    again: bool = False


class HeldHook:
    """One hook that waits. The first decision counts.

    Args:
        choices: What it can be answered.
    """

    def __init__(self, choices: tuple[str, ...]) -> None:
        self.choices = choices
        self._decision: HookDecision | None = None
        self._decided = anyio.Event()
        self._over = anyio.Event()
        self._delivered = False

    @property
    def open(self) -> bool:
        """Tell whether it still waits for a decision."""
        return not self._decided.is_set() and not self._over.is_set()

    @property
    def reached_it(self) -> bool:
        """Tell whether the decision was handed to the hook's connection."""
        return self._delivered

    def decide(self, decision: HookDecision) -> None:
        """Give it a decision; a later one is dropped."""
        if self.open:
            self._decision = decision
            self._decided.set()

    async def wait(self, seconds: float) -> HookDecision:
        """Wait for the decision; none was made when the time is over."""
        with anyio.move_on_after(seconds):
            await self._decided.wait()
        self.decide(HookDecision())
        return self._decision or HookDecision()

    def delivered(self) -> None:
        """Note that the decision was handed to the hook's connection."""
        self._delivered = True
        self._over.set()

    def close(self) -> None:
        """Note that nobody waits any more."""
        self._over.set()

    async def reached(self) -> bool:
        """Wait until the decision was handed over, or can be no more; tell which."""
        with anyio.move_on_after(DELIVERY_SECONDS):
            await self._over.wait()
        return self._delivered
