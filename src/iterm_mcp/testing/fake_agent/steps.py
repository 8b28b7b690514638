"""What a message makes the agent do: the grammar of orders. Pure.

An order is ``verb argument``. It stands in a message between double square brackets
(``Please [[work 2]] and [[tool Bash rm -rf build]]``), alone on a line of the control file, or as
a string in a scenario's ``do``. `VERBS` lists them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

VERBS = {
    "work": "SECONDS: be busy",
    "say": "TEXT: say it; without one the answer is 'ok'",
    "tool": "NAME INPUT: use a tool, asking first unless rules or the permission mode allow it",
    "ask": "QUESTION | CHOICE | CHOICE…: ask the person (AskUserQuestion)",
    "retry": "TIMES SECONDS ERROR: be busy with retries (rate_limit, overloaded…), then go on",
    "fail": "ERROR: end the turn with an API error (rate_limit, authentication_failed…)",
    "background": "SECONDS COMMAND: leave a shell running; a turn of its own tells its end",
    "subagent": "SECONDS TYPE: let a subagent work",
    "compact": ": compact the conversation",
    "print": "LINES: say so many lines",
    "garbage": "BYTES: write random bytes to the terminal",
    "notify": "TEXT: tell the terminal (OSC 9) and ring",
    "title": "TEXT: give the terminal a title",
    "crash": "CODE or SIGNAL: end at once, tidying nothing",
    "hang": "SECONDS: do nothing at all, not even read keys",
    "exit": ": end as if told /exit",
    "strand": "TIMES: eat the next Enters",
    "slow": "SECONDS: take so long to react to keys, from now on",
    "draft": "TEXT: a person has typed this and not sent it",
    "ghost": "TEXT: show a dim suggestion in the empty composer",
    "type": "TEXT: a person types this; \\r, \\e, \\n stand for keys",
    "gate": "KIND: show the gate (trust, login, theme) again",
    "answer": "VALUE: a person answers the dialog (allow, deny, always, a choice, a number)",
    "interrupt": ": a person presses Escape",
}
AT_ONCE = {"strand", "slow", "draft", "ghost", "type", "gate", "answer", "interrupt"}
"""Verbs that change what is shown or how keys are read; they are no part of a turn's work."""

_ORDER = re.compile(r"\[\[\s*(\S+)\s*(.*?)\s*\]\]", re.DOTALL)


class StepError(ValueError):
    """An order that nobody understands; the text says what would be understood."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    verb: str
    argument: str = ""

    def number(self, default: float = 0.0) -> float:
        """Return the first word as a number, or the default when there is none.

        Raises:
            StepError: It is something else.
        """
        word = self.argument.split(maxsplit=1)[0] if self.argument else ""
        try:
            return float(word) if word else default
        except ValueError:
            raise StepError(f"{self.verb} needs a number, not {word!r}") from None

    def rest(self, default: str = "") -> str:
        """Return what comes after the first word."""
        words = self.argument.split(maxsplit=1)
        return words[1] if len(words) > 1 else default


def parse(order: str) -> Step:
    """Read one order.

    Raises:
        StepError: There is no such verb.
    """
    verb, _, argument = order.strip().partition(" ")
    if verb not in VERBS:
        raise StepError(f"no such order: {verb!r}; there are {', '.join(sorted(VERBS))}")
    return Step(verb, argument.strip())


def parse_all(orders: Iterable[str]) -> list[Step]:
    """Read orders, one a string."""
    return [parse(one) for one in orders]


def in_message(text: str) -> list[Step]:
    """Return the orders in a message; what only looks like one is text."""
    return [Step(verb, argument) for verb, argument in _ORDER.findall(text) if verb in VERBS]
