"""One task that becomes many, one for each element of a list, and their results as one. Pure.

In the texts of such a task ``${item}`` stands for the element, ``${item.path}`` for a part of it
and ``${index}`` for its number from 1; ``$${item`` for itself. In command lines they are quoted as
one word of a shell, but not with ``:raw`` at the end.

When all that it needs have succeeded, and its conditions hold, a task with `TaskSpec.fan_out` is
not queued. Instead, in the same transaction, the children of `spread` are added to its graph, and
it becomes their gathering task: it goes on waiting under its own id, as others wait for it. So do
the steps of the chain that follows it.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.tasks import (
    COMMAND,
    GATHER,
    Acceptance,
    RetryPolicy,
    TaskResult,
    TaskSpec,
)
from iterm_mcp.tasks.conditions import FIELDS, as_text, escape, texts_of, value_at, value_in

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from iterm_mcp.models.observations import Json

MOST_CHARACTERS = 8_000_000
"""Of all texts of what a task becomes."""

_REFERENCE = re.compile(rf"\$\$\{{tasks\.|\$\{{tasks\.([^{{}}]+?)\.(?={'|'.join(FIELDS)})")
_PLACE = re.compile(r"\$\$\{(?:item|index)\b|\$\{(item(?:\.[^{}]+?)?|index)(:raw)?\}")


@dataclass(frozen=True, slots=True)
class Spread:
    """What a task becomes.

    Attributes:
        children: One for each element, in their order.
        gather: The task itself from now on.
    """

    children: tuple[TaskSpec, ...]
    gather: TaskSpec


def spread(
    spec: TaskSpec, inputs: Mapping[str, TaskResult], steps: Sequence[TaskSpec] = ()
) -> list[Spread]:
    """Return what a task becomes that fans out over a list in a needed task's result.

    Args:
        steps: Of the chain that follows it: they become as many, see `FanOut.along`.

    Returns:
        It, and then its steps.

    Raises:
        InvalidRequestError: There is no list, it is too long, or an element lacks what the task's
            texts ask for.
    """
    fan_out = spec.fan_out
    if fan_out is None:
        raise InvalidRequestError(f"task {spec.name!r} fans out over nothing")
    where = f"tasks.{fan_out.task}.{fan_out.path}"
    try:
        found = value_at(inputs[fan_out.task], fan_out.path)
    except KeyError:
        raise InvalidRequestError(
            f"task {spec.name!r} fans out over {where}, which it does not need",
            hint=f"Add {fan_out.task} to its needs.",
        ) from None
    except NotFoundError as error:
        raise InvalidRequestError(
            f"task {spec.name!r} fans out over {where}, which is not there", hint=error.hint
        ) from None
    if not isinstance(found, list):
        raise InvalidRequestError(
            f"task {spec.name!r} fans out over {where}, which is no list",
            hint=f"Have {fan_out.task} hand on a JSON list there.",
        )
    if len(found) > fan_out.most:
        raise InvalidRequestError(
            f"task {spec.name!r} fans out over {where}: its {len(found)} elements are more than "
            f"the {fan_out.most} that are allowed",
            hint="Have it find fewer, or raise the fan-out's most.",
        )
    # Its conditions held already, and its time has come.
    ready = replace(spec, when=(), not_before=None)
    chain = {spec.name, *(one.name for one in steps)}
    spreads = []
    for one in (ready, *steps):
        children = tuple(
            of_element(child, number, chain)
            for number, child in enumerate(spread_over(one, found), 1)
        )
        spreads.append(Spread(children, gathering(one, children)))
    return spreads


def spread_over(
    spec: TaskSpec, items: Sequence[Json], *, everywhere: bool = False
) -> tuple[TaskSpec, ...]:
    """Return a task for each element, named ``NAME-1`` and so on.

    Args:
        everywhere: The elements were written by who asked for the task: they may also decide on
            directory, template, team, account and labels. What a task has found may not.

    Raises:
        InvalidRequestError: An element lacks what the task's texts ask for.
    """
    texts = "\n".join([*texts_of(spec), *spec.files])
    places = len(_PLACE.findall(texts))
    size = sum(len(texts) + places * len(as_text(one)) for one in items)
    if size > MOST_CHARACTERS:
        raise InvalidRequestError(
            f"the texts of task {spec.name!r} for {len(items)} elements are longer than "
            f"{MOST_CHARACTERS} characters together",
            hint="Put long texts into files, and name these.",
        )
    return tuple(_child(spec, one, at, everywhere) for at, one in enumerate(items, 1))


def of_element(spec: TaskSpec, number: int, chain: Collection[str]) -> TaskSpec:
    """Return a task about an element that needs, of a chain's tasks, those about the same one.

    Args:
        chain: The names of all that are about the same elements.
    """

    def name(one: str) -> str:
        return f"{one}-{number}" if one in chain else one

    def text(one: str) -> str:
        return _REFERENCE.sub(renamed, one)

    def renamed(place: re.Match[str]) -> str:
        return place[0] if place[1] is None else f"${{tasks.{name(place[1])}."

    return replace(
        spec,
        prompt=text(spec.prompt),
        environment={key: text(one) for key, one in spec.environment.items()},
        acceptance=replace(spec.acceptance, commands=tuple(map(text, spec.acceptance.commands))),
        needs=tuple(map(name, spec.needs)),
        when=tuple(replace(one, task=name(one.task)) for one in spec.when),
        compensates=name(spec.compensates) if spec.compensates else "",
    )


def gathering(spec: TaskSpec, children: Sequence[TaskSpec]) -> TaskSpec:
    """Return the task for which others wait that wait for all of a task's children."""
    return replace(
        spec,
        kind=GATHER,
        prompt="",
        environment={},
        worktree=False,
        template="",
        retry=RetryPolicy(),
        acceptance=Acceptance(),
        needs=tuple(one.name for one in children),
        when=(),
        not_before=None,
        files=(),
        fan_out=None,
    )


