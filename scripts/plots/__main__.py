"""``uv run python -m scripts.plots [NAME …]``: draw a simulated day as the dashboards show it.

Needs `prometheus` and `promtool`. The fleet's day goes into a Prometheus, the dashboards' own
queries come out of it, and docs/grafana/NAME.svg is written.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from scripts.plots.chart import picture
from scripts.plots.pages import PICTURES, chart, metrics, panel
from tests.fleet import STORIES
from tests.fleet.fleet import MONDAY
from tests.fleet.history import history, write_history
from tests.fleet.stories import HOUR
from tests.prometheus import ask, open_prometheus
from tests.waiting import eventually

if TYPE_CHECKING:
    import httpx2

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "grafana"
START, END = MONDAY + 7 * HOUR, MONDAY + 20 * HOUR
POINTS = 120
UP_WITHIN_SECONDS = 60


def remember(folder: Path) -> None:
    """Put the day into blocks of a Prometheus."""
    scraped = folder / "scraped.om"
    # From before what is drawn, so that the first rates are known.
    began = START - HOUR
    wanted = metrics().__contains__
    day = history(STORIES["workday"], seconds=END - MONDAY, wanted=wanted)
    write_history(scraped, ((at, samples) for at, samples in day if at >= began))
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run([*blocks, str(scraped), str(folder / "data")], check=True, capture_output=True)
    scraped.unlink()


async def draw(names: list[str], folder: Path) -> None:
    """Write the pictures.

    Raises:
        SystemExit: A panel has nothing to show.
    """
    config = {"global": {"scrape_interval": "1m"}}
    async with open_prometheus("prometheus", config, folder) as http:
        await eventually(lambda: ask(http, "vector(1)"), within_seconds=UP_WITHIN_SECONDS)
        for name in names:
            charts = [
                await chart(panel(*where), lambda expr: in_range(http, expr))
                for where in PICTURES[name]
            ]
            if empty := [one.title for one in charts if not one.lines]:
                raise SystemExit(f"{name}: nothing to show of {', '.join(empty)}")
            path = FOLDER / f"{name}.svg"
            path.write_text(picture(charts, START, END), "utf-8")
            print(f"written: {path.name}")


async def in_range(http: httpx2.AsyncClient, expr: str) -> list[Any]:
    """Return what an expression gave over the day."""
    return await ask(http, expr, start=START, end=END, step=(END - START) / POINTS)


def main() -> None:
    """Draw what was asked for, or all."""
    parser = argparse.ArgumentParser(description="Draw dashboards for the documentation.")
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], metavar="NAME")
    names = parser.parse_args().names or list(PICTURES)
    for program in ("prometheus", "promtool"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed (Debian: prometheus)")
    with tempfile.TemporaryDirectory(prefix="im-plots-") as folder:
        remember(Path(folder))
        anyio.run(draw, names, Path(folder))


if __name__ == "__main__":
    main()
