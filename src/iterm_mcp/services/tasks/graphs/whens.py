"""Conditions as they are written: ``tasks.scan.output.count > 0``. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.models.tasks import Condition, Operator
from iterm_mcp.services.tasks.graphs.texts import plain
from iterm_mcp.tasks.conditions import check_condition, references

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.tasks.graphs.document import WhenPart

_WORDS: dict[str, tuple[Operator, Any]] = {
    "==": (Operator.EQUALS, None),
    "!=": (Operator.DIFFERS, None),
    "<": (Operator.LESS, None),
    ">": (Operator.MORE, None),
    "contains": (Operator.CONTAINS, None),
    "matches": (Operator.MATCHES, None),
    "exists": (Operator.EXISTS, True),
    "missing": (Operator.EXISTS, False),
}
_LINE = re.compile(
    r"(?P<value>\S+)\s+(?P<word>==|!=|<=|>=|<|>|=|[a-z]+)(?:\s+(?P<wanted>\S.*))?", re.DOTALL
)
_HINT = (
    "Write tasks.NAME.output.count > 0, with one of ==, !=, <, >, contains, matches; or with "
    "exists or missing and nothing after it."
)


def read_when(written: str | WhenPart) -> Condition:
    """Return a condition.

    Raises:
        InvalidRequestError: It is none, or cannot hold at all.
    """
    condition = _from_line(written) if isinstance(written, str) else _from_part(written)
    check_condition(condition)
    return condition


def _from_line(line: str) -> Condition:
    found = _LINE.fullmatch(line.strip())
    known = None if found is None else _WORDS.get(found["word"])
    if found is None or known is None:
        raise InvalidRequestError(f"{shown(line)!r} is no condition", hint=_HINT)
    operator, wanted = known
    if (operator is Operator.EXISTS) is not (found["wanted"] is None):
        raise InvalidRequestError(f"{shown(line)!r} is no condition", hint=_HINT)
    if found["wanted"] is not None:
        text = found["wanted"]
        pattern = operator is Operator.MATCHES and text[0] != '"'
        wanted = text if pattern else _value(text)
    task, path = read_place(found["value"])
    return Condition(task, path, operator, wanted)


def _from_part(part: WhenPart) -> Condition:
    given = part.given()
    if len(given) != 1:
        what = " and ".join(one.value for one in given) or "no operator"
        raise InvalidRequestError(
            f"a condition has one operator, and this has {what}",
            hint=f"Write one of {', '.join(Operator)}; several conditions are a list.",
        )
    task, path = read_place(part.value)
    return Condition(task, path, given[0], plain(getattr(part, given[0].value)))


def read_place(text: str) -> tuple[str, str]:
    """Return the task and the path that ``tasks.NAME.output.path`` names.

    Raises:
        InvalidRequestError: It names none.
    """
    inner = text.strip().removeprefix("${").removesuffix("}")
    if not inner.startswith("tasks.") or set(inner) & set("{}"):
        raise InvalidRequestError(
            f"{shown(text)!r} is no value of a task", hint="Write tasks.NAME.output.path."
        )
    (reference,) = references(f"${{{inner}}}")
    return reference.task, reference.path


def _value(text: str) -> Json:
    """Read what a value is compared with: JSON, or a text that needs no quotes."""
    try:
        return plain(json.loads(text))
    except ValueError:
        return text
