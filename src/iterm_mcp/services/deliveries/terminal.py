"""Messages for agents with a composer on a screen."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import (
    InvalidRequestError,
    ItermMcpError,
    NotFoundError,
    RefusedError,
    StoreError,
    TerminalRejectedError,
)
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.services.deliveries.composer_text import Shown, compare, holds, is_begun
from iterm_mcp.services.deliveries.guard import Verdict, judge
from iterm_mcp.services.deliveries.means import SESSION_ENDED, NotNowError, newest, shown_lock
from iterm_mcp.services.deliveries.writing import ComposerWriter, InDoubtError, NotSeenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.agents.kind import AgentKind, Stroke
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.deliveries import Delivery, DeliveryId
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.deliveries.following import Following
    from iterm_mcp.services.deliveries.guard import Seen
    from iterm_mcp.services.deliveries.leases import Lease
    from iterm_mcp.services.deliveries.means import Means

CONFIRM_SECONDS = 12.0
"""How long a message may take from its Enter until something tells that it was taken."""

STRONG_SECONDS = 0.3
"""How long to wait for the agent's own word before an emptied composer is proof enough."""

RESCUE_SECONDS = 1.5
"""How long a message stands in the composer before its Enter counts as lost."""

RESCUES = 3

EMPTIED = "screen composer emptied"
GONE = "screen composer gone, and it works"

UNSEEN_LIMIT = 3
"""How often a message is typed that its composer then does not show; more would tell no more."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A session that is ours for a while."""

    writer: ComposerWriter
    lease: Lease


