"""What is done to one terminal: a list of steps, as JSON, so that a case can be kept in a file.

``{"feed": base64}`` output in pieces as a PTY hands them out; ``{"inject": base64}`` in one;
``{"resize": [columns, rows]}``; ``{"select": [[x, y, x, y, location, length, mode], …]}`` with
lines counted from the oldest; ``{"scroll": lines}`` plain lines, which may change no line above
them; ``{"read": seed}`` all readers.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tests.fuzz import output_grammar

if TYPE_CHECKING:
    from random import Random

Step = dict[str, Any]
Case = dict[str, Any]

SIZES = [(80, 24), (1, 1), (1, 60), (500, 3), (2, 2), (132, 43), (20, 4), (300, 100)]
SCROLLBACKS = [0, 1, 7, 100, 1000, 5000]


def random_case(dice: Random) -> Case:
    """Make a case: a size, and what happens then."""
    columns, rows = _size(dice)
    steps = [_step(dice) for _ in range(dice.randint(1, 14))]
    return {
        "columns": columns,
        "rows": rows,
        "scrollback": dice.choice(SCROLLBACKS),
        "steps": [*steps, {"read": dice.getrandbits(32)}],
    }


def size_of(case: Case) -> int:
    """Return how many bytes a case feeds, about."""
    return sum(len(str(step.get("feed") or step.get("inject") or "")) for step in case["steps"])


def _size(dice: Random) -> tuple[int, int]:
    if dice.random() < 0.6:
        return dice.choice(SIZES)
    return dice.randint(1, 120), dice.randint(1, 50)


def _step(dice: Random) -> Step:
    kind = dice.choices(
        ["feed", "inject", "resize", "select", "scroll", "read"], [8, 1, 2, 1, 2, 2]
    )[0]
    if kind in {"feed", "inject"}:
        return {kind: base64.b64encode(output_grammar.output(dice)).decode()}
    if kind == "resize":
        return {"resize": list(_size(dice))}
    if kind == "select":
        return {"select": [_part(dice) for _ in range(dice.randint(1, 6))]}
    if kind == "scroll":
        return {"scroll": dice.choice([1, 5, 60, 400, 3000])}
    return {"read": dice.getrandbits(32)}


def _part(dice: Random) -> list[int]:
    return [
        *(dice.randint(0, one) for one in (130, 300, 130, 6000)),
        *(dice.choice([0, 0, 1, 7, 80]) for _ in range(2)),
        dice.randint(0, 5),
    ]
