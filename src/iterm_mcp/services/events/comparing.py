"""Conversations side by side, step by step. Pure."""

from __future__ import annotations

from collections import defaultdict
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from iterm_mcp.models.account_views import ComparedFile, ComparedStep, Comparison, Step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iterm_mcp.models.accounts import Account

MOST_STEPS = 2000
PROMPT = "prompt"


def compare(accounts: Sequence[Account], most: int = MOST_STEPS) -> Comparison:
    """Return the conversations side by side, each aligned to the first.

    Args:
        accounts: At least one.
        most: How many steps of each are compared; the work grows with their square.

    Raises:
        ValueError: There is none.
    """
    if not accounts:
        raise ValueError("nothing to compare")
    whole = [steps_of(one) for one in accounts]
    steps = [one[:most] for one in whole]
    first = steps[0]
    beside: list[list[Step | None]] = [list(first)]
    between: defaultdict[int, list[tuple[int, Step]]] = defaultdict(list)
    similarity = [1.0]
    for index, others in enumerate(steps[1:], start=1):
        matcher = _matcher(first, others)
        similarity.append(matcher.ratio())
        column, inserted = _align(first, others, matcher)
        beside.append(column)
        for position, step in inserted:
            between[position].append((index, step))
    return Comparison(
        tuple(accounts),
        tuple(_rows(beside, between)),
        tuple(similarity),
        _files(accounts),
        max(len(one) for one in whole) - max(len(one) for one in steps),
    )


def steps_of(account: Account) -> list[Step]:
    """Return a conversation's prompts and calls, subagents' included, in the order of time."""
    found: list[tuple[datetime, int, Step]] = [
        (turn.started_at, 0, Step(PROMPT, turn.prompt, turn.seconds, turn.outcome))
        for turn in account.turns
    ]
    for call in account.calls:
        when = call.started_at or call.ended_at
        if when is not None:
            found.append((when, 1, Step(call.tool, call.subject, call.seconds, call.outcome)))
    found.sort(key=lambda one: one[:2])
    return [step for _, _, step in found]


def _align(
    first: Sequence[Step], others: Sequence[Step], matcher: SequenceMatcher[tuple[str, str]]
) -> tuple[list[Step | None], list[tuple[int, Step]]]:
    """Return what stands beside each step of the first, and what stands before which of them."""
    column: list[Step | None] = [None] * len(first)
    inserted: list[tuple[int, Step]] = []
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        theirs = others[other_start:other_end]
        if tag == "equal":
            column[start:end] = theirs
            continue
        paired = _pair(first[start:end], theirs)
        for offset, step in enumerate(paired[: end - start]):
            column[start + offset] = step
        taken = {id(one) for one in paired}
        inserted += [(end, step) for step in theirs if id(step) not in taken]
    return column, inserted


def _pair(ours: Sequence[Step], theirs: Sequence[Step]) -> list[Step | None]:
    """Pair the steps that use the same tool on something else, in their order."""
    found: list[Step | None] = []
    left = 0
    for one in ours:
        match = next(
            (index for index in range(left, len(theirs)) if theirs[index].what == one.what), None
        )
        found.append(None if match is None else theirs[match])
        left = left if match is None else match + 1
    return found


def _rows(
    beside: Sequence[Sequence[Step | None]], between: dict[int, list[tuple[int, Step]]]
) -> list[ComparedStep]:
    count = len(beside)
    rows: list[ComparedStep] = []
    for position in range(len(beside[0]) + 1):
        for index, step in between.get(position, ()):
            alone: list[Step | None] = [None] * count
            alone[index] = step
            rows.append(ComparedStep(tuple(alone), same=False))
        if position < len(beside[0]):
            steps = tuple(column[position] for column in beside)
            rows.append(ComparedStep(steps, same=len({_sign(one) for one in steps}) == 1))
    return rows


def _sign(step: Step | None) -> tuple[str, str]:
    return ("", "") if step is None else (step.what, step.subject)


def _matcher(first: Sequence[Step], others: Sequence[Step]) -> SequenceMatcher[tuple[str, str]]:
    return SequenceMatcher(
        None, [_sign(one) for one in first], [_sign(one) for one in others], autojunk=False
    )


def _files(accounts: Sequence[Account]) -> tuple[ComparedFile, ...]:
    by_path = [{one.path: one for one in account.files} for account in accounts]
    return tuple(
        ComparedFile(path, tuple(files.get(path) for files in by_path))
        for path in sorted({path for files in by_path for path in files})
    )
