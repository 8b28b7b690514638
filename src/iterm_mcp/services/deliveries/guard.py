"""Whether a message may be typed into an agent now. Pure, and closed in doubt.

A text that is typed at the wrong moment is a command to a shell, the answer to a dialog, or the
end of what a person was about to say. So it is typed only where the agent's composer is known to
take it; otherwise it waits, or is refused when waiting cannot help.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from iterm_mcp.agents.kind import WhileBusy
from iterm_mcp.models.agent_states import ENDED, AgentState
from iterm_mcp.models.deliveries import Policy
from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.observations import Json, Sighting

NOTHING_TO_STEER = "no turn is under way that could be steered"
NOT_AMID_TURNS = "this kind of agent takes nothing amid a turn"


class Verdict(Enum):
    """What is to be done with a message now."""

    TYPE = auto()
    INTERRUPT = auto()
    """End the turn, then type it."""
    HOLD = auto()
    REFUSE = auto()


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and why.

    Attributes:
        amid_turn: A turn is under way, so that its end is not the message's.
    """

    verdict: Verdict
    reason: str = ""
    amid_turn: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What a kind read from one look at an agent's screen.

    Attributes:
        composer: `Fact.COMPOSER`'s value; None when no composer is to be seen.
        dialog: What a dialog asks; empty when none stands.
        gate: What stands before the composer; empty when nothing does.
        activity: What it does, by its screen; empty when that does not tell.
        scrolled: Somebody looks at what went by, in a multiplexer that takes all keys meanwhile.
        overflow: What fills the screen down to the cursor without a break, where no composer is to
            be seen: the end of a text whose beginning has gone by, or else output.
    """

    composer: Mapping[str, Json] | None = None
    dialog: str = ""
    gate: str = ""
    activity: str = ""
    scrolled: bool = False
    sightings: tuple[Sighting, ...] = field(default=(), compare=False)
    overflow: str = ""

    @property
    def in_the_way(self) -> str:
        """What would take keys in the place of the composer; empty when nothing does."""
        if self.scrolled:
            return "somebody scrolls in tmux, whose copy mode takes all keys"
        if self.dialog:
            return f"a dialog stands on its screen: {self.dialog[:80]}"
        return f"{self.gate} stands before its composer" if self.gate else ""

    @property
    def holds(self) -> str:
        """What the composer holds; empty when none is to be seen."""
        return "" if self.composer is None else str(self.composer.get("holds", "nothing"))

    @property
    def text(self) -> str:
        """The text in the composer, as it is shown."""
        return "" if self.composer is None else str(self.composer.get("text") or "")


def read(sightings: Iterable[Sighting], *, scrolled: bool = False, unbroken: str = "") -> Seen:
    """Return what a look at the screen comes to.

    Args:
        unbroken: What fills the screen down to the cursor without a break.
    """
    kept = tuple(sightings)
    values = {one.fact: one.value for one in kept}
    dialog, gate = values.get(Fact.DIALOG), values.get(Fact.GATE)
    return Seen(
        values.get(Fact.COMPOSER) or None,
        str(dialog.get("text") or dialog.get("asks") or "something") if dialog else "",
        str(gate.get("name") or "something") if gate else "",
        str(values.get(Fact.ACTIVITY, {}).get("is", "")),
        scrolled,
        kept,
        "" if values.get(Fact.COMPOSER) else unbroken,
    )


AT_REST = frozenset(
    {
        AgentState.READY,
        AgentState.DRAFT,
        AgentState.BACKGROUND,
        AgentState.INTERRUPTED,
        AgentState.DONE,
        AgentState.FAILED,
    }
)
STOPPABLE = frozenset(
    {AgentState.WORKING, AgentState.COMPACTING, AgentState.API_RETRY, AgentState.RATE_LIMITED}
)
"""States that an interruption ends."""


def judge(
    state: AgentState, reason: str, seen: Seen, policy: Policy, while_busy: WhileBusy
) -> Judgement:
    """Say whether a message may be typed now.

    Args:
        reason: Why the agent is in its state.
        seen: Its screen, at this moment: a dialog there overrules all that was known.
    """
    if state in ENDED:
        return Judgement(Verdict.REFUSE, f"{state.value}: {reason}")
    if seen.in_the_way:
        return Judgement(Verdict.HOLD, seen.in_the_way)
    if state is AgentState.UNKNOWN:
        state, reason = _guessed(seen, reason)
    if policy is Policy.INTERRUPT and state in STOPPABLE:
        return Judgement(Verdict.INTERRUPT)
    if state in AT_REST and policy is Policy.STEER:
        return Judgement(Verdict.REFUSE, NOTHING_TO_STEER)
    if state is AgentState.WORKING:
        return _while_it_works(reason, policy, while_busy)
    at_rest = Verdict.TYPE if state in AT_REST else Verdict.HOLD
    return Judgement(at_rest, f"{state.value}: {reason}")


def _while_it_works(reason: str, policy: Policy, while_busy: WhileBusy) -> Judgement:
    takes = while_busy is not WhileBusy.REFUSES
    if policy is Policy.STEER and not takes:
        return Judgement(Verdict.REFUSE, NOT_AMID_TURNS)
    if policy is Policy.STEER or (policy is Policy.MESSAGE and while_busy is WhileBusy.KEEPS):
        return Judgement(Verdict.TYPE, amid_turn=True)
    return Judgement(Verdict.HOLD, f"{AgentState.WORKING.value}: {reason}")


def _guessed(seen: Seen, reason: str) -> tuple[AgentState, str]:
    """Go by the screen alone where nothing better is known; without a composer, by nothing."""
    if seen.composer is not None and seen.activity in {"idle", "shell"}:
        return AgentState.READY, reason
    if seen.activity in {"busy", "compacting"}:
        return AgentState.WORKING, reason
    return AgentState.UNKNOWN, f"{reason}; no composer is to be seen" if reason else reason
