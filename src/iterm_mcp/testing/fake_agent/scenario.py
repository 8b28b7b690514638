"""A scenario file: what messages make the agent do when they do not say it themselves.

TOML or JSON::

    seed = 7                      # of everything random
    time_factor = 0.1             # all durations are multiplied by it
    default = ["work 0.2"]        # for a message without orders that no rule matches
    at_start = ["draft half a thought"]

    [[rule]]                      # the first that matches a message counts
    match = "deploy"              # a regular expression, searched in the unwrapped message
    times = 1                     # how often; without it always
    do = ["work 1", "tool Bash make deploy", "say deployed"]

    [chances]                     # drawn anew for every message, before it is looked at
    "strand 1" = 0.05
    "crash KILL" = 0.01

Orders are those of `steps.VERBS`. Orders in a message win over rules.
"""

from __future__ import annotations

import json
import random
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iterm_mcp.testing.fake_agent.steps import Step, StepError, in_message, parse, parse_all

KNOWN = {"seed", "time_factor", "default", "at_start", "rule", "chances"}


@dataclass
class Rule:
    """One rule of a scenario."""

    match: re.Pattern[str]
    steps: list[Step]
    left: int | None = None


@dataclass
class Scenario:
    """What was read from a scenario file; without one, a message is answered at once.

    Attributes:
        dice: Seeded: the same scenario draws the same in the same order of messages.
    """

    dice: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - no secret
    time_factor: float = 1.0
    default: list[Step] = field(default_factory=list)
    at_start: list[Step] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    chances: list[tuple[Step, float]] = field(default_factory=list)

    def steps(self, message: str) -> list[Step]:
        """Return what a message makes the agent do; a rule with a count is used up by it."""
        ordered = in_message(message)
        if ordered:
            return ordered
        for rule in self.rules:
            if rule.left != 0 and rule.match.search(message):
                rule.left = None if rule.left is None else rule.left - 1
                return rule.steps
        return self.default

    def draw(self) -> list[Step]:
        """Return the faults that chance has for the next message."""
        return [step for step, chance in self.chances if self.dice.random() < chance]


def build(data: dict[str, Any], *, seed: int | None = None) -> Scenario:
    """Make a scenario of a parsed file.

    Args:
        seed: Wins over the file's own.

    Raises:
        StepError: Something in it is not understood; the text says what.
    """
    unknown = set(data) - KNOWN
    if unknown:
        raise StepError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(KNOWN))}")
    try:
        rules = [
            Rule(re.compile(one["match"]), parse_all(one["do"]), one.get("times"))
            for one in data.get("rule", [])
        ]
        return Scenario(
            dice=random.Random(data.get("seed", 0) if seed is None else seed),  # noqa: S311
            time_factor=float(data.get("time_factor", 1)),
            default=parse_all(data.get("default", [])),
            at_start=parse_all(data.get("at_start", [])),
            rules=rules,
            chances=[(parse(order), float(p)) for order, p in data.get("chances", {}).items()],
        )
    except (AttributeError, KeyError, TypeError, ValueError, re.error) as error:
        raise StepError(f"the scenario is not understood: {error}") from error


def load(path: str | None, *, seed: int | None = None) -> Scenario:
    """Read a scenario file; without a path, the scenario of no file.

    Raises:
        StepError: It is not understood.
        OSError: It cannot be read.
    """
    if path is None:
        return build({}, seed=seed)
    text = Path(path).read_text("utf-8")
    try:
        data = json.loads(text) if path.endswith(".json") else tomllib.loads(text)
    except ValueError as error:
        raise StepError(f"{path} cannot be parsed: {error}") from error
    return build(data, seed=seed)
