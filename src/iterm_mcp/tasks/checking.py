"""What can be accepted as work at all. No I/O."""

from __future__ import annotations

import math
from collections import Counter, deque
from pathlib import PurePath
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.models.tasks import GATHER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.task_graphs import GraphSpec
    from iterm_mcp.models.tasks import RetryPolicy, TaskSpec

MOST_TASKS = 20_000
MOST_NAME_CHARACTERS = 200
MOST_PROMPT_CHARACTERS = 400_000
MOST_ATTEMPTS = 100
MOST_SECONDS = 366 * 86400.0
MOST_PRIORITY = 1_000_000


def check_graph(graph: GraphSpec) -> None:
    """See that every task can run, and that none waits for itself. Other tasks' ids may be needed.

    Raises:
        InvalidRequestError: It cannot be; the text names the task.
    """
    if not graph.tasks:
        raise InvalidRequestError("there is no task in it", hint="Give at least one.")
    if len(graph.tasks) > MOST_TASKS:
        raise InvalidRequestError(
            f"{len(graph.tasks)} tasks are more than the {MOST_TASKS} of one graph",
            hint="Submit them in several graphs.",
        )
    _check_text("graph's name", graph.name)
    twice = [name for name, count in Counter(one.name for one in graph.tasks).items() if count > 1]
    if twice:
        raise InvalidRequestError(
            f"two tasks are called {shown(twice[0])!r}", hint="Give each a name of its own."
        )
    for one in graph.tasks:
        _check_task(one)
    named = {one.name: one for one in graph.tasks}
    for one in graph.tasks:
        _check_ties(one, named)
    _check_cycles({one.name: [need for need in one.needs if need in named] for one in graph.tasks})


def _check_text(what: str, text: str) -> None:
    if not text.strip() or len(text) > MOST_NAME_CHARACTERS or not text.isprintable():
        raise InvalidRequestError(
            f"the {what} {shown(text)!r} is not 1 to {MOST_NAME_CHARACTERS} printable characters",
            hint="Give a short name.",
        )


def _check_task(spec: TaskSpec) -> None:
    _check_text("task's name", spec.name)
    _check_text("kind", spec.kind)
    if spec.kind != GATHER:
        if not spec.prompt.strip():
            raise _bad(spec, "has nothing to do", "Give a prompt, or a command line.")
        if not PurePath(spec.directory).is_absolute() or "\0" in spec.directory:
            raise _bad(
                spec, f"works in {shown(spec.directory)!r}", "Give an absolute path as directory."
            )
    if len(spec.prompt) > MOST_PROMPT_CHARACTERS:
        raise _bad(
            spec,
            f"is asked for with more than {MOST_PROMPT_CHARACTERS} characters",
            "Put long texts into a file.",
        )
    _check_number(spec, "deadline_seconds", spec.deadline_seconds, least=0.001)
    if spec.stall_seconds is not None:
        _check_number(spec, "stall_seconds", spec.stall_seconds, least=0.001)
    if abs(spec.priority) > MOST_PRIORITY:
        raise _bad(spec, f"has priority {spec.priority}", f"Use up to {MOST_PRIORITY} either way.")
    if spec.not_before is not None and spec.not_before.tzinfo is None:
        raise _bad(spec, "may not begin before a time without a zone", "Add the time's zone.")
    _check_retry(spec, spec.retry)


def _check_retry(spec: TaskSpec, retry: RetryPolicy) -> None:
    if not 1 <= retry.attempts <= MOST_ATTEMPTS:
        raise _bad(spec, f"is to be tried {retry.attempts} times", f"Use 1 to {MOST_ATTEMPTS}.")
    _check_number(spec, "backoff_seconds", retry.backoff_seconds, least=0)
    _check_number(spec, "factor", retry.factor, least=1)
    _check_number(spec, "most_seconds", retry.most_seconds, least=0)


def _check_number(spec: TaskSpec, what: str, value: float, *, least: float) -> None:
    if not (math.isfinite(value) and least <= value <= MOST_SECONDS):
        raise _bad(spec, f"has {what} {value:g}", f"Use {least:g} to {MOST_SECONDS:g}.")


def _check_ties(spec: TaskSpec, named: Mapping[str, TaskSpec]) -> None:
    if len(set(spec.needs)) != len(spec.needs):
        raise _bad(spec, "needs the same task twice", "Name each once.")
    asked = [one.task for one in spec.when]
    if spec.fan_out is not None and spec.fan_out.along:
        _check_step(spec, spec.fan_out.task, named)
    elif spec.fan_out is not None:
        asked.append(spec.fan_out.task)
    for one in asked:
        if one not in spec.needs:
            raise _bad(spec, f"asks for the result of {shown(one)!r}", "Add that to its needs.")
    if spec.compensates and (spec.compensates not in named or spec.compensates == spec.name):
        raise _bad(
            spec,
            f"makes {shown(spec.compensates)!r} undone, which is no other task of its graph",
            "Name one that is.",
        )


def _check_step(spec: TaskSpec, head: str, named: Mapping[str, TaskSpec]) -> None:
    """See that a task that fans out along with another one follows it."""
    found = named.get(head)
    if found is None or found.fan_out is None or found.fan_out.along:
        raise _bad(
            spec,
            f"fans out along with {shown(head)!r}, which has no list that is found",
            "Name a task of the same graph that fans out by itself.",
        )
    if not any(_is_about(named.get(need), head) for need in spec.needs):
        raise _bad(spec, f"is no step after {shown(head)!r}", "Add that to its needs.")


def _is_about(spec: TaskSpec | None, head: str) -> bool:
    if spec is None or spec.fan_out is None:
        return False
    return spec.name == head or (spec.fan_out.along and spec.fan_out.task == head)


def _check_cycles(needs: Mapping[str, Iterable[str]]) -> None:
    open_needs = {name: set(those) for name, those in needs.items()}
    dependants: dict[str, list[str]] = {name: [] for name in needs}
    for name, those in open_needs.items():
        for need in those:
            dependants[need].append(name)
    free = deque(name for name, those in open_needs.items() if not those)
    while free:
        done = free.popleft()
        for name in dependants[done]:
            open_needs[name].discard(done)
            if not open_needs[name]:
                free.append(name)
    stuck = {name: those for name, those in open_needs.items() if those}
    if not stuck:
        return
    path: list[str] = []
    at = next(iter(stuck))
    while at not in path:  # of what is stuck, each needs another that is
        path.append(at)
        at = next(iter(stuck[at]))
    circle = [*path[path.index(at) :], at]
    raise InvalidRequestError(
        f"tasks wait for themselves: {' needs '.join(circle[:12])}",
        hint="Take one of these needs away.",
        code="cycle",
    )


def _bad(spec: TaskSpec, what: str, hint: str) -> InvalidRequestError:
    return InvalidRequestError(f"task {shown(spec.name)!r} {what}", hint=hint, code="bad_task")