def gather(spec: TaskSpec, inputs: Mapping[str, TaskResult]) -> TaskResult:
    """Return the result of a gathering task: the outputs in the order of its needs.

    Files are named ``NEED/PATH``; what is known of costs and tokens is added up.
    """
    found = [(name, inputs[name]) for name in spec.needs if name in inputs]
    costs = [one.cost_usd for _, one in found if one.cost_usd is not None]
    tokens = [one.tokens for _, one in found if one.tokens is not None]
    return TaskResult(
        output=[one.output for _, one in found],
        files={f"{name}/{path}": kept for name, one in found for path, kept in one.files.items()},
        cost_usd=sum(costs) if costs else None,
        tokens=sum(tokens) if tokens else None,
    )


def _child(spec: TaskSpec, item: Json, number: int, everywhere: bool) -> TaskSpec:  # noqa: FBT001 - private
    def plain(text: str) -> str:
        return _PLACE.sub(lambda place: _value(place, item, number, spec), text)

    def filled_later(text: str) -> str:
        # A value may look like a place of its own, which is filled when the task starts.
        return _PLACE.sub(lambda place: escape(_value(place, item, number, spec)), text)

    def command(text: str) -> str:
        return _PLACE.sub(lambda place: escape(_quoted(place, item, number, spec)), text)

    commands = tuple(map(command, spec.acceptance.commands))
    child = replace(
        spec,
        name=f"{spec.name}-{number}",
        key=f"{spec.key}-{number}" if spec.key else "",
        prompt=(command if spec.kind == COMMAND else filled_later)(spec.prompt),
        environment={name: filled_later(one) for name, one in spec.environment.items()},
        acceptance=replace(spec.acceptance, commands=commands),
        files=tuple(map(plain, spec.files)),
        fan_out=None,
    )
    return _placed(child, plain) if everywhere else child


def _placed(spec: TaskSpec, put_in: Callable[[str], str]) -> TaskSpec:
    return replace(
        spec,
        directory=put_in(spec.directory),
        template=put_in(spec.template),
        team=put_in(spec.team),
        account=put_in(spec.account),
        labels={name: put_in(one) for name, one in spec.labels.items()},
    )


def _quoted(place: re.Match[str], item: Json, number: int, spec: TaskSpec) -> str:
    value = _value(place, item, number, spec)
    return value if place[1] is None or place[2] is not None else shlex.quote(value)


def _value(place: re.Match[str], item: Json, number: int, spec: TaskSpec) -> str:
    if place[1] is None:
        return place[0].removeprefix("$")
    if place[1] == "index":
        return str(number)
    path = place[1].removeprefix("item").removeprefix(".")
    try:
        return as_text(value_in(item, path))
    except NotFoundError as error:
        raise InvalidRequestError(
            f"element {number} that task {spec.name!r} fans out over has no {path!r}",
            hint=error.hint,
            code="value_missing",
        ) from None
