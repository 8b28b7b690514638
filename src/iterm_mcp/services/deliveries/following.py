"""The messages that were typed into one agent, and what is heard of them."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.models.deliveries import FINAL, Stage
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.deliveries.evidence import TurnTracker
from iterm_mcp.services.deliveries.means import CANCELLED, NotNowError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.deliveries import Delivery, DeliveryId
    from iterm_mcp.models.observations import Json, Observation
    from iterm_mcp.services.deliveries.book import DeliveryBook

KEPT = timedelta(days=1)
"""How long a message is followed after its last step."""

RECOVER_SECONDS = 8.0
"""How long evidence is waited for of a message of which only the beginning is known."""

STARTED_ANEW = "the agent was started anew before the message's turn had ended"

AT_REST = "it was at rest when the next one was typed"

REMEMBERED = 20
"""How many of the last texts are known, to tell one that came back from a person's draft."""


class Following:
    """Moves the messages of one agent as far as something proves.

    Attributes:
        doubtful: Messages that may have been typed or not, and until when, on the monotonic clock,
            evidence is waited for.
        told: The last texts that were typed.
        recalled: Up to which number the agent's ledger was read again.
        behind: Messages of an earlier process were taken up, and the ledger was not read since:
            what it holds of their turns may have been recorded when nobody took it in.
    """

    def __init__(self, book: DeliveryBook, clock: Clock) -> None:
        self.doubtful: dict[DeliveryId, float] = {}
        self.recalled = 0
        self.behind = False
        self.told: deque[str] = deque(maxlen=REMEMBERED)
        self._book = book
        self._clock = clock
        self._tracker = TurnTracker()
        self._heard: deque[Observation] = deque()
        self._numbers: set[int] = set()

    @property
    def ids(self) -> tuple[DeliveryId, ...]:
        """The messages that are followed."""
        return self._tracker.ids

    def take_up(self, delivery: Delivery) -> None:
        """Follow a message that an earlier process may have typed."""
        leased = [move.at for move in delivery.moves if move.stage is Stage.LEASED]
        self._tracker.follow(
            delivery.delivery_id,
            delivery.text,
            stage=delivery.stage,
            since=leased[-1] if leased else delivery.accepted_at,
            behind=bool((delivery.details or {}).get("amid_turn")),
            epoch=_life(delivery.details or {}),
            after=_seen(delivery.details or {}),
            visible=_shown(delivery.details or {}) is True,
        )
        self.behind = True
        self.told.append(delivery.text)
        seen = _seen(delivery.details or {})
        if seen and (self.recalled == 0 or seen < self.recalled):
            self.recalled = seen
        blindly = _shown(delivery.details or {}) is False  # all of it, and its Enter
        if delivery.stage is Stage.LEASED or (delivery.stage is Stage.WRITTEN and not blindly):
            self.doubt(delivery.delivery_id)

    def doubt(self, delivery_id: DeliveryId) -> None:
        """Wait for evidence of a message, from now on."""
        self.doubtful[delivery_id] = anyio.current_time() + RECOVER_SECONDS

    def hear(self, observation: Observation) -> bool:
        """Keep an observation to be taken in; tell whether it may matter."""
        matters = bool(self.ids) and observation.sighting.fact in {Fact.TURN, Fact.ACTIVITY}
        if not matters or observation.number in self._numbers:
            return False
        if observation.number:
            self._numbers.add(observation.number)
        self._heard.append(observation)
        return True

    def recall(self, observations: tuple[Observation, ...]) -> None:
        """Keep what was recorded while nobody listened, such as right after a restart."""
        for one in observations:
            self.hear(one)
            self.recalled = max(self.recalled, one.number)

    async def take_in(self) -> None:
        """Move messages as far as what was heard proves."""
        while self._heard:
            observation = self._heard.popleft()
            if self._tracker.former(observation.epoch):
                await self.lost(STARTED_ANEW, before=observation.epoch)
            for step in self._tracker.feed(observation):
                await self._book.move(
                    step.delivery_id, step.stage, reason=step.reason, evidence=step.evidence
                )
                self.doubtful.pop(step.delivery_id, None)
                if step.stage is Stage.ENDED:
                    self._book.release(step.delivery_id)

    async def begin(
        self, delivery: Delivery, details: Mapping[str, Json], *, amid_turn: bool = False
    ) -> None:
        """Write down that a message is about to be typed, and follow it from now on.

        Raises:
            NotNowError: It was cancelled meanwhile.
        """
        await self.take_in()  # what was heard until now is of others
        if self.stage(delivery.delivery_id) is not Stage.ACCEPTED:
            raise NotNowError(CANCELLED)
        if not amid_turn:  # so the turns of those before it are over, whoever told of that, or not
            for former in self.ids:
                if self.stage(former) is Stage.STARTED:
                    await self.move(former, Stage.ENDED, evidence=AT_REST)
        if not self.ids:
            self._numbers.clear()
        after = await self._book.move(
            delivery.delivery_id, Stage.LEASED, details={**details, "amid_turn": amid_turn}
        )
        self._tracker.follow(
            delivery.delivery_id,
            delivery.text,
            stage=Stage.LEASED,
            since=after.moves[-1].at,
            behind=amid_turn,
            epoch=_life(details),
            after=_seen(details),
        )
        self.told.append(delivery.text)

    async def move(
        self,
        delivery_id: DeliveryId,
        stage: Stage,
        reason: str = "",
        evidence: str = "",
        details: Mapping[str, Json] | None = None,
    ) -> Delivery:
        """Let a message take a step that was seen elsewhere; see `DeliveryBook.move`."""
        after = await self._book.move(
            delivery_id, stage, reason=reason, evidence=evidence, details=details
        )
        self._tracker.moved(delivery_id, stage, visible=_shown(details or {}) is True)
        self.doubtful.pop(delivery_id, None)
        if stage is Stage.ACCEPTED:
            self._tracker.drop(delivery_id)
        elif stage in FINAL - {Stage.UNKNOWN}:
            self.forget(delivery_id)
        return after

    def stage(self, delivery_id: DeliveryId) -> Stage | None:
        """Return where a message stands; None when it is not followed any more."""
        delivery = self._book.get(delivery_id)
        return None if delivery is None else delivery.stage

    def latest(self, delivery_id: DeliveryId) -> bool:
        """Tell whether nothing of ours was typed after a message, that may have taken its place."""
        return self._tracker.latest(delivery_id)

    def forget(self, delivery_id: DeliveryId) -> None:
        """Follow a message no more."""
        self._tracker.drop(delivery_id)
        self.doubtful.pop(delivery_id, None)
        self._book.release(delivery_id)

    async def lost(self, reason: str, *, before: int | None = None) -> None:
        """Give up all messages that were typed: the agent's process has ended.

        Args:
            before: Only those of lives before this one.
        """
        for step in self._tracker.lost(reason, before=before):
            await self._book.move(step.delivery_id, step.stage, reason=step.reason)
            self.doubtful.pop(step.delivery_id, None)
        for delivery_id in self.ids if before is None else self._tracker.former(before):
            if self.stage(delivery_id) in FINAL:
                self.forget(delivery_id)

    def forget_old(self) -> None:
        """Follow messages no more of which nothing was heard for long."""
        now = self._clock.now()
        for delivery_id in self.ids:
            delivery = self._book.get(delivery_id)
            if delivery is None or delivery.moves[-1].at + KEPT < now:
                self.forget(delivery_id)


def _seen(details: Mapping[str, Json]) -> int:
    """Return the number of what was last seen before a message was typed; 0 when not known."""
    seen = details.get("seen")
    return seen if isinstance(seen, int) else 0


def _shown(details: Mapping[str, Json]) -> bool | None:
    """Return whether a message was seen to stand in the composer; None when it was not looked."""
    shown = details.get("shown")
    return shown if isinstance(shown, bool) else None


def _life(details: Mapping[str, Json]) -> int | None:
    """Return in which of the agent's lives a message was typed."""
    epoch = details.get("epoch")
    return epoch if isinstance(epoch, int) else None
