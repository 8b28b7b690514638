"""Queries of events under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from iterm_mcp.errors import ConflictError, NotFoundError
from iterm_mcp.models.saved_filters import SavedFilter

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.store.saved_filters import SavedFilterStore

Filter = TypeVar("Filter", bound=BaseModel)


class SavedFilters(Generic[Filter]):
    """Keeps filters and finds them again.

    Args:
        kind: How a filter looks; what an older version kept and means nothing now is not found.
    """

    def __init__(self, kind: type[Filter], store: SavedFilterStore, clock: Clock) -> None:
        self._kind = kind
        self._store = store
        self._clock = clock

    async def put(self, name: str, query: Filter) -> SavedFilter:
        """Keep a filter in place of one of that name.

        Raises:
            ConflictError: There are too many.
        """
        given = query.model_dump(mode="json", exclude_unset=True)
        one = SavedFilter(name, given, self._clock.now())
        if not await self._store.put(one):
            raise ConflictError("there are too many saved filters", hint="Remove some of them.")
        return one

    async def list(self) -> tuple[SavedFilter, ...]:
        """Return all of them by name."""
        return await self._store.all()

    async def find(self, name: str) -> Filter:
        """Return a filter.

        Raises:
            NotFoundError: There is none of that name, or it means nothing any more.
        """
        for one in await self._store.all():
            if one.name == name:
                try:
                    return self._kind.model_validate(one.query)
                except ValidationError:
                    break
        raise _missing(name)

    async def remove(self, name: str) -> None:
        """Forget a filter.

        Raises:
            NotFoundError: There is none of that name.
        """
        if not await self._store.remove(name):
            raise _missing(name)


def _missing(name: str) -> NotFoundError:
    return NotFoundError(
        "filter", name, hint="`iterm-mcp events filters list`, or GET /v1/filters, lists them."
    )
