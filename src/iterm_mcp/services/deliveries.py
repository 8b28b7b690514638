"""The deliveries of one cascade: composed first, then typed in parallel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import (
    InvalidRequestError,
    ItermMcpError,
    NotFoundError,
    RefusedError,
    TerminalRejectedError,
    TerminalUnavailableError,
)
from iterm_mcp.models.messages import Receipt, ReceiptState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.ids import AgentName, LockId, SessionId
    from iterm_mcp.models.messages import Resolved
    from iterm_mcp.services.writers import SessionWriters
    from iterm_mcp.terminal.protocol import Terminal

PARALLEL_LIMIT = 32
"""How many sessions of one cascade are typed into at the same time."""

SESSION_ENDED = "session ended"
TERMINAL_AWAY = "the terminal was lost before its turn"
CANCELLED = "cancelled before its turn"
CANCELLED_TYPING = "cancelled while typing"
SERVER_ENDED = "the server ended while delivering"


@dataclass(frozen=True, slots=True)
class Letter:
    """One agent's text, ready to be typed.

    Attributes:
        keystrokes: What to type; None when it must not be typed.
        refusal: Why not; empty otherwise.
    """

    resolved: Resolved
    keystrokes: str | None
    refusal: str = ""


def compose(resolved: Iterable[Resolved], agents: Iterable[Agent]) -> list[Letter]:
    """Have each agent's kind compose its text. Pure; a text that cannot be typed is refused."""
    kinds = {agent.name: agent.kind for agent in agents}
    # Many agents share a text: it is composed once for each kind.
    composed: dict[tuple[str, str], tuple[str | None, str]] = {}
    letters = []
    for one in resolved:
        request = kinds[one.agent], one.text
        if request not in composed:
            composed[request] = _compose(*request)
        letters.append(Letter(one, *composed[request]))
    return letters


def _compose(kind: str, text: str) -> tuple[str | None, str]:
    """Return the keystrokes, or None and why not."""
    try:
        return "".join(stroke.text for stroke in find_kind(kind).compose(text)), ""
    except (InvalidRequestError, NotFoundError) as error:
        return None, str(error)


class Deliveries:
    """What became of each letter so far; true at any moment, also after a cancellation.

    Args:
        lock_id: The lock that the sender holds.
        locked: The sessions to which it is shown.

    Attributes:
        durations: Seconds from a letter's turn in its session to its receipt, for those
            whose turn came.
    """

    def __init__(
        self,
        letters: Iterable[Letter],
        standing: frozenset[SessionId],
        terminal: Terminal,
        writers: SessionWriters,
        clock: Clock,
        *,
        lock_id: LockId | None = None,
        locked: frozenset[SessionId] = frozenset(),
    ) -> None:
        self.durations: dict[AgentName, float] = {}
        self._lock_id = lock_id
        self._locked = locked
        self._terminal = terminal
        self._writers = writers
        self._clock = clock
        self._terminal_lost = False
        self._receipts: dict[AgentName, Receipt] = {}
        self._waiting: list[Letter] = []
        for letter in letters:
            if letter.keystrokes is None:
                self._note(letter, ReceiptState.REFUSED, letter.refusal)
            elif letter.resolved.session_id not in standing:
                self._note(letter, ReceiptState.REFUSED, SESSION_ENDED)
            else:
                self._note(letter, ReceiptState.REFUSED, CANCELLED)
                self._waiting.append(letter)

    def receipts(self) -> tuple[Receipt, ...]:
        """Return what is true now, sorted by agent."""
        return tuple(self._receipts[agent] for agent in sorted(self._receipts))

    def receipts_if_lost(self) -> tuple[Receipt, ...]:
        """Return what will be true if this process ends at any moment from now on."""
        waiting = {letter.resolved.agent: letter for letter in self._waiting}
        return tuple(
            self._receipt(waiting[receipt.agent], ReceiptState.UNKNOWN, SERVER_ENDED)
            if receipt.agent in waiting
            else receipt
            for receipt in self.receipts()
        )

    async def run(self) -> None:
        """Type every letter that can be typed; one that fails does not hinder the others."""
        letters = iter(self._waiting)
        async with anyio.create_task_group() as group:
            for _ in range(min(PARALLEL_LIMIT, len(self._waiting))):
                group.start_soon(self._deliver_each, letters)

    async def _deliver_each(self, letters: Iterator[Letter]) -> None:
        for letter in letters:
            if self._terminal_lost:  # another try would wait for it once more
                self._note(letter, ReceiptState.REFUSED, TERMINAL_AWAY)
                continue
            await self._deliver(letter)

    async def _deliver(self, letter: Letter) -> None:
        session_id = letter.resolved.session_id
        lock_id = self._lock_id if session_id in self._locked else None
        try:
            async with self._writers.hold(session_id, lock_id):
                await self._type(letter)
        except RefusedError as error:
            self._note(letter, ReceiptState.REFUSED, str(error))

    async def _type(self, letter: Letter) -> None:
        started = self._clock.monotonic()
        self._note(letter, ReceiptState.UNKNOWN, CANCELLED_TYPING)
        try:
            await self._terminal.send_text(letter.resolved.session_id, letter.keystrokes or "")
        except NotFoundError:
            self._note(letter, ReceiptState.REFUSED, SESSION_ENDED)
        except (TerminalRejectedError, InvalidRequestError) as error:
            self._note(letter, ReceiptState.REFUSED, str(error))
        except ItermMcpError as error:  # lost or silent: the bytes may have arrived
            self._note(letter, ReceiptState.UNKNOWN, str(error))
            self._terminal_lost |= isinstance(error, TerminalUnavailableError)
        else:
            self._note(letter, ReceiptState.WRITTEN)
        finally:
            self.durations[letter.resolved.agent] = self._clock.monotonic() - started

    def _note(self, letter: Letter, state: ReceiptState, reason: str = "") -> None:
        self._receipts[letter.resolved.agent] = self._receipt(letter, state, reason)

    def _receipt(self, letter: Letter, state: ReceiptState, reason: str) -> Receipt:
        return receipt(letter, state, reason, self._clock)


def receipt(letter: Letter, state: ReceiptState, reason: str, clock: Clock) -> Receipt:
    """Return a receipt for a letter, dated now."""
    resolved = letter.resolved
    return Receipt(
        agent=resolved.agent,
        session_id=resolved.session_id,
        text=resolved.text,
        source=resolved.source,
        team=resolved.team,
        state=state,
        reason=reason,
        at=clock.now(),
    )
