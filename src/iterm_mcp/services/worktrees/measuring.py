"""What is done with worktrees is measured, whoever asks for it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any

P = ParamSpec("P")
T = TypeVar("T")

OPERATIONS = ("create", "update", "continue", "abort", "land", "remove", "restore", "collect")
"""What may be done; `measured` is given one of them."""


class OperationMeter(Protocol):
    """Measures operations; see `telemetry.meter.Meter`."""

    def measure(self, name: str) -> AbstractContextManager[None]:
        """Measure the block."""


class Unmeasured:
    """Measures nothing."""

    def measure(self, name: str) -> AbstractContextManager[None]:
        """Do nothing."""
        del name
        return nullcontext()


class Metered(Protocol):
    """What has a meter."""

    @property
    def meter(self) -> OperationMeter:
        """What measures it."""


M = TypeVar("M", bound=Metered)


def measured(
    name: str,
) -> Callable[
    [Callable[Concatenate[M, P], Awaitable[T]]],
    Callable[Concatenate[M, P], Coroutine[Any, Any, T]],
]:
    """Have a method measured under a name."""

    def decorate(
        method: Callable[Concatenate[M, P], Awaitable[T]],
    ) -> Callable[Concatenate[M, P], Coroutine[Any, Any, T]]:
        @wraps(method)
        async def call(self: M, /, *args: P.args, **kwargs: P.kwargs) -> T:
            with self.meter.measure(name):
                return await method(self, *args, **kwargs)

        return call

    return decorate
