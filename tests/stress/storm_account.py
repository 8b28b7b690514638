"""The account of a storm: what the receipts say of every message beside what the agents wrote down.

A message is lost when its receipt says that it was taken and its agent never got it, or when it has
no end; a refusal is false when its agent got it, and so is a doubt when the agent itself could have
told for long enough.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.stress.storm_crew import describe

from iterm_mcp.models.deliveries import FINAL, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.integration.tool_client import Json
    from tests.stress.storm_crew import Member
    from tests.stress.storm_messages import Sent

TAKEN = frozenset({Stage.SUBMITTED, Stage.QUEUED, Stage.STARTED, Stage.ENDED})
NEVER = frozenset({Stage.REFUSED, Stage.EXPIRED})
TELLING = timedelta(seconds=10)
"""How long an agent lives on after it got a message until a doubt about that counts as false."""

EVIDENCE_LINES = 25


def squeezed(text: str) -> str:
    """Return a text without blanks, which composers trim."""
    return "".join(text.split())


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store has of one message."""

    stage: Stage
    accepted_at: datetime
    moves: tuple[tuple[str, str, str, str], ...]

    def at(self, *stages: Stage) -> datetime | None:
        """Return when it first came to one of some stages."""
        wanted = [one[1] for one in self.moves if one[0] in stages]
        return datetime.fromisoformat(wanted[0]) if wanted else None


def read_store(database: str) -> dict[tuple[str, str], Kept]:
    """Return all messages by their agent and text, also those that only a cascade tells of."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        moves: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
        for delivery_id, *move in connection.execute(
            "SELECT delivery_id, stage, at, reason, evidence FROM delivery_moves"
            " ORDER BY delivery_id, number"
        ):
            moves[delivery_id].append(tuple(move))
        rows: list[Any] = connection.execute(
            "SELECT delivery_id, agent, text, stage, accepted_at FROM deliveries"
        ).fetchall()
        cascades = [json.loads(one) for (one,) in connection.execute("SELECT result FROM cascades")]
    found = {
        (agent, text): Kept(Stage(stage), datetime.fromisoformat(at), tuple(moves[delivery_id]))
        for delivery_id, agent, text, stage, at in rows
    }
    for cascade in cascades:
        for one in cascade["receipts"]:
            key, at = (one["agent"], cascade["texts"][one["text"]]), one["at"]
            move = (str(one["state"]), str(at), str(one["reason"]), "")
            if key not in found and one["state"] in set(Stage):
                kept = Kept(Stage(one["state"]), datetime.fromisoformat(at), (move,))
                found[key] = kept
    return found


@dataclass
class Account:
    """What became of all messages.

    Attributes:
        outcomes: Messages by their stage and by how often their agent got them.
        faults: Every message of which the two do not agree, with all that is known of it.
        mixed: Messages that came together with what the person was typing.
        told: What agents got that nobody sent: the person's.
        seconds: From each acceptance to the submission.
    """

    outcomes: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    mixed: int = 0
    persons: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def quantile(self, part: float) -> float:
        """Return how long so much of all messages took at most."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def settle(
    sent: Sequence[Sent], members: Iterable[Member], kept: dict[tuple[str, str], Kept]
) -> Account:
    """Compare the receipts with the agents' own records."""
    account = Account()
    by_agent: dict[str, list[Sent]] = defaultdict(list)
    for one in sent:
        by_agent[one.agent].append(one)
    for member in members:
        got = _by_text(member, by_agent[member.name], account)
        for one in by_agent[member.name]:
            _judge(account, member, one, kept.get((one.agent, one.text)), got[one.text])
    return account


def _by_text(member: Member, sent: list[Sent], account: Account) -> dict[str, list[Json]]:
    """Return what an agent got by the messages that were sent."""
    found: dict[str, list[Json]] = defaultdict(list)
    known = {squeezed(one.text): one.text for one in sent}
    for line in member.received():
        text = squeezed(line["unwrapped"])
        if text in known:
            found[known[text]].append(line)
            continue
        inside = [whole for whole in known.values() if _is_inside(whole, text)]
        for whole in inside:
            found[whole].append(line)
            account.mixed += 1
        if inside:
            continue
        account.persons += 1
        if f"for{member.name}" in text:
            account.faults.append(f"{member.name} got a part of a message:\n  {describe([line])}")
    return found


def _is_inside(whole: str, text: str) -> bool:
    """Tell whether all of a message is in a text without blanks, with something between lines."""
    lines = [squeezed(line) for line in whole.split("\n")]
    for count in range(1, len(lines) + 1):
        part, rest = "".join(lines[:count]), "".join(lines[count:])
        if part and part in text and rest in text.split(part, 1)[1]:
            return True
    return False


def _judge(
    account: Account, member: Member, sent: Sent, kept: Kept | None, got: list[Json]
) -> None:
    stage = "missing" if kept is None else str(kept.stage)
    account.outcomes[stage, len(got)] += 1
    what = ""
    if kept is None or (kept.stage not in FINAL and not _ends_untold(member, kept)):
        what = "has no end"
    elif len(got) > 1:
        what = "came twice"
    elif kept.stage in TAKEN | {Stage.WRITTEN} and not got:
        what = "was lost"
    elif kept.stage in NEVER and got:
        what = "was refused falsely"
    elif kept.stage is Stage.UNKNOWN and got and _could_tell(member, got[0]):
        what = "is unknown falsely"
    if kept is not None and kept.stage in NEVER | {Stage.UNKNOWN}:
        account.reasons[f"{kept.stage}: {_general(kept.moves[-1][2])}"] += 1
    if kept is not None and (at := kept.at(Stage.SUBMITTED, Stage.QUEUED, Stage.STARTED)):
        account.seconds.append((at - kept.accepted_at).total_seconds())
    if what:
        account.faults.append("\n".join([f"{sent} {what}", *_evidence(member, kept, got)]))


def _ends_untold(member: Member, kept: Kept) -> bool:
    """Tell whether an agent's kind tells of no turns, so that a message stays submitted."""
    return member.kind == "lines" and kept.stage in TAKEN | {Stage.WRITTEN}


def _general(reason: str) -> str:
    """Return a reason without numbers, so that many are one."""
    return "".join("#" if one.isdigit() else one for one in reason)[:90]


def _could_tell(member: Member, got: Json) -> bool:
    """Tell whether an agent that keeps a record lived on after it got a message."""
    if member.kind == "lines":
        return False
    at = datetime.fromisoformat(got["at"])
    later = [line for line in member.lines if line["pid"] == got["pid"]]
    last = datetime.fromisoformat(later[-1]["at"])
    turns = [line for line in later if line["what"] == "turn_ended"]
    return last > at + TELLING and any(got["number"] in line["numbers"] for line in turns)


def _evidence(member: Member, kept: Kept | None, got: list[Json]) -> list[str]:
    """Return all that is known of a message."""
    moves = [] if kept is None else [f"  receipt: {' '.join(one)}" for one in kept.moves]
    begun = kept.moves[-1][1] if kept is not None else ""
    first = (kept.at(Stage.LEASED) or kept.accepted_at) if kept is not None else None
    around = [
        line
        for line in member.lines
        if first is not None
        and first - timedelta(seconds=1)
        <= datetime.fromisoformat(line["at"])
        <= max(datetime.fromisoformat(begun), first) + timedelta(seconds=5)
    ]
    return [
        *moves,
        *(f"  got: {one}" for one in describe(got)),
        *(f"  record: {one}" for one in describe(around[:EVIDENCE_LINES])),
    ]
