"""The tasks of a document one by one, before lists are fanned out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from iterm_mcp.services.tasks.graphs.document import TaskPart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.services.tasks.graphs.document import GraphPart, SharedPart
    from iterm_mcp.services.yaml_source import Path

UNDO = ".undo"


@dataclass(frozen=True, slots=True)
class Draft:
    """A task of a document.

    Attributes:
        path: Where it stands.
        part: What it says, and for the rest what all tasks have in common.
        needs: As they are written; for a step of a chain also the one before.
        head: The task whose elements it is about: itself, where it fans out over a list that is
            known, or the one that its chain begins with; empty for none.
        along: Likewise, where the list is only found while the graph runs.
        follows: The step before in its chain; empty for none.
        compensates: The task that it makes undone; empty for none.
        own: The keys that are written in it, and are not what all tasks have in common.
    """

    name: str
    path: Path
    part: TaskPart
    needs: tuple[str, ...]
    head: str = ""
    along: str = ""
    follows: str = ""
    compensates: str = ""
    own: frozenset[str] = frozenset()

    @property
    def is_many(self) -> bool:
        """Whether there is one such task for each element of a list."""
        return bool(self.head or self.along)

    @property
    def items(self) -> list[Any] | None:
        """The list that it fans out over itself, where that is known."""
        over = self.over
        return over if isinstance(over, list) else None

    @property
    def found_list(self) -> str:
        """Where the list will be that it fans out over, as it is written; empty for none."""
        over = self.over
        return over if isinstance(over, str) else ""

    @property
    def over(self) -> list[Any] | str | None:
        """What it fans out over; None for nothing."""
        fan_out = self.part.fan_out
        return fan_out if isinstance(fan_out, list | str) or fan_out is None else fan_out.over


def drafts_of(graph: GraphPart) -> list[Draft]:
    """Return every task of a document, in its order."""
    found: list[Draft] = []
    for name, part in graph.tasks.items():
        found += _chain(Draft(name, ("tasks", name), part, tuple(part.needs)), graph.defaults)
    return found


def _chain(draft: Draft, defaults: SharedPart) -> Iterator[Draft]:
    """Yield a task, what makes it undone, and the chain that it begins."""
    written = draft.part
    merged = TaskPart.model_validate(_merged(defaults, written))
    draft = replace(draft, part=merged, own=frozenset(written.model_fields_set))
    if not draft.is_many and draft.items is not None:
        draft = replace(draft, head=draft.name)
    elif not draft.is_many and draft.found_list:
        draft = replace(draft, along=draft.name)
    yield draft
    if written.undo is not None:
        part = TaskPart.model_validate(_merged(defaults, written.undo))
        yield Draft(
            draft.name + UNDO,
            (*draft.path, "undo"),
            part,
            (draft.name,),
            draft.head,
            draft.along,
            compensates=draft.name,
            own=frozenset(written.undo.model_fields_set),
        )
    before = draft.name
    for at, step in enumerate(written.then):
        for name, part in step.items():
            path = (*draft.path, "then", at, name)
            needs = (before, *part.needs)
            yield from _chain(
                Draft(name, path, part, needs, draft.head, draft.along, before), defaults
            )
            before = name


def _merged(defaults: SharedPart, part: TaskPart) -> dict[str, Any]:
    """Return what was written of a task over what all have in common, mappings key by key."""
    found = {_key(defaults, name): getattr(defaults, name) for name in defaults.model_fields_set}
    for name in part.model_fields_set:
        key, value = _key(part, name), getattr(part, name)
        common = found.get(key)
        if isinstance(value, BaseModel) and isinstance(common, BaseModel):
            found[key] = common.model_copy(
                update={one: getattr(value, one) for one in value.model_fields_set}
            )
        elif isinstance(value, dict) and isinstance(common, dict):
            found[key] = {**common, **value}
        else:
            found[key] = value
    return found


def _key(part: BaseModel, name: str) -> str:
    return type(part).model_fields[name].alias or name
