"""What agents are told in a storm: texts of all shapes, each with the misfortune that it brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

ORDERS: dict[str, tuple[float, str]] = {
    "eaten Enter": (0.04, "[[strand 1]]"),
    "three eaten Enters": (0.01, "[[strand 3]]"),
    "suggestion": (0.04, "[[ghost try this]]"),
    "notification": (0.02, "[[notify look here]]"),
    "title": (0.01, "[[title something else]]"),
    "output": (0.03, "[[print 40]]"),
    "garbage": (0.02, "[[garbage 300]]"),
    "retries": (0.02, "[[retry 1 0.3 rate_limit]]"),
    "failed turn": (0.02, "[[fail overloaded]]"),
    "permission": (0.02, "[[tool Bash make]]"),
    "question": (0.01, "[[ask Which one? | left | right]]"),
    "gate": (0.01, "[[gate trust]]"),
    "login": (0.005, "[[gate login]]"),
    "draft": (0.01, "[[draft half a thought]] [[work 0.6]] [[type \\r]]"),
    "typing amid": (0.01, "[[work 0.2]] [[type so I ]] [[work 0.3]] [[type thought\\r]]"),
    "interruption": (0.01, "[[work 0.4]] [[interrupt]] [[work 3]]"),
    "long turn": (0.03, "[[work 2]]"),
    "slow keys": (0.01, "[[slow 0.05]] [[work 1]]"),
    "quick keys again": (0.02, "[[slow 0]]"),
    "hang": (0.01, "[[hang 1.5]]"),
    "long hang": (0.002, "[[hang 13]]"),
    "compaction": (0.01, "[[compact]]"),
    "background": (0.01, "[[background 1 sleep]]"),
    "crash": (0.003, "[[crash KILL]]"),
    "crash amid a turn": (0.003, "[[work 0.4]] [[crash 1]]"),
}
"""How often a message brings what, and the orders for it; the rest bring nothing."""

PLAIN_ORDERS = frozenset(
    {"output", "long turn", "hang", "crash", "crash amid a turn", "failed turn"}
)
"""What a line program can do."""

HEADLESS_ORDERS = PLAIN_ORDERS | {"retries", "compaction", "background", "long hang"}
"""What an agent without a screen can do while nobody is there to answer it."""

CRASHES = frozenset({"crash", "crash amid a turn"})

_LINES = (
    "\u276f what somebody typed", "\u2500" * 30, "\u2500" * 8, "> quoted", "\u203a told",
    "1. first", "2. second", "\u2502 boxed \u2502", "", "\ttabbed", "trailing blanks   ",
    "[Pasted text #1 +4 lines]", "Do you want to proceed?", "Esc to cancel",
    "Press enter to confirm or esc to cancel", "\u6f22\u5b57\u304b\u306a", "caf\u00e9 \U0001f600",
    "42", "esc to interrupt",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """One message.

    Attributes:
        fault: What it brings; empty for nothing.
    """

    agent: str
    text: str
    fault: str = ""


def possible(kind: str) -> frozenset[str]:
    """Return what an agent of a kind can bring about."""
    return {"lines": PLAIN_ORDERS, "claude-headless": HEADLESS_ORDERS}.get(kind, frozenset(ORDERS))


def make_message(
    dice: random.Random, agent: str, kind: str, number: int, *, may_crash: bool, fault: str = ""
) -> Sent:
    """Return the message of one round for an agent; no two are alike.

    Args:
        kind: The agent's; a line program takes one line, and not all know all misfortunes.
        may_crash: It has not crashed too often by now.
        fault: Which one it shall bring, if the agent can; drawn if left out.
    """
    fault = fault or _draw(dice)
    fault = fault if fault in possible(kind) else ""
    body = _short(dice) if kind == "lines" else _body(dice)
    if fault in CRASHES and not may_crash:
        fault = ""
    orders = ORDERS[fault][1] if fault else ""
    return Sent(agent, f"message {number} for {agent} {orders} {body}".strip(), fault)


def _draw(dice: random.Random) -> str:
    at = dice.random()
    for fault, (chance, _) in ORDERS.items():
        at -= chance
        if at < 0:
            return fault
    return ""


def _short(dice: random.Random) -> str:
    return "and so on " * dice.choice((0, 0, 0, 3, 12, 30))


def _body(dice: random.Random) -> str:
    shape = dice.random()
    if shape < 0.6:
        return _short(dice)
    if shape < 0.9:
        return "\n" + "\n".join(dice.choices(_LINES, k=dice.randint(1, 6))) + "\nend"
    lines = dice.choice((1, 5, 40))
    return "\n".join(f"{at} {'word ' * dice.randint(10, 60)}" for at in range(lines))
