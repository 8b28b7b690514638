from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

from iterm_mcp.telemetry.labels import MOST_NAMES, NAME_CHARACTERS, Bounded


def test_the_first_names_are_told_and_all_later_ones_are_other() -> None:
    bounded = Bounded(2)
    assert [bounded(name) for name in ("a", "b", "c", "a", "d")] == [
        "a",
        "b",
        "other",
        "a",
        "other",
    ]


def test_names_known_before_take_nobodys_place() -> None:
    bounded = Bounded(1, known=("built-in",))
    assert [bounded(name) for name in ("a", "b", "built-in")] == ["a", "other", "built-in"]


def test_a_name_that_is_other_is_no_further_series() -> None:
    bounded = Bounded(1)
    assert [bounded(name) for name in ("other", "a", "b")] == ["other", "a", "other"]


def test_what_came_too_late_is_summed() -> None:
    bounded = Bounded(2)
    pairs = [("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0), ("a", 5.0)]
    assert bounded.sums(pairs) == {"a": 6.0, "b": 2.0, "other": 7.0}


def test_names_from_many_threads_at_once_are_no_more_than_the_most() -> None:
    bounded = Bounded()
    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(bounded, (f"name-{number % 500}" for number in range(4000))))
    assert len(told) == MOST_NAMES + 1


@pytest.mark.parametrize(
    ("name", "told"),
    [("", "none"), ("x" * 500, "x" * NAME_CHARACTERS), ("half \ud83d", "half ?"), ("né", "né")],
)
def test_whatever_a_user_calls_it_a_scrape_can_tell_it(name: str, told: str) -> None:
    registry = CollectorRegistry()
    counter = Counter("used", "Used.", ["name"], registry=registry)

    counter.labels(Bounded()(name)).inc()

    assert f'used_total{{name="{told}"}} 1.0'.encode() in generate_latest(registry)
