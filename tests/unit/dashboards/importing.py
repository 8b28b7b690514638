"""Grafana's own model of a dashboard, as its SDK has it, as a schema to hold files against.

`read` takes a file as an import does, with all that the model knows; `misfits` then compares every
value with the type that the model declares. What the model does not know is not there when the
dashboard is written again, and `lost` finds it.
"""

from __future__ import annotations

import json
from enum import Enum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Literal, Union, get_args, get_origin, get_type_hints

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = (str, int, float, bool, NoneType)


def read(text: str) -> Dashboard:
    """Take a dashboard as an import does; raises where a part cannot be taken at all."""
    register_default_plugins()
    return Dashboard.from_json(json.loads(text))


def written(dashboard: object) -> object:
    """Return the JSON of a dashboard, or of a part, as the model writes it."""
    return json.loads(JSONEncoder(sort_keys=True).encode(dashboard))


def lost(told: object, again: object, where: str = "dashboard") -> Iterator[str]:
    """Yield what was told and is not there again; what the model adds is its own affair."""
    if isinstance(told, dict) and isinstance(again, dict):
        for key, one in told.items():
            if key in again:
                yield from lost(one, again[key], f"{where}.{key}")
            else:
                yield f"{where}.{key} is not known"
    elif isinstance(told, list) and isinstance(again, list) and len(told) == len(again):
        for number, one in enumerate(told):
            yield from lost(one, again[number], f"{where}[{number}]")
    elif told != again:
        yield f"{where}: {told!r} is read as {again!r}"


def misfits(value: object, declared: object = None, where: str = "dashboard") -> Iterator[str]:
    """Yield each value below one that is not of the type that the model declares."""
    if isinstance(value, dict) and hasattr(declared, "from_json"):  # the model reads it later
        made = declared.from_json(value)
        yield from lost(value, written(made), where)
        yield from misfits(made, None, where)
    elif declared is not None and not fits(value, declared):
        yield f"{where}: {value!r} is no {declared}"
    elif isinstance(value, list):
        inner = next(iter(get_args(declared)), None) if get_origin(declared) is list else None
        for number, one in enumerate(value):
            yield from misfits(one, inner, f"{where}[{number}]")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from misfits(one, None, f"{where}.{key}")
    elif not isinstance(value, (*PLAIN, Enum)):
        hints = get_type_hints(type(value))
        for name, one in vars(value).items():
            yield from misfits(one, hints.get(name), f"{where}.{name}")


def fits(value: object, declared: object) -> bool:
    """Return whether a value is of a declared type; what is inside it is not looked at."""
    origin = get_origin(declared)
    if origin in {Union, UnionType}:
        return any(fits(value, one) for one in get_args(declared))
    if origin is Literal:
        return value in get_args(declared)
    kind = origin or declared
    if not isinstance(kind, type):
        return True
    if isinstance(value, bool):
        return kind in {bool, object}
    if issubclass(kind, Enum):
        return value in list(kind)
    return isinstance(value, (int, float) if kind is float else kind)
