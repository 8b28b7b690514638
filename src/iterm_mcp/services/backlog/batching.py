"""Which marks go into one task, and which tasks into one batch. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.backlog import Grouping, Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.backlog import Mark

    Group = tuple[Mark, ...]

TOO_MANY = "most tasks"
TOO_DEAR = "most cost"
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much goes into one task, and into one batch.

    Attributes:
        most_tasks: In the batch.
        most_usd: That all tasks of the batch may cost together; None for no limit.
        most_marks: In one task.
        most_characters: Of repository text in one task; a mark that has more is a task of its own.
    """

    most_tasks: int = 20
    most_usd: float | None = None
    most_marks: int = 5
    most_characters: int = 20_000


def ordered(marks: Sequence[Mark], order: Order) -> list[Mark]:
    """Return marks as they are to be taken; those of unknown age come last."""
    by_path = sorted(marks, key=lambda one: (one.path, one.line))
    if order is Order.OLDEST:
        return sorted(by_path, key=lambda one: one.written_at or _NEVER)
    if order is Order.NEWEST:
        return sorted(
            by_path, key=lambda one: -one.written_at.timestamp() if one.written_at else 0.0
        )
    return by_path


def grouped(marks: Sequence[Mark], by: Grouping, limits: Limits) -> list[Group]:
    """Return the marks of each task; each in one, in the order of their first mark."""
    if by is Grouping.MARK:
        return [(one,) for one in marks]
    together: defaultdict[str, list[Mark]] = defaultdict(list)
    for one in marks:
        together[one.path if by is Grouping.FILE else _owner(one)].append(one)
    place = {one.mark_id: number for number, one in enumerate(marks)}
    groups = [group for those in together.values() for group in _cut(those, limits)]
    return sorted(groups, key=lambda group: place[group[0].mark_id])


def size_of(mark: Mark) -> int:
    """Return how many characters of the repository a task would hold because of a mark."""
    return sum(len(line) + 1 for line in (*mark.before, mark.own_line, *mark.after))


def within(
    groups: Sequence[Group], limits: Limits, cost_usd: float | None
) -> tuple[list[Group], Counter[str]]:
    """Return the groups for which there is room, and how many marks each limit keeps out.

    Args:
        cost_usd: What one task will probably cost; None is not known.

    Raises:
        InvalidRequestError: A limit of cost is given, and nobody knows what a task costs.
    """
    beyond: Counter[str] = Counter()
    room = limits.most_tasks
    if limits.most_usd is not None:
        if cost_usd is None:
            raise InvalidRequestError(
                "nobody knows yet what a task of this kind costs, so its cost cannot be limited",
                hint="Say what one costs at most, or limit how many there are.",
                code="unknown_cost",
            )
        affordable = int(limits.most_usd / cost_usd + 1e-9) if cost_usd > 0 else room
        if affordable < room:
            beyond[TOO_DEAR] = sum(map(len, groups[affordable:room]))
            beyond[TOO_MANY] = sum(map(len, groups[room:]))
            return list(groups[:affordable]), +beyond
    beyond[TOO_MANY] = sum(map(len, groups[room:]))
    return list(groups[:room]), +beyond


def _owner(mark: Mark) -> str:
    """Return whose a mark is; those of nobody are together by file."""
    return f"owner {mark.owner.lower()}" if mark.owner else f"file {mark.path}"


def _cut(marks: Sequence[Mark], limits: Limits) -> list[Group]:
    groups: list[list[Mark]] = []
    used = 0
    for one in marks:
        size = size_of(one)
        if (
            not groups
            or len(groups[-1]) >= limits.most_marks
            or used + size > limits.most_characters
        ):
            groups.append([])
            used = 0
        groups[-1].append(one)
        used += size
    return [tuple(group) for group in groups]
