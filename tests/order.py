"""The order in which tests run side by side: each worker begins with its share of the long ones.

A worker is given one stretch of the list at first, and takes from the others' ends when it has
none left. So the list has a stretch for each worker, which begins with files that start daemons
and hosts, and ends with unit tests, of which a late worker is quickly rid.
"""

from __future__ import annotations

from itertools import groupby
from typing import TypeVar

T = TypeVar("T")


def spread(named: list[tuple[str, T]], workers: int) -> list[T]:
    """Return all values, so that each of so many stretches begins with as many long tests.

    Args:
        named: Each value with its test's id; what stands together in a file stays together.
    """
    stretches: list[list[T]] = [[] for _ in range(workers)]
    quick: list[T] = []
    files = [[*group] for _, group in groupby(named, key=lambda one: one[0].split("::")[0])]
    for file in sorted(files, key=len, reverse=True):
        values = [value for _, value in file]
        if file[0][0].startswith("tests/unit/"):
            quick += values
        else:
            min(stretches, key=len).extend(values)
    size = -(-len(named) // workers)
    for stretch in stretches:
        room = max(size - len(stretch), 0)
        stretch.extend(quick[:room])
        del quick[:room]
    return [value for stretch in stretches for value in stretch]
