"""Whatever the task engine fell over, as who asks is told it."""

from __future__ import annotations

from iterm_mcp.errors import StoreError


def fall_of(errors: BaseExceptionGroup[BaseException]) -> StoreError:
    """Return the first failure of a group, however deep, as one of the store."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, StoreError):
        return error
    return StoreError(
        f"the task engine fell: {type(error).__name__}: {error}",
        hint="It starts again by itself; the daemon's log says where it fell.",
        code="tasks_fell",
    )
