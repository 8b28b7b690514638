"""What answers look like, for the document: models made from the dataclasses that are sent."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from pydantic import BaseModel, create_model

from iterm_mcp.models import account_views, accounts, event_queries, events, history
from iterm_mcp.models.annotations import AnnotationId
from iterm_mcp.services.events import conversations, cost_checking, costs

_NAMES: dict[str, Any] = {
    **vars(events),
    **vars(event_queries),
    **vars(accounts),
    **vars(account_views),
    **vars(history),
    **vars(conversations),
    **vars(costs),
    **vars(cost_checking),
    "AnnotationId": AnnotationId,
    "Json": Any,
    "Mapping": Mapping,
    "Sequence": Sequence,
    "date": date,
    "datetime": datetime,
}
"""What the annotations of these modules mean, those included that are read by checkers alone."""


@cache
def shape_of(kind: type) -> type[BaseModel]:
    """Return a model of a dataclass's JSON, and of all that it holds."""
    hints = typing.get_type_hints(kind, globalns=_NAMES)
    members: Any = {one.name: (_shaped(hints[one.name]), ...) for one in dataclasses.fields(kind)}
    made: type[BaseModel] = create_model(kind.__name__, __doc__=kind.__doc__, **members)
    return made


def list_shape(name: str, member: str, kind: type) -> type[BaseModel]:
    """Return a model of an object that holds a list of a dataclass."""
    members: Any = {member: (types.GenericAlias(list, (shape_of(kind),)), ...)}
    made: type[BaseModel] = create_model(name, **members)
    return made


def _shaped(hint: Any) -> Any:  # noqa: ANN401 - any annotation
    if isinstance(hint, typing.NewType):
        return _shaped(hint.__supertype__)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return shape_of(hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint
    arguments = typing.get_args(hint)
    if not arguments:
        return hint
    shaped = tuple(one if one is Ellipsis else _shaped(one) for one in arguments)
    if isinstance(hint, types.UnionType):
        return typing.Union[shaped]  # noqa: UP007 - made at run time
    origin = typing.get_origin(hint)
    return (dict if origin is Mapping else origin)[shaped]
