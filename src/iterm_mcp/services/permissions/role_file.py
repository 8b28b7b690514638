"""Roles in a file that people write: ``roles.toml`` in the state folder.

::

    [reviewer]
    description = "Reads everything and tells nobody what to do."
    tier = "read"
    tools = ["*"]
    denied = ["send_*"]
    reach = "own"
    paths = ["/home/me/project"]
    grants = []
"""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import anyio

from iterm_mcp.errors import InvalidRequestError, ItermMcpError
from iterm_mcp.models.roles import Reach, Role
from iterm_mcp.services.permissions.roles import check_role

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = tuple(one.name for one in fields(Role) if one.name not in {"name", "source"})
LISTS = frozenset({"tools", "denied", "paths", "grants"})
MOST_BYTES = 256 * 1024


class RoleFile:
    """Reads the file again when it has changed."""

    def __init__(self, path: str) -> None:
        self._path = anyio.Path(path)
        self._seen: tuple[int, int] | None = None
        self._roles: dict[str, Role] = {}

    async def load(self) -> dict[str, Role]:
        """Return the file's roles by name; none without a file.

        Raises:
            InvalidRequestError: It cannot be read, or means nothing. Nobody is let pass by a
                file that nobody understands.
        """
        try:
            found = await self._path.stat()
        except FileNotFoundError:
            self._seen, self._roles = None, {}
            return self._roles
        seen = (found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._roles = await self._read(found.st_size)
            self._seen = seen
        return self._roles

    async def _read(self, size: int) -> dict[str, Role]:
        try:
            if size > MOST_BYTES:
                raise ValueError(f"it has more than {MOST_BYTES} bytes")  # noqa: TRY301
            stored = tomllib.loads(await self._path.read_text("utf-8"))
            return {name: read_role(name, values) for name, values in stored.items()}
        except (OSError, ValueError, ItermMcpError) as error:
            hint = getattr(error, "hint", "") or "Mend it, or remove it."
            raise InvalidRequestError(
                f"{self._path} cannot be used: {error}", hint=hint, code="bad_role_file"
            ) from None


def read_role(name: str, values: object, source: str = "file") -> Role:
    """Return the role that a table of TOML describes.

    Raises:
        InvalidRequestError: It has a key that is none, or a value that means nothing.
    """
    if not isinstance(values, dict):
        raise InvalidRequestError(
            f"{name!r} is no table", hint=f"Write [{name}], and below it {', '.join(KEYS)}."
        )
    for key, value in values.items():
        if key not in KEYS:
            raise InvalidRequestError(
                f"role {name!r} has a key {str(key)[:40]!r} that is none",
                hint=f"The keys are {', '.join(KEYS)}.",
            )
        _check_type(name, key, value)
    role = replace(Role(name, source=source), **_values(values))
    check_role(role)
    return role


def _check_type(name: str, key: str, value: object) -> None:
    of_texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
    if not (of_texts if key in LISTS else isinstance(value, str)):
        form = 'a list of texts, such as ["a", "b"]' if key in LISTS else "a text"
        raise InvalidRequestError(
            f"{key} of role {name!r} is not {form.partition(',')[0]}", hint=f"Write {form}."
        )
    if key == "reach" and value not in set(Reach):
        raise InvalidRequestError(
            f"the reach {str(value)[:40]!r} of role {name!r} is none",
            hint=f"Use {', '.join(Reach)}.",
        )


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: tuple(value) if key in LISTS else value for key, value in values.items()}
    return found | ({"reach": Reach(values["reach"])} if "reach" in values else {})
