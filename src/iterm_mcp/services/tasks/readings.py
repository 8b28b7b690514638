"""What a machine has left, read where the system tells it for next to nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import psutil

PRESSURE = "/proc/pressure"

_AVERAGE = re.compile(r"^some avg10=(\d+\.\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Readings:
    """A machine at one moment; None is unknown.

    Attributes:
        memory_bytes: Available without that others are ended or paged out.
        total_bytes: All memory that there is.
        load: Processes that run or would, over a minute, for each processor.
        cpu_pressure: Percent of the last ten seconds in which somebody waited for a processor;
            `memory_pressure` likewise.
    """

    memory_bytes: int | None = None
    load: float | None = None
    cpu_pressure: float | None = None
    memory_pressure: float | None = None
    total_bytes: int | None = None


def read_machine(pressure: str = PRESSURE) -> Readings:
    """Read them now. It reads files that the system makes up, so it waits for nobody."""
    available, total = _memory()
    return Readings(
        available, _load(), _pressure(f"{pressure}/cpu"), _pressure(f"{pressure}/memory"), total
    )


def _memory() -> tuple[int, int] | tuple[None, None]:
    try:
        memory = psutil.virtual_memory()
    except (psutil.Error, OSError, RuntimeError):
        return None, None
    return int(memory.available), int(memory.total)


def _load() -> float | None:
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return None


def _pressure(path: str) -> float | None:
    try:
        found = _AVERAGE.search(Path(path).read_text("ascii"))
    except (OSError, ValueError):
        return None
    return float(found[1]) if found else None
