"""Variables in the texts of a playbook. Pure.

``${name}`` stands for a variable, ``$${`` for itself. In a command each value is quoted as one
word of a POSIX shell, whatever it holds, for it may be something that a program has printed;
``${name:raw}`` puts it in as it is.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.names import not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_PLACE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,63})(:raw)?")


def names_in(text: str) -> list[str]:
    """Return the variables that a text names.

    Raises:
        InvalidRequestError: What stands in ``${…}`` is no name.
    """
    return [_name(one[1])[0] for one in _PLACE.finditer(text) if one[1] is not None]


def fill(text: str, values: Mapping[str, str], *, command: bool = False) -> str:
    """Put in values, once: what they hold is never looked at again.

    Args:
        command: Quote each for a shell.

    Raises:
        NotFoundError: There is no such variable.
    """

    def value(place: re.Match[str]) -> str:
        if place[1] is None:
            return "${"
        name, raw = _name(place[1])
        check_known(name, values)
        return shlex.quote(values[name]) if command and not raw else values[name]

    return _PLACE.sub(value, text)


def fill_all(value: Any, put_in: Callable[[str], str]) -> Any:  # noqa: ANN401 - any data
    """Do it to every text of some data, keys left as they are."""
    match value:
        case str():
            return put_in(value)
        case list():
            return [fill_all(one, put_in) for one in value]
        case dict():
            return {key: fill_all(one, put_in) for key, one in value.items()}
        case _:
            return value


def check_known(name: str, known: Collection[str]) -> None:
    """See that a variable exists.

    Raises:
        NotFoundError: It does not; the hint holds those most like it.
    """
    if name not in known:
        error = not_found("variable", name, known)
        if error.hint.startswith("Call"):
            error.hint = f"There are: {', '.join(sorted(known)) or 'none'}."
        raise error


def _name(text: str) -> tuple[str, bool]:
    found = _NAME.fullmatch(text.strip())
    if found is None:
        raise InvalidRequestError(
            f"${{{text[:40]}}} is no variable",
            hint="Write ${name}, or $${ for a dollar sign with a brace.",
        )
    return found[1], found[2] is not None
