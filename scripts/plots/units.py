"""Values as people read them, by the units that panels have."""

from __future__ import annotations

from math import floor, log10

BINARY = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
DECIMAL = (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
TIMES = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))

ROUND_TIMES = (2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200,
               86400)  # fmt: skip
"""Seconds."""

ROUND_OF_1024 = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1024)


def shown(value: float, unit: str) -> str:
    """Return a value in its unit, in at most three figures."""
    if unit == "percentunit":
        return f"{_figures(value * 100)} %"
    if unit == "s":
        name, size = next((one for one in TIMES if abs(value) >= one[1]), TIMES[-1])
        return f"{_figures(value / size)} {name}" if value else "0 s"
    per = "/s" if unit in {"ops", "Bps"} else ""
    if unit in {"bytes", "Bps"}:
        return _scaled(value, BINARY, " B", " ") + per
    return ("$" if unit == "currencyUSD" else "") + _scaled(value, DECIMAL, "") + per


def _scaled(value: float, scales: tuple[tuple[str, float], ...], bare: str, gap: str = "") -> str:
    for name, size in scales:
        if abs(value) >= size:
            return f"{_figures(value / size)}{gap}{name}"
    return f"{_figures(value)}{bare}"


def _figures(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"  # noqa: PLR2004


def ticks(most: float, unit: str, about: int = 4) -> list[float]:
    """Return round values from zero to the first that is not below the highest."""
    step = _step(most / about, unit) if most > 0 else 1.0
    count = 1
    while count * step < most * (1 - 1e-9):
        count += 1
    return [number * step for number in range(count + 1)]


def _step(least: float, unit: str) -> float:
    """Return the smallest step that is not below, and that people read easily."""
    if unit == "s" and least > 1:
        return next((one for one in ROUND_TIMES if one >= least), -(-least // 86400) * 86400)
    if unit in {"bytes", "Bps"}:  # round in powers of two, as they are told
        size = next((size for _, size in BINARY if least >= size), 1)
        return float(next(one * size for one in ROUND_OF_1024 if one * size >= least))
    power = 10.0 ** floor(log10(least))
    return next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= least * (1 - 1e-9))
