"""What sightings of an agent's turns prove of the messages that were typed into it. Pure.

Strong evidence names the message: its id in the agent's protocol, or its own text in a prompt that
the agent tells of. Weak evidence is of the turn alone: the agent got busy after it had been idle,
its composer was emptied. An end of a turn is the end of the messages that it began with; a message
that came amid a turn has to wait for the end of that one first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.deliveries import MOVES, Stage
from iterm_mcp.models.observations import Fact, ObservationSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.deliveries import DeliveryId
    from iterm_mcp.models.observations import Json, Observation

LEVELS = frozenset({ObservationSource.PROTOCOL, ObservationSource.REGISTRY})
"""Sources whose word on what an agent does is exact."""

CLOCKS_DIFFER = timedelta(seconds=1)
"""How much earlier than the typing something may be dated that came of it."""

LONG_ENOUGH = 20
"""So many characters are not in another's prompt by chance."""

_TYPED = frozenset({Stage.LEASED, Stage.WRITTEN, Stage.UNKNOWN})
_TAKEN = _TYPED | {Stage.SUBMITTED}
_KEPT = _TAKEN | {Stage.QUEUED}
_AT_REST = frozenset({"idle", "shell"})


@dataclass(frozen=True, slots=True)
class Step:
    """How far a message has come, and what proves it."""

    delivery_id: DeliveryId
    stage: Stage
    evidence: str
    reason: str = ""


@dataclass(slots=True)
class _Followed:
    """A message that was typed.

    Attributes:
        since: When it was typed; what is dated before is of another one.
        after: What was seen last before it was typed, by its number; clocks differ, numbers do not.
        behind: A turn was under way, whose end is not this message's.
        busy: The agent was seen to work since.
        epoch: In which life of the agent it was typed; None is not known.
        begun_at: When its turn began, where the agent dates that. What ended before is another
            turn: Claude Code writes down that it takes a message from its queue before it writes
            that the turn before has ended.
        named: Its agent's protocol tells of its turn by its id, and so will of the end of that.
        freed: When the turn ended that it was behind, and by which evidence: another source may
            tell of the same end.
        visible: It was seen to stand in the composer, and so will be seen to have left it. Until
            then that the agent is busy is of another turn: of one that it had queued, or of one
            that is told of late.
    """

    delivery_id: DeliveryId
    text: str
    stage: Stage
    since: datetime
    behind: bool
    busy: bool = False
    epoch: int | None = None
    begun_at: datetime | None = None
    named: bool = False
    freed: tuple[datetime, str] | None = None
    after: int = 0
    visible: bool = False


def squeezed(text: str) -> str:
    """Return a text without any blanks: screens wrap, and composers trim."""
    return "".join(text.split())


def same_text(prompt: str, text: str) -> bool:
    """Tell whether a prompt that an agent tells of is a message, but for blanks."""
    return squeezed(prompt) == squeezed(text)


def holds_text(prompt: str, text: str) -> bool:
    """Tell whether a message came together with what somebody else typed, in one prompt.

    What they typed stands before it, behind it, or between two of its lines: its pastes end there.
    Of a short message it cannot be told: others say the same.
    """
    bare, all_of_it = squeezed(text), squeezed(prompt)
    if len(bare) < LONG_ENOUGH:
        return False
    at, cuts = 0, [len(bare)]
    for line in text.split("\n")[:-1]:
        at += len(squeezed(line))
        cuts.append(at)
    parts = ((bare[:cut], bare[cut:]) for cut in cuts if cut)
    return any(part in all_of_it and rest in all_of_it.split(part, 1)[1] for part, rest in parts)