class TerminalRoute:
    """Types messages into one agent's composer and sees that they are taken.

    Args:
        confirm_seconds: How long that may take after the Enter.
        rescue_seconds: How long a message may stand there before Enter is pressed once more.
    """

    def __init__(
        self,
        means: Means,
        following: Following,
        *,
        confirm_seconds: float = CONFIRM_SECONDS,
        rescue_seconds: float = RESCUE_SECONDS,
    ) -> None:
        self._means = means
        self._following = following
        self._confirm_seconds = confirm_seconds
        self._rescue_seconds = rescue_seconds
        self._unseen: Counter[DeliveryId] = Counter()

    async def deliver(self, agent: Agent, kind: AgentKind, delivery: Delivery) -> None:
        """Type a message, if the agent can take it at this very moment.

        When this returns it was typed, or has come to an end.

        Raises:
            NotNowError: It waits on: nothing of it stands anywhere.
            RefusedError: Another one has locked the session, or types all the time.
            ItermMcpError: The terminal or the store did not do their part. What may have been
                typed is doubtful now; else the message waits on.
        """
        strokes = kind.compose(delivery.text)
        async with self._open(agent, kind, delivery) as now:
            writer = now.writer
            await writer.check_lines(strokes)
            view = await self._means.states.look(agent.name)
            seen = await writer.look()
            judgement = judge(view.state, view.reason, seen, delivery.policy, kind.while_busy)
            if judgement.verdict in {Verdict.HOLD, Verdict.REFUSE}:
                raise NotNowError(judgement.reason)
            came_back = False
            if judgement.verdict is Verdict.INTERRUPT:
                came_back = compare(seen, "") is Shown.EMPTY
                await writer.interrupt()
            draft = await writer.make_room(self._following.told, own=came_back)
            details: dict[str, Json] = {
                "lease": now.lease.epoch,
                "epoch": view.epoch,
                "seen": newest(view),
                "draft": draft or None,
            }
            try:
                await self._following.begin(delivery, details, amid_turn=judgement.amid_turn)
            except (NotNowError, StoreError):
                await writer.give_back(draft)
                raise
            visible = await self._put(writer, delivery, strokes, draft)
            if visible is None:
                return
            shown: dict[str, Json] = {"shown": visible}
            await self._following.move(delivery.delivery_id, Stage.WRITTEN, details=shown)
            await self._confirm_or_doubt(delivery, writer, visible=visible)
            if draft:
                await writer.give_back(draft)

    async def finish(self, agent: Agent, kind: AgentKind, delivery: Delivery) -> bool:
        """Submit a message that still stands in the composer, or take half a one back.

        Returns:
            Whether it is known by now what became of it.
        """
        draft = str((delivery.details or {}).get("draft") or "")
        async with self._open(agent, kind, delivery) as now:
            writer = now.writer
            seen = await writer.look()
            if seen.in_the_way or await writer.unread():
                return False  # an Enter may be among what is unread
            shown = compare(seen, delivery.text)
            if delivery.stage is Stage.LEASED and is_begun(seen, delivery.text):
                shown = Shown.BEGUN
            if shown is Shown.OURS:
                await writer.submit()
                if delivery.stage is Stage.LEASED:
                    await self._following.move(
                        delivery.delivery_id,
                        Stage.WRITTEN,
                        evidence="it stood in the composer",
                        details={"shown": True},
                    )
                await self._confirm_or_doubt(delivery, writer, visible=True)
            elif shown is Shown.BEGUN and delivery.stage is Stage.LEASED:
                if not await writer.take_back():
                    return False
                await self._following.move(
                    delivery.delivery_id, Stage.ACCEPTED, "half of it was typed, and taken back"
                )
            elif (
                shown is Shown.EMPTY
                and (delivery.details or {}).get("shown") is True
                and self._following.latest(delivery.delivery_id)
                and await self._lives_on(delivery.delivery_id)
            ):  # it stood there before its Enter was pressed, and no more
                await self._following.move(delivery.delivery_id, Stage.SUBMITTED, evidence=EMPTIED)
            else:
                return False
            await writer.give_back(draft)
        return True

    @asynccontextmanager
    async def _open(
        self, agent: Agent, kind: AgentKind, delivery: Delivery
    ) -> AsyncIterator[_Open]:
        """Keep everybody else from typing, for the block."""
        means, lock_id = self._means, shown_lock(delivery)
        async with (
            means.terminal.watch(agent.session_id) as watch,
            means.writers.hold(agent.session_id, lock_id),
            means.leases.hold(agent.session_id) as lease,
        ):
            writer = ComposerWriter(
                means.terminal, means.writers, means.paster, agent.session_id, kind, watch, lock_id
            )
            yield _Open(writer, lease)

    async def _put(
        self,
        writer: ComposerWriter,
        delivery: Delivery,
        strokes: tuple[Stroke, ...],
        draft: str,
    ) -> bool | None:
        """Type and submit; return whether it was seen, or None when it has come to an end.

        Raises:
            NotNowError: It waits on.
        """
        wanted = delivery.delivery_id
        try:
            visible = await writer.put(delivery.text, strokes)
            await writer.submit()
        except NotNowError as error:
            await self._following.take_in()
            if self._following.stage(wanted) is not Stage.LEASED:
                await writer.give_back(draft)  # somebody's Enter sent it before it was seen
                return None
            self._unseen[wanted] += isinstance(error, NotSeenError)
            if self._unseen[wanted] < UNSEEN_LIMIT:
                await self._following.move(wanted, Stage.ACCEPTED, str(error))
                await writer.give_back(draft)
                raise
            why = f"{error}, {UNSEEN_LIMIT} times: its composer shows something else"
            await self._following.move(wanted, Stage.REFUSED, why)
            await writer.give_back(draft)
        except InDoubtError as error:
            await self._following.move(wanted, Stage.UNKNOWN, str(error))
        except NotFoundError:  # with its session all that was typed is gone, and no Enter came
            await self._following.move(wanted, Stage.REFUSED, SESSION_ENDED)
        except (InvalidRequestError, RefusedError, TerminalRejectedError) as error:
            await self._following.move(wanted, Stage.UNKNOWN, str(error))
        except ItermMcpError:  # lost or silent: it may have arrived
            self._following.doubt(wanted)
            raise
        else:
            return visible
        return None

    async def _confirm_or_doubt(
        self, delivery: Delivery, writer: ComposerWriter, *, visible: bool
    ) -> None:
        """Wait as `_confirm` does; where the terminal goes away meanwhile, look again later."""
        try:
            await self._confirm(delivery, writer, visible=visible)
        except ItermMcpError:
            if visible and self._following.stage(delivery.delivery_id) is Stage.WRITTEN:
                self._following.doubt(delivery.delivery_id)
            raise

    async def _confirm(self, delivery: Delivery, writer: ComposerWriter, *, visible: bool) -> None:
        """Wait until something proves that the agent has taken a message that was submitted.

        Enter is pressed again only while the message alone stands in the composer.

        Args:
            visible: The composer can be seen.
        """
        wanted = delivery.delivery_id
        begun = pressed = anyio.current_time()
        rescues, shown = 0, Shown.HIDDEN
        while anyio.current_time() - begun < self._confirm_seconds:
            await self._following.take_in()
            if self._following.stage(wanted) is not Stage.WRITTEN:
                return
            if not visible:
                return  # nothing but the agent's own word will tell
            seen = await writer.look()
            shown = compare(seen, delivery.text)
            now = anyio.current_time()
            if shown is Shown.OURS and not seen.in_the_way:
                if now - pressed >= self._rescue_seconds and not await writer.unread():
                    if rescues == RESCUES:
                        break
                    await writer.submit()
                    rescues, pressed = rescues + 1, now
            elif (
                _is_taken(shown, seen, delivery.text)
                and now - begun >= STRONG_SECONDS
                and await self._lives_on(wanted)
            ):
                proof = GONE if shown is Shown.HIDDEN else EMPTIED
                await self._following.move(wanted, Stage.SUBMITTED, evidence=proof)
                return
            await writer.changed()
        await self._give_up(wanted, writer, shown, rescues)

    async def _lives_on(self, wanted: DeliveryId) -> bool:
        """Tell whether the agent's life in which it was typed goes on: else its composer is new."""
        delivery = self._means.book.get(wanted)
        epoch = None if delivery is None else (delivery.details or {}).get("epoch")
        if delivery is None or epoch is None:
            return True
        return (await self._means.states.view(delivery.agent)).epoch == epoch

    async def _give_up(
        self, wanted: DeliveryId, writer: ComposerWriter, shown: Shown, rescues: int
    ) -> None:
        stage, why = Stage.UNKNOWN, "Enter was pressed, and nothing tells whether the agent took it"
        worked = (await writer.look()).activity == "busy"
        if shown is Shown.OURS and await writer.unread():
            why = "it stands in the composer, and its Enter waits unread: the agent takes no keys"
        elif shown is Shown.OURS and not await writer.take_back():
            why = "it stands in the composer, whatever Enter does"
        elif shown is Shown.OURS and not await self._was_taken(wanted, writer, worked=worked):
            stage = Stage.REFUSED
            why = f"it stood in the composer after {rescues + 1} Enters, and was taken back"
        if self._following.stage(wanted) is Stage.WRITTEN:
            await self._following.move(wanted, stage, why)

    async def _was_taken(self, wanted: DeliveryId, writer: ComposerWriter, *, worked: bool) -> bool:
        """Tell whether it was an Enter that emptied the composer, before what takes back came.

        Args:
            worked: The agent was busy before, so that it is busy proves nothing.
        """
        begun = anyio.current_time()
        while anyio.current_time() - begun < self._rescue_seconds:
            await self._following.take_in()
            if self._following.stage(wanted) is not Stage.WRITTEN:
                return True
            if not worked and (await writer.look()).activity == "busy":
                return True
            await writer.changed()
        return False


def _is_taken(shown: Shown, seen: Seen, text: str) -> bool:
    """Tell whether a message that stood in the composer does so no more, by what is shown.

    Some programs show no composer while they work.
    """
    works = shown is Shown.HIDDEN and seen.activity == "busy" and not seen.in_the_way
    other = shown is Shown.OTHER and not holds(seen, text)
    return works or other or shown is Shown.EMPTY
