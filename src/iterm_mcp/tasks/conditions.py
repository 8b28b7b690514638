"""Values of results: found by path, held against conditions, and put into what is asked for. Pure.

A path is keys and numbers with dots between: ``output.rows.0.name``, ``files.out/report.json``.
Where a key has dots itself, the longest one that fits is taken.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.patterns import compile_pattern
from iterm_mcp.models.tasks import COMMAND, Operator, TaskResult

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.tasks import Condition, TaskSpec

FIELDS = tuple(TaskResult.__dataclass_fields__)
"""What a path begins with."""

MOST_SHELL_BYTES = 100_000
"""Of a command line or a variable: the system takes 128 KiB of each."""
MOST_PROMPT_CHARACTERS = 400_000
MOST_CHARACTERS = 2_000_000
"""Of all values of one task."""

_PLACE = re.compile(r"\$\$\{tasks\.|\$\{tasks\.([^{}]*)\}")
_REFERENCE = re.compile(rf"(?P<task>.+?)\.(?P<path>(?:{'|'.join(FIELDS)})(?:\..+)?)", re.DOTALL)
_RAW = ":raw"
_SHOWN_KEYS = 12


def value_at(result: TaskResult, path: str) -> Json:
    """Return the value that stands at a path of a result; all of it for an empty path.

    Raises:
        NotFoundError: There is none; the hint says what there is instead.
    """
    return value_in({name: getattr(result, name) for name in FIELDS}, path)


def value_in(value: Any, path: str) -> Json:  # noqa: ANN401 - JSON, or the fields of a result
    """Return the value that stands at a path of another one; all of it for an empty path.

    Raises:
        NotFoundError: There is none; the hint says what there is instead.
    """
    rest = path
    while rest:
        key, rest = _next_key(value, rest, path)
        value = value[key]
    return _plain(value)


def _next_key(value: object, rest: str, path: str) -> tuple[Any, str]:
    """Return the first key of what is left of a path, and what is left after it."""
    if isinstance(value, Mapping):
        parts = rest.split(".")
        for count in range(len(parts), 0, -1):
            key = ".".join(parts[:count])
            if key in value:
                return key, ".".join(parts[count:])
        raise _missing(path, f"There is {_listed(value)}.")
    first, _, left = rest.partition(".")
    if not isinstance(value, list | tuple):
        raise _missing(path, f"Before {rest!r} stands a single value, which has no parts.")
    if not re.fullmatch(r"-?[0-9]{1,9}", first) or not -len(value) <= int(first) < len(value):
        raise _missing(path, f"Before {rest!r} stands a list of {len(value)}: count from 0.")
    return int(first), left


def _listed(keys: Collection[str]) -> str:
    shown = [repr(one) for one in list(keys)[:_SHOWN_KEYS]]
    more = [f"{len(keys) - len(shown)} more"] if len(keys) > len(shown) else []
    return ", ".join([*shown, *more]) or "nothing"


def _missing(path: str, hint: str) -> NotFoundError:
    return NotFoundError("value", path, hint=hint)


def _plain(value: Any) -> Json:  # noqa: ANN401 - any part of a result
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value  # type: ignore[no-any-return]  # what is left of JSON


# Conditions.


def check_condition(condition: Condition) -> None:
    """See that a condition can hold at all.

    Raises:
        InvalidRequestError: Its operator cannot be held against such a value.
    """
    operator, value = condition.operator, condition.value
    if operator in {Operator.LESS, Operator.MORE} and _rank(value) is None:
        raise InvalidRequestError(
            f"{operator.value} compares with a number or a text", hint="Write one, as less: 10."
        )
    if operator is Operator.MATCHES:
        if not isinstance(value, str):
            raise InvalidRequestError(
                "matches takes a regular expression", hint='Write one in quotes: "^ok".'
            )
        compile_pattern(value)
    if operator is Operator.EXISTS and not (value is None or isinstance(value, bool)):
        raise InvalidRequestError("exists takes true or false", hint="Write exists: true.")


def holds(condition: Condition, result: TaskResult) -> bool:
    """Tell whether a condition holds of a result. It never raises.

    Of a value that is not there, or of another type than its operator is for, nothing holds; but
    ``exists: false`` holds of a value that is not there.
    """
    wanted = condition.value
    try:
        value = value_at(result, condition.path)
    except NotFoundError:
        return condition.operator is Operator.EXISTS and wanted is False
    return _HOLDS[condition.operator](value, wanted)


def same(one: Json, other: Json) -> bool:
    """Tell whether two values are the same JSON: 1 is 1.0, and neither is true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def _rank(value: Json) -> type | None:
    """Return what a value can be compared as; None for what has no order."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float
    return str if isinstance(value, str) else None


def _ordered(low: Any, high: Any) -> bool:  # noqa: ANN401 - any JSON
    rank = _rank(low)
    return rank is not None and rank is _rank(high) and bool(low < high)


def _contains(value: Json, wanted: Json) -> bool:
    if isinstance(value, list):
        return any(same(one, wanted) for one in value)
    return isinstance(wanted, str) and isinstance(value, str | dict) and wanted in value


def _matches(value: Json, pattern: Json) -> bool:
    if not isinstance(value, str) or not isinstance(pattern, str):
        return False
    try:
        compiled = compile_pattern(pattern)
    except InvalidRequestError:  # refused when it was asked for; nothing matches it
        return False
    # Text may hold halves of surrogate pairs, which no encoding knows.
    return compiled.search(value.encode("utf-8", "replace").decode()) is not None


_HOLDS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.EXISTS: lambda _, wanted: wanted is not False,
    Operator.EQUALS: same,
    Operator.DIFFERS: lambda value, wanted: not same(value, wanted),
    Operator.LESS: _ordered,
    Operator.MORE: lambda value, wanted: _ordered(wanted, value),
    Operator.CONTAINS: _contains,
    Operator.MATCHES: _matches,
}


# Values put into what is asked for.


@dataclass(frozen=True, slots=True)
class Reference:
    """A place of a text that stands for a value of a needed task.

    Attributes:
        task: Its name; with ``*`` it stands for all needed ones that have such a name.
        path: In its result.
        raw: It goes into a command as it is.
    """

    task: str
    path: str
    raw: bool = False


def references(text: str) -> list[Reference]:
    """Return what a text asks of other tasks' results.

    Raises:
        InvalidRequestError: A place is not as ``${tasks.NAME.output.path}``.
    """
    return [_reference(one[1]) for one in _PLACE.finditer(text) if one[1] is not None]


def _reference(inner: str) -> Reference:
    raw = inner.endswith(_RAW)
    found = _REFERENCE.fullmatch(inner.removesuffix(_RAW))
    if found is None:
        raise InvalidRequestError(
            f"${{tasks.{inner[:80]}}} names no value",
            hint=f"Write ${{tasks.NAME.PART}}; the parts are {', '.join(FIELDS)}.",
        )
    return Reference(found["task"], found["path"], raw)


def texts_of(spec: TaskSpec) -> Iterator[str]:
    """Return the texts of a task that `fill` puts values into."""
    yield spec.prompt
    yield from spec.environment.values()
    yield from spec.acceptance.commands


def escape(text: str) -> str:
    """Return a text in which `fill` leaves every place as it is."""
    return text.replace("${tasks.", "$${tasks.")


def fill(spec: TaskSpec, inputs: Mapping[str, TaskResult]) -> TaskSpec:
    """Return a task with the values that its texts ask for put in.

    ``${tasks.NAME.output.path}`` stands for a value of a needed task, a text as it is and anything
    else as JSON; with ``*`` in the name for an object of all that fit, by name; ``$${tasks.`` for
    itself. In a command line each value is quoted as one word of a shell, whatever it holds, but
    not with ``:raw`` at its end. What is put in is never looked at again.

    Raises:
        InvalidRequestError: A value is not there, or is too long; the text says which.
    """
    missing: list[str] = []
    size = 0

    def put_in(text: str, *, quoted: bool) -> str:
        def one(place: re.Match[str]) -> str:
            if place[1] is None:
                return "${tasks."
            reference = _reference(place[1])
            try:
                value = as_text(_asked(reference, inputs))
            except NotFoundError as error:
                missing.append(f"tasks.{place[1]}: {error.hint}")
                return ""
            nonlocal size
            size += len(value)
            if size > MOST_CHARACTERS:
                raise _too_long(spec, "text", f"{MOST_CHARACTERS} characters")
            return shlex.quote(value) if quoted and not reference.raw else value

        return _PLACE.sub(one, text)

    commands = tuple(put_in(one, quoted=True) for one in spec.acceptance.commands)
    filled = replace(
        spec,
        prompt=put_in(spec.prompt, quoted=spec.kind == COMMAND),
        environment={name: put_in(one, quoted=False) for name, one in spec.environment.items()},
        acceptance=replace(spec.acceptance, commands=commands),
    )
    if missing:
        raise InvalidRequestError(
            f"values that task {spec.name!r} needs are not there: {'; '.join(missing)}",
            hint="Have the needed task hand them on, or ask for others.",
            code="value_missing",
        )
    _check_sizes(filled)
    return filled


def _asked(reference: Reference, inputs: Mapping[str, TaskResult]) -> Json:
    name, path = reference.task, reference.path
    if name in inputs:
        return value_at(inputs[name], path)
    if "*" in name:
        fitting = [one for one in inputs if fnmatchcase(one, name)]
        if fitting:
            return {one: value_at(inputs[one], path) for one in fitting}
    raise NotFoundError("task", name, hint=f"It needs {_listed(inputs)}.")


def as_text(value: Json) -> str:
    """Return a value as it is put into texts."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _check_sizes(spec: TaskSpec) -> None:
    shell = {f"variable {name}": one for name, one in spec.environment.items()}
    shell |= {f"acceptance command {at}": one for at, one in enumerate(spec.acceptance.commands, 1)}
    if spec.kind == COMMAND:
        shell["command line"] = spec.prompt
    for what, text in shell.items():
        if "\0" in text:
            raise InvalidRequestError(
                f"the {what} of task {spec.name!r} holds a NUL, which no program can be given",
                hint="Hand such a value on as a file.",
            )
        if len(text.encode(errors="replace")) > MOST_SHELL_BYTES:
            raise _too_long(spec, what, f"{MOST_SHELL_BYTES} bytes")
    if len(spec.prompt) > MOST_PROMPT_CHARACTERS:
        raise _too_long(spec, "prompt", f"{MOST_PROMPT_CHARACTERS} characters")


def _too_long(spec: TaskSpec, what: str, most: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"with its values put in, the {what} of task {spec.name!r} is longer than {most}",
        hint="Hand long values on as files: ${tasks.NAME.files.PATH}.",
    )
