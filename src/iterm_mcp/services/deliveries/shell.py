"""Messages for shells: command lines, typed as they are.

A shell has no composer and no turns. Where it marks its prompts (OSC 133), its marks tell when the
first line of a message was started and when its last one has ended; where it does not, a message
stays ``written``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import (
    InvalidRequestError,
    ItermMcpError,
    NotFoundError,
    TerminalRejectedError,
    TerminalUnavailableError,
)
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.models.happenings import SessionEnded
from iterm_mcp.models.output import PromptState
from iterm_mcp.services.deliveries.means import SESSION_ENDED, shown_lock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.deliveries import Delivery, DeliveryId
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import PromptId
    from iterm_mcp.services.deliveries.means import Means

FOLLOW_SECONDS = 3600.0
"""How long the end of a message's commands is waited for."""

TERMINAL_AWAY = "the terminal was lost before its turn"


class ShellRoute:
    """Types messages into shells.

    Attributes:
        lost_at: When the terminal was last lost while typing, on the monotonic clock.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self.lost_at: float | None = None

    async def deliver(
        self, agent: Agent, kind: AgentKind, delivery: Delivery
    ) -> frozenset[PromptId]:
        """Type a message; when this returns it was typed, or has come to an end.

        Returns:
            The prompts that stood before, for `follow`.

        Raises:
            RefusedError: Another one has locked the session, or types all the time.
            StoreError: Nothing was typed.
        """
        means, wanted = self._means, delivery.delivery_id
        strokes = kind.compose(delivery.text)
        async with (
            means.writers.hold(agent.session_id, shown_lock(delivery)),
            means.leases.hold(agent.session_id) as lease,
        ):
            try:
                before = frozenset(await means.terminal.list_prompts(agent.session_id))
            except NotFoundError:
                await means.book.move(wanted, Stage.REFUSED, reason=SESSION_ENDED)
                return frozenset()
            except TerminalUnavailableError:
                await means.book.move(wanted, Stage.REFUSED, reason=TERMINAL_AWAY)
                return frozenset()
            standing = means.book.get(wanted)
            if standing is None or standing.stage is not Stage.ACCEPTED:
                return before  # cancelled while it waited for its turn
            await means.book.move(wanted, Stage.LEASED, details={"lease": lease.epoch})
            try:
                for stroke in strokes:
                    await means.terminal.send_text(agent.session_id, stroke.text)
                    await anyio.sleep(stroke.pause_seconds)
            except NotFoundError:
                await means.book.move(wanted, Stage.REFUSED, reason=SESSION_ENDED)
            except (TerminalRejectedError, InvalidRequestError) as error:
                await means.book.move(wanted, Stage.REFUSED, reason=str(error))
            except ItermMcpError as error:  # lost or silent: the bytes may have arrived
                await means.book.move(wanted, Stage.UNKNOWN, reason=str(error))
                if isinstance(error, TerminalUnavailableError):
                    self.lost_at = anyio.current_time()
            else:
                await means.book.move(wanted, Stage.WRITTEN)
        return before

    async def follow(
        self, session_id: SessionId, delivery: Delivery, before: frozenset[PromptId]
    ) -> None:
        """Move a message that was typed as the shell's marks tell, until its commands have ended.

        Args:
            before: The prompts that stood when it was typed; the last of them may be its own.
        """
        lines = [line.strip() for line in delivery.text.split("\n") if line.strip()]
        if not before or not lines:
            return
        with anyio.move_on_after(FOLLOW_SECONDS):
            async with self._means.terminal.watch(session_id) as watch:
                ended = False
                while not ended and not await self._look(
                    session_id, delivery.delivery_id, lines, before
                ):
                    ended = isinstance(await watch.next(), SessionEnded)
                    while watch.waiting() and not ended:
                        ended = isinstance(await watch.next(), SessionEnded)

    async def _look(
        self,
        session_id: SessionId,
        wanted: DeliveryId,
        lines: Sequence[str],
        before: frozenset[PromptId],
    ) -> bool:
        """Look at the newest prompts; tell whether all is known now."""
        listed = await self._means.terminal.list_prompts(session_id)
        first = max((n for n, one in enumerate(listed) if one in before), default=0)
        found = 0
        for prompt_id in listed[first:]:
            prompt = await self._means.terminal.read_prompt(session_id, prompt_id)
            if prompt is None or prompt.command.strip() != lines[found]:
                continue
            if prompt.state is PromptState.EDITING:
                break
            if found == 0 and self._stage(wanted) is Stage.WRITTEN:
                await self._means.book.move(wanted, Stage.STARTED, evidence="OSC 133 C")
            found += 1
            if found == len(lines) and prompt.state is PromptState.FINISHED:
                await self._means.book.move(
                    wanted, Stage.ENDED, evidence=f"OSC 133 D {prompt.exit_status}"
                )
                return True
            if found == len(lines):
                break
        return self._stage(wanted) not in {Stage.WRITTEN, Stage.STARTED}

    def _stage(self, delivery_id: DeliveryId) -> Stage | None:
        delivery = self._means.book.get(delivery_id)
        return None if delivery is None else delivery.stage