class TurnTracker:
    """Follows the messages that were typed into one agent, in the order in which they were."""

    def __init__(self) -> None:
        self._followed: list[_Followed] = []
        self._number = 0

    @property
    def ids(self) -> tuple[DeliveryId, ...]:
        """The messages that are followed."""
        return tuple(one.delivery_id for one in self._followed)

    def follow(
        self,
        delivery_id: DeliveryId,
        text: str,
        *,
        stage: Stage,
        since: datetime,
        behind: bool,
        epoch: int | None = None,
        after: int = 0,
        visible: bool = False,
    ) -> None:
        """Follow a message that is about to be typed, or was.

        Args:
            behind: The agent is amid a turn.
            epoch: The agent's present life: what it does in another proves nothing.
            after: The number of an observation from before it was typed; 0 when none is known.
            visible: It was seen to stand in the composer.
        """
        self.drop(delivery_id)
        self._followed.append(
            _Followed(
                delivery_id, text, stage, since, behind, epoch=epoch, after=after, visible=visible
            )
        )

    def moved(self, delivery_id: DeliveryId, stage: Stage, *, visible: bool = False) -> None:
        """Take note of a step that was not found here.

        Args:
            visible: The message was seen to stand in the composer.
        """
        for one in self._followed:
            if one.delivery_id == delivery_id:
                one.stage = stage
                one.visible |= visible

    def latest(self, delivery_id: DeliveryId) -> bool:
        """Tell whether no other message was typed after one."""
        since = [one.since for one in self._followed if one.delivery_id == delivery_id]
        return bool(since) and all(one.since <= since[0] for one in self._followed)

    def drop(self, delivery_id: DeliveryId) -> None:
        """Follow a message no more."""
        self._followed = [one for one in self._followed if one.delivery_id != delivery_id]

    def feed(self, observation: Observation) -> list[Step]:
        """Return what a further observation proves; each step is legal, and was noted here."""
        sighting = observation.sighting
        self._number = observation.number
        evidence = f"{sighting.source} {sighting.fact}"
        if sighting.fact is Fact.TURN:
            phase = str(sighting.value.get("phase"))
            return self._turn(phase, sighting.value, f"{evidence} {phase}", _when(observation))
        if sighting.fact is Fact.ACTIVITY and sighting.source in LEVELS:
            what = str(sighting.value.get("is"))
            told = sighting.source is ObservationSource.PROTOCOL
            return self._activity(what, f"{evidence} {what}", _when(observation), by_name=told)
        return []

    def lost(self, reason: str, *, before: int | None = None) -> list[Step]:
        """Return what follows from the end of the agent's process: nothing will prove more.

        Args:
            before: Only messages of lives before this one; None is of all.
        """
        of = self.ids if before is None else self.former(before)
        return [
            step
            for one in tuple(self._followed)
            if one.delivery_id in of and one.stage not in {Stage.LEASED, Stage.UNKNOWN}
            for step in self._step(one, Stage.UNKNOWN, "", reason)
        ]

    def former(self, epoch: int) -> tuple[DeliveryId, ...]:
        """Return the messages that were typed in a life of the agent before this one."""
        return tuple(
            one.delivery_id for one in self._followed if one.epoch is not None and one.epoch < epoch
        )

    def _turn(
        self, phase: str, value: Mapping[str, Json], evidence: str, at: datetime
    ) -> list[Step]:
        if phase == "submitted":
            return self._named(value, _TYPED, Stage.SUBMITTED, evidence, at)
        if phase == "queued":
            return self._named(value, _TAKEN, Stage.QUEUED, evidence, at)
        if phase in {"dequeued", "started"}:
            return self._begun(value, evidence, at) or self._begun_unnamed(value, evidence, at)
        if phase in _ENDS:
            return self._over(value, evidence, _ENDS[phase], at)
        return []

    def _named(
        self,
        value: Mapping[str, Json],
        stages: frozenset[Stage],
        to: Stage,
        evidence: str,
        at: datetime,
    ) -> list[Step]:
        found = self._find(value, stages, at)
        return [] if found is None else self._step(found, to, evidence)

    def _begun(self, value: Mapping[str, Json], evidence: str, at: datetime) -> list[Step]:
        found = self._find(value, _KEPT, at)
        if found is None:
            return []
        found.behind = False
        found.begun_at = at if "at" in value else None
        return self._step(found, Stage.STARTED, evidence)

    def _begun_unnamed(self, value: Mapping[str, Json], evidence: str, at: datetime) -> list[Step]:
        """Take a turn that does not say what it began with for that of the next message."""
        if value.get("prompt") or value.get("message"):
            return []
        for one in self._followed:
            waits = one.stage in {Stage.SUBMITTED, Stage.QUEUED} and not one.behind
            if waits and self._past(one, at):
                return self._step(one, Stage.STARTED, evidence)
        return []

    def _over(
        self, value: Mapping[str, Json], evidence: str, reason: str, at: datetime
    ) -> list[Step]:
        steps: list[Step] = []
        message = value.get("message")
        for one in tuple(self._followed):
            if message and message != one.delivery_id:
                continue
            if not message and not self._past(one, at):
                continue
            if not message and _of_former(one, value, at, evidence):
                continue
            if one.behind and not message:
                one.behind, one.freed = False, (at, evidence)  # the end of the turn before its own
            elif one.stage is Stage.STARTED or (
                one.stage in {Stage.SUBMITTED, Stage.QUEUED} and (message or not one.behind)
            ):
                steps += self._step(one, Stage.ENDED, evidence, reason)
        return steps

    def _activity(
        self, what: str, evidence: str, at: datetime, *, by_name: bool = False
    ) -> list[Step]:
        """Take edges of what an exact source says for the begin and the end of a turn.

        Args:
            by_name: The source will tell of the end of turns that it names, and how they ended.
        """
        steps: list[Step] = []
        for one in tuple(self._followed):
            if not self._past(one, at):
                continue
            if what == "busy":
                if one.stage is Stage.WRITTEN and not one.behind and not one.visible:
                    steps += self._step(one, Stage.SUBMITTED, evidence)
                one.busy = True
            elif what in _AT_REST and one.busy:
                one.busy = False
                if one.behind:
                    one.behind, one.freed = False, (at, evidence)
                elif one.stage in {Stage.SUBMITTED, Stage.STARTED} and not (by_name and one.named):
                    steps += self._step(one, Stage.ENDED, evidence)
        return steps

    def _find(
        self, value: Mapping[str, Json], stages: frozenset[Stage], at: datetime
    ) -> _Followed | None:
        message, prompt = value.get("message"), value.get("prompt")
        for one in self._followed:
            if message and message == one.delivery_id and one.stage in stages:
                one.named = True
                return one
        if not isinstance(prompt, str):
            return None
        able = [one for one in self._followed if one.stage in stages and self._past(one, at)]
        same = (one for one in able if same_text(prompt, one.text))
        return next(same, None) or self._inside(prompt, able)

    def _inside(self, prompt: str, able: Iterable[_Followed]) -> _Followed | None:
        """Find the message in what was sent by somebody who typed at the same time."""
        if any(same_text(prompt, one.text) for one in self._followed):
            return None  # another one, which may quote it
        return next((one for one in able if holds_text(prompt, one.text)), None)

    def _past(self, one: _Followed, at: datetime) -> bool:
        """Tell whether what is fed came late enough to be of a message, and is dated so."""
        came_before = 0 < self._number <= one.after
        return not came_before and at >= one.since - CLOCKS_DIFFER

    def _step(self, one: _Followed, to: Stage, evidence: str, reason: str = "") -> list[Step]:
        if to not in MOVES[one.stage]:
            return []
        one.stage = to
        if to is Stage.ENDED:
            self._followed.remove(one)
        return [Step(one.delivery_id, to, evidence, reason)]


INTERRUPTED = "its turn was interrupted"
GIVEN_UP = "its turn was given up"
_ENDS = {"ended": "", "interrupted": INTERRUPTED, "failed": GIVEN_UP}
"""How a turn may end, and what is said of it."""


def _when(observation: Observation) -> datetime:
    """Return when it was so: by the source's own word, where it dates what it tells."""
    dated = observation.sighting.value.get("at")
    if isinstance(dated, str):
        try:
            found = datetime.fromisoformat(dated)
        except ValueError:
            return observation.at
        return found if found.tzinfo is not None else observation.at
    return observation.at


def _of_former(one: _Followed, value: Mapping[str, Json], at: datetime, evidence: str) -> bool:
    """Tell whether an end is once more that of the turn before a message's own."""
    if one.begun_at is not None:
        return "at" in value and at < one.begun_at
    if one.freed is None:
        return False
    freed_at, freed_by = one.freed
    return evidence != freed_by and at <= freed_at + CLOCKS_DIFFER
