"""A document's tasks as they are submitted: lists fanned out, chains tied, stars resolved. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.models.choosing import TASK
from iterm_mcp.models.task_limits import ResourceLimits
from iterm_mcp.models.tasks import COMMAND, Acceptance, FanOut, RetryPolicy, TaskSpec
from iterm_mcp.services.tasks.graphs.document import MOST_ELEMENTS, FanOutPart
from iterm_mcp.services.tasks.graphs.texts import NOT_GIVEN, plain
from iterm_mcp.services.tasks.graphs.whens import read_place, read_when
from iterm_mcp.tasks.fan_out import gathering, of_element, spread_over

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from iterm_mcp.services.tasks.graphs.document import AcceptPart, TaskPart
    from iterm_mcp.services.tasks.graphs.drafts import Draft


@dataclass(frozen=True, slots=True)
class Compiled:
    """What becomes of a draft.

    Attributes:
        specs: Several, where it fans out over a list that is known; what gathers them is the last.
    """

    draft: Draft
    specs: tuple[TaskSpec, ...]


def compile_draft(draft: Draft, chain: Collection[str], items: Sequence[object] | None) -> Compiled:
    """Return the tasks of a draft; stars in their needs are still there.

    Args:
        chain: Names of all that are about the same elements.
        items: What its chain fans out over; None for nothing.

    Raises:
        InvalidRequestError: A place of its texts, a condition or an element is not as it must be.
    """
    spec = spec_of(draft)
    if items is None:
        return Compiled(draft, (spec,))
    values = [plain(one) for one in items]
    children = tuple(
        of_element(one, number, chain)
        for number, one in enumerate(spread_over(spec, values, everywhere=True), 1)
    )
    if draft.compensates:
        return Compiled(draft, children)
    return Compiled(draft, (*children, gathering(spec, children)))


def spec_of(draft: Draft) -> TaskSpec:
    """Return the task that a draft is, whose list is not fanned out.

    Raises:
        InvalidRequestError: A condition or the place of its list is none.
    """
    part = draft.part
    return TaskSpec(
        name=draft.name,
        kind=(COMMAND if part.run is not None else part.kind) or "",
        prompt=part.run if part.run is not None else part.prompt or "",
        directory=_directory(part.directory or ""),
        template="" if part.run is not None else part.template,
        environment=part.environment,
        worktree=part.worktree,
        team=part.team,
        account=part.account,
        priority=part.priority,
        deadline_seconds=part.deadline,
        stall_seconds=part.stall,
        retry=RetryPolicy(
            part.retry.attempts, part.retry.backoff, part.retry.factor, part.retry.most
        ),
        limits=_limits(part),
        acceptance=_acceptance(part.accept),
        labels=part.labels,
        needs=tuple(dict.fromkeys(draft.needs)),
        when=tuple(read_when(one) for one in part.when),
        compensates=draft.compensates,
        not_before=part.not_before,
        files=tuple(part.files),
        fan_out=_fan_out_of(draft),
        strategy={TASK: part.work} if part.work and part.run is None else {},
    )


def _fan_out_of(draft: Draft) -> FanOut | None:
    if draft.found_list and not NOT_GIVEN.fullmatch(draft.found_list):
        return FanOut(*read_place(draft.found_list), most_of(draft))
    if draft.along not in {"", draft.name}:
        return FanOut(draft.along, along=True)
    return None


def most_of(draft: Draft) -> int:
    """Return how many elements a list may have."""
    fan_out = draft.part.fan_out
    if isinstance(fan_out, FanOutPart):
        return fan_out.most
    return MOST_ELEMENTS if draft.items is not None else FanOut("").most


def resolved(
    specs: Iterable[TaskSpec], names: Collection[str], lists: Collection[str]
) -> list[TaskSpec]:
    """Return tasks with the stars of their needs resolved.

    Args:
        names: Of all tasks but of those that make others undone.
        lists: Of tasks about elements of a list that is not known yet: these stand for theirs.
    """
    stars: dict[str, list[str]] = {}

    def those(need: str) -> list[str]:
        if "*" not in need:
            return [need]
        if need not in stars:
            stars[need] = [one for one in names if fits(one, need, lists)]
        return stars[need]

    def needs(spec: TaskSpec) -> tuple[str, ...]:
        found = dict.fromkeys(one for need in spec.needs for one in those(need))
        return tuple(one for one in found if one != spec.name)

    return [replace(one, needs=needs(one)) for one in specs]


def fits(name: str, star: str, lists: Collection[str] = ()) -> bool:
    """Tell whether a need with a star is for a task, or for those that it will become."""
    return _pattern(star).match(f"{name}-1" if name in lists else name) is not None


@lru_cache(maxsize=256)
def _pattern(star: str) -> re.Pattern[str]:
    return re.compile(translate(star))


def _directory(text: str) -> str:
    if text == "~" or text.startswith("~/"):
        return str(Path.home() / text[2:])
    return text


def _limits(part: TaskPart) -> ResourceLimits:
    one = part.limits
    return ResourceLimits(one.memory, one.cpu, one.disk, one.processes, one.over)


def _acceptance(part: AcceptPart) -> Acceptance:
    schema: Mapping[str, object] | None = part.output
    return Acceptance(
        tuple(part.exit_codes),
        None if schema is None else plain(dict(schema)),  # type: ignore[arg-type]  # a mapping
        tuple(part.commands),
        part.commit,
        part.pull_request,
    )
