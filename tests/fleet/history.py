"""A fleet's past, as Prometheus would have scraped it; `promtool` makes blocks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fleet.exposition import END, Writer
from tests.fleet.fleet import MONDAY, Fleet
from tests.fleet.stories import WEEK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fleet.stories import Story

SCRAPED_EVERY = 60.0


def history(
    story: Story,
    *,
    seconds: float = WEEK,
    step: float = SCRAPED_EVERY,
    machines: int = 3,
    wanted: Callable[[str], bool] | None = None,
    seed: object = 1,
    began: float = MONDAY,
) -> Iterator[tuple[float, str]]:
    """Yield each scrape's time and its samples, all machines' together.

    Texts may be written one after the other into a file that ends with `exposition.END`, for
    ``promtool tsdb create-blocks-from openmetrics``: samples carry their time, ``job`` and
    ``instance``, and ``up`` is among them.

    Args:
        seconds: How long the story is.
        step: Seconds between scrapes.
        wanted: Which samples are written, by name; a few names take a tenth of the time. None
            for all.
        began: When it begins, in seconds since the epoch.
    """
    fleet = Fleet(story, machines, seed=seed, began=began)
    writer = Writer(wanted or bool)
    for _ in range(int(seconds / step)):
        fleet.advance(step)
        yield fleet.at, "".join(writer.samples(one, fleet.at) for one in fleet.machines)


def write_history(path: Path, scrapes: Iterator[tuple[float, str]]) -> None:
    """Write what `history` yields into a file in OpenMetrics."""
    with path.open("w", encoding="utf-8") as file:
        for _, samples in scrapes:
            file.write(samples)
        file.write(END)
