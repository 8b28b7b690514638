"""Variables of a graph's document, put into it before its form is looked at. Pure.

``${name}`` stands for a variable; where it is all of a text, also for a list or a number. In
command lines each value is quoted as one word of a shell, but not with ``:raw`` at its end. Places
that are filled later, ``${tasks.…}`` and ``${item}``, stay; ``$${`` stands for ``${``.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from datetime import date
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import InvalidRequestError, ItermMcpError
from iterm_mcp.services.playbooks.text import check_known
from iterm_mcp.tasks.conditions import as_text, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.yaml_source import Path

    Tell = Callable[[Path, str, str], None]
    """Takes note of a problem: where, what, and what to do."""

MOST_CHARACTERS = 4_000_000
"""Of all values that are put in."""

RESERVED = frozenset({"item", "index", "tasks"})

_PLACE = re.compile(r"\$\$\{(?=(tasks\.|(?:item|index)\b)?)|\$\{([^{}]*)\}")
_ELEMENT = re.compile(r"(?:item(?:\..+)?|index)(?::raw)?")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,63})(:raw)?")
_ALONE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")

NOT_GIVEN = _ALONE
"""What is left of a variable without a value."""

_ELEMENT_PLACE = re.compile(r"\$\{(?=(?:item|index)\b)")


def plain(value: Any) -> Json:  # noqa: ANN401 - whatever YAML reads
    """Return data as JSON: times as texts, as they are in any result."""
    match value:
        case dict():
            return {str(key): plain(one) for key, one in value.items()}
        case list():
            return [plain(one) for one in value]
        case date():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return str(value)
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)


def settle_variables(
    own: Mapping[str, Json], given: Mapping[str, Json], tell: Tell
) -> dict[str, Json]:
    """Return the variables' values: those given, and the document's own for the others.

    A text that is given for what is no text in the document is read as JSON.
    """
    values = dict(own)
    for name in own:
        if name in RESERVED:
            tell(("variables", name), f"{name!r} has a meaning of its own", "Call it otherwise.")
    for name, value in given.items():
        try:
            check_known(name, own)
            values[name] = _given(name, value, own[name])
        except ItermMcpError as error:
            tell(("variables",), str(error), error.hint)
    for name, settled in values.items():
        if settled is None:
            tell(("variables", name), "it has no value", f"Give one for {name}.")
    return values


def _given(name: str, value: Json, own: Json) -> Json:
    if not isinstance(value, str) or own is None or isinstance(own, str):
        return value
    try:
        return plain(json.loads(value))
    except ValueError:
        raise InvalidRequestError(
            f"the value given for {name} is no JSON, and its own is no text",
            hint=f"Write it as {json.dumps(own)[:60]}.",
        ) from None


class Variables:
    """Puts values into a document.

    Args:
        tell: Takes note of each place that names no variable.
    """

    def __init__(self, values: Mapping[str, Json], tell: Tell) -> None:
        self._values = values
        self._tell = tell
        self._left = MOST_CHARACTERS

    def fill(self, value: Any, path: Path, *, fanned: bool = False) -> Any:  # noqa: ANN401 - any
        """Return data with all values put in.

        Args:
            path: Where it stands.
            fanned: It is about each element of a list.
        """
        match value:
            case str():
                return self._text(value, path, fanned)
            case list():
                return [self.fill(one, (*path, at), fanned=fanned) for at, one in enumerate(value)]
            case dict():
                inner = fanned or value.get("fan_out") is not None
                return {
                    # The list itself is not about its elements.
                    key: self.fill(one, (*path, key), fanned=inner and key != "fan_out")
                    for key, one in value.items()
                }
            case _:
                return value

    def _text(self, text: str, path: Path, fanned: bool) -> Json:  # noqa: FBT001 - private
        alone = _ALONE.fullmatch(text)
        value = None if alone is None else self._values.get(alone[1])
        if value is not None and not isinstance(value, str):
            return value
        command = path[-1:] == ("run",) or "commands" in path[-2:]

        def one(place: re.Match[str]) -> str:
            if place[2] is None:
                kept = place[1] is not None and (fanned or place[1] == "tasks.")
                return "$${" if kept else "${"
            if _ELEMENT.fullmatch(place[2]) and not fanned:
                fix = "Write fan_out: and a list, or $${ for a dollar sign with a brace."
                self._tell(path, "only what fans out has an item", fix)
                return ""
            if place[2].startswith("tasks.") or _ELEMENT.fullmatch(place[2]):
                return place[0]
            return self._value(place[2], path, command, fanned)

        return _PLACE.sub(one, text)

    def _value(self, inner: str, path: Path, command: bool, fanned: bool) -> str:  # noqa: FBT001 - private
        found = _NAME.fullmatch(inner.strip())
        try:
            if found is None:
                raise InvalidRequestError(
                    f"${{{inner[:40]}}} is no variable",
                    hint="Write ${name}, or $${ for a dollar sign with a brace.",
                )
            check_known(found[1], self._values)
        except ItermMcpError as error:
            self._tell(path, str(error), error.hint)
            return ""
        if self._values[found[1]] is None:  # told already, once
            return f"${{{inner}}}"
        value = as_text(self._values[found[1]])
        self._left -= len(value)
        if self._left < 0:
            raise InvalidRequestError(
                f"with its variables put in, the document is longer than {MOST_CHARACTERS} "
                "characters",
                hint="Hand long values on as files.",
                code="bad_graph",
            )
        if command and found[2] is None:
            value = shlex.quote(value)
        if fanned:
            value = _ELEMENT_PLACE.sub("$${", value)
        return escape(value) if _is_filled(path) else value


def _is_filled(path: Path) -> bool:
    """Tell whether places of results are filled there when a task starts."""
    return path[-1:] in {("run",), ("prompt",)} or bool({"commands", "environment"} & {*path[-2:]})
