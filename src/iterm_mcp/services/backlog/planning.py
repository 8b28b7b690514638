"""Tasks that do away with marks. Pure, but for the seals of their prompts."""

from __future__ import annotations

import hashlib
import re
import shlex
import sys
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.models.backlog import BACKLOG, Grouping, KnownMark, Order, PlannedTask
from iterm_mcp.models.choosing import TASK
from iterm_mcp.models.tasks import Acceptance, TaskId, TaskSpec
from iterm_mcp.services.backlog.batching import Limits
from iterm_mcp.services.backlog.prompting import prompt_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from iterm_mcp.models.backlog import Mark, Scan

OWN_COMMAND = (sys.executable, "-P", "-m", "iterm_mcp", "backlog", "check")
"""Without its directory in the path of modules: that is the repository's."""

_UNFIT = re.compile(r"[^a-z0-9]+")
NAME_CHARACTERS = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made of a repository's marks.

    Attributes:
        tags: Only marks with these; all if empty.
        owner: Only marks of one whose name holds this; of all if empty.
        kind: Of the agents that work on it.
        tests: Commands that must pass before and after; None to find them by convention, and
            empty to ask for none.
        cost_usd: What one task costs at most, as far as its asker knows; None to take what such
            tasks cost so far.
    """

    by: Grouping = Grouping.MARK
    order: Order = Order.OLDEST
    limits: Limits = field(default_factory=Limits)
    tags: tuple[str, ...] = ()
    owner: str = ""
    kind: str = ""
    template: str = ""
    tests: tuple[str, ...] | None = None
    cost_usd: float | None = None
    team: str = ""
    account: str = ""
    priority: int = 0
    deadline_seconds: float = 3600.0

    def takes(self, mark: Mark) -> bool:
        """Tell whether it is about a mark."""
        return (not self.tags or mark.tag in self.tags) and (
            self.owner.lower() in mark.owner.lower()
        )


def check_wanted(wanted: Wanted) -> None:
    """See that something can be asked for.

    Raises:
        InvalidRequestError: It cannot; the text says what.
    """
    limits = wanted.limits
    for what, number in (
        ("tasks", limits.most_tasks),
        ("marks of a task", limits.most_marks),
        ("characters of a task", limits.most_characters),
    ):
        if number < 1:
            raise InvalidRequestError(f"at most {number} {what} are none", hint="Use 1 or more.")
    for number_usd in (limits.most_usd, wanted.cost_usd):
        if number_usd is not None and number_usd < 0:
            raise InvalidRequestError(f"a cost of {number_usd:g} is none", hint="Use 0 or more.")


def key_of(scan: Scan, parts: Iterable[str]) -> str:
    """Return the key of the task that is about some marks, or of a graph of such tasks."""
    names = "\0".join((scan.repository, *sorted(parts)))
    return f"{BACKLOG}:{hashlib.sha256(names.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def next_key(key: str) -> str:
    """Return the key of the task that comes after the one with a key."""
    stem, _, number = key.partition("#")
    return f"{stem}#{int(number or 1) + 1}"


def planned(
    scan: Scan, marks: Sequence[Mark], tests: tuple[str, ...], wanted: Wanted, key: str = ""
) -> PlannedTask:
    """Return the task for some marks.

    Args:
        key: By which it was asked for before; empty for what was not.
    """
    first = marks[0]
    words = _UNFIT.sub("-", first.text.lower()).strip("-")[:NAME_CHARACTERS].strip("-")
    name = f"{_UNFIT.sub('-', first.tag.lower()).strip('-')}-{first.mark_id}"
    spec = TaskSpec(
        name=f"{name}-{words}" if words else name,
        kind=wanted.kind or "claude",
        prompt=prompt_for(marks, tests, token_hex(4)),
        directory=scan.top,
        template=wanted.template,
        worktree=True,
        team=wanted.team,
        account=wanted.account,
        priority=wanted.priority,
        deadline_seconds=wanted.deadline_seconds,
        acceptance=Acceptance(commands=(gone_command(scan, marks), *tests), commit=True),
        key=key or key_of(scan, (one.mark_id for one in marks)),
        strategy={TASK: BACKLOG},
    )
    return PlannedTask(tuple(marks), spec, wanted.cost_usd)


def gone_command(scan: Scan, marks: Sequence[Mark]) -> str:
    """Return the command that ends with 0 once marks are gone from the checkout it is run in."""
    tags = [part for tag in sorted({one.tag for one in marks}) for part in ("--tag", tag)]
    spots = [f"{one.path}:{one.line}" for one in marks]
    return shlex.join((*OWN_COMMAND, "--commit", scan.commit, *tags, "--", *spots))


def known_of(scan: Scan, task: PlannedTask, now: datetime) -> list[KnownMark]:
    """Return the marks of a task as they are remembered."""
    return [
        KnownMark(
            scan.repository, one.mark_id, one.content, one.place, one.path, one.tag, one.text,
            task.spec.key, scan.commit, now, TaskId(""),
        )
        for one in task.marks
    ]  # fmt: skip


def find_mark(scan: Scan, name: str) -> Mark:
    """Return the mark whose id begins so.

    Raises:
        InvalidRequestError: None does, or several do.
    """
    found = [one for one in scan.marks if one.mark_id.startswith(name)]
    if len(found) != 1:
        what = "no mark has" if not found else f"{len(found)} marks have"
        raise InvalidRequestError(f"{what} the id {shown(name)!r}", hint="Scan to see which are.")
    return found[0]
