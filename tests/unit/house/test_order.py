"""The order in which tests run side by side."""

from __future__ import annotations

import pytest
from tests.order import spread


def named(*files: tuple[str, int]) -> list[tuple[str, str]]:
    ids = [f"{path}::test_{number}" for path, count in files for number in range(count)]
    return [(one, one) for one in ids]


ALL = named(
    ("tests/integration/test_a.py", 4),
    ("tests/unit/test_b.py", 9),
    ("tests/integration/test_c.py", 3),
    ("tests/unit/test_d.py", 4),
)


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 50])
def test_no_test_is_lost_or_doubled(workers: int) -> None:
    assert sorted(spread(ALL, workers)) == sorted(one for one, _ in ALL)


def test_each_worker_begins_with_long_ones_and_ends_with_quick_ones() -> None:
    order = spread(ALL, 2)

    for stretch, path in ((order[:10], "test_a"), (order[10:], "test_c")):
        assert path in stretch[0]
        kinds = [one.startswith("tests/unit/") for one in stretch]
        assert kinds == sorted(kinds)
        assert kinds[-1]


def test_what_stands_in_a_file_stays_together() -> None:
    order = [one.split("::")[0] for one in spread(ALL, 2) if "integration" in one]

    assert order == sorted(order)
