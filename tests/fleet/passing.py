"""Time that passes when it is told to, for what measures its own duration."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from iterm_mcp.telemetry import meter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.telemetry.meter import Meter


class PassingTime:
    """Stands in for `time.perf_counter`."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """Return the seconds that have passed."""
        return self._now

    def measured(
        self, of: Meter, name: str, seconds: float, error: BaseException | None = None
    ) -> None:
        """Let a meter measure something that takes so long, and ends so."""
        try:
            with of.measure(name):
                self._now += seconds
                _end(error)
        except BaseException as raised:
            if raised is not error:
                raise


def _end(error: BaseException | None) -> None:
    if error is not None:
        raise error


@contextmanager
def passing_time() -> Iterator[PassingTime]:
    """Let meters take their time from here for the length of the block."""
    time, names = PassingTime(), vars(meter)
    real = names["perf_counter"]
    names["perf_counter"] = time
    try:
        yield time
    finally:
        names["perf_counter"] = real
