"""A past in a real Prometheus, and which alerts would have fired in it."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

import anyio
import httpx2
from tests.alerts.reading import selectors
from tests.alerts.shipped import alerts, bases
from tests.fleet.exposition import END
from tests.integration.programs import installed
from tests.prometheus import open_prometheus
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.alerts.shipped import ShippedAlert

BUCKET = re.compile(r'^iterm_mcp_(?:tool|http_request)_duration_seconds_bucket\{.*le="([^"]+)"')
BOUNDS = {"1.0", "0.25", "+Inf"}
"""Of the largest histograms only those buckets are written that objectives name."""

SECONDS = 120.0
PART_SECONDS = 4 * 3600.0


@cache
def _read() -> frozenset[str]:
    exprs = [one.expr for one in alerts().values()] + [one["expr"] for one in bases()]
    named = {one.name for expr in exprs for one in selectors(expr)}
    return frozenset(named | {f"{one.removesuffix('_bucket')}_count" for one in named})


def wanted(name: str) -> bool:
    """Return whether any alert reads a series."""
    return name in _read()


@dataclass(frozen=True)
class Past:
    """What was scraped.

    Attributes:
        start, end: When, in seconds since the epoch.
    """

    start: float
    end: float
    samples: int


async def write_past(folder: Path, scrapes: Iterator[tuple[float, str]]) -> Past:
    """Write scrapes as blocks of a Prometheus.

    The tool reads its file once for each block that it makes, so it is given some hours at a time.
    """
    start, last, samples = 0.0, 0.0, 0
    for _, some in groupby(scrapes, lambda scrape: scrape[0] // PART_SECONDS):
        text = folder / "past.om"
        with text.open("w", encoding="utf-8") as file:
            for at, lines in some:
                start, last = start or at, at
                kept = [line for line in lines.splitlines(keepends=True) if _is_read(line)]
                file.writelines(kept)
                samples += len(kept)
            file.write(END)
        promtool = installed("promtool", "prometheus")
        command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "-q"]
        await anyio.run_process([*command, str(text), str(folder / "data")])
        text.unlink()
    return Past(start, last, samples)


def _is_read(line: str) -> bool:
    bucket = BUCKET.match(line)
    return bucket is None or bucket[1] in BOUNDS


@asynccontextmanager
async def asked_about(folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Run a Prometheus over what was written; it scrapes nothing."""
    program = installed("prometheus", "prometheus")
    async with open_prometheus(program, {"global": {}}, folder) as http:
        http.timeout = SECONDS
        await eventually(lambda: _is_ready(http), within_seconds=60)
        yield http


async def record(folder: Path, past: Past, step: float) -> None:
    """Have the series computed that alerts read, as blocks beside those that were scraped."""
    rules = folder / "bases.yml"
    rules.write_text(json.dumps({"groups": [{"name": "bases", "rules": bases()}]}))
    async with asked_about(folder) as http:
        await anyio.run_process([
            installed("promtool", "prometheus"), "tsdb", "create-blocks-from", "rules",
            f"--start={past.start}", f"--end={past.end}", f"--url={http.base_url}",
            f"--eval-interval={step:.0f}s", f"--output-dir={folder}/data", str(rules),
        ])  # fmt: skip


async def _is_ready(http: httpx2.AsyncClient) -> bool:
    try:
        return (await http.get("/-/ready")).is_success
    except httpx2.HTTPError:
        return False


async def firing(
    http: httpx2.AsyncClient, alert: ShippedAlert, past: Past, step: float
) -> dict[str, int]:
    """Return at how many steps an alert fires, by what it fires about.

    It does when its expression held at every step for as long as it must.
    """
    asked = {
        "query": alert.expr, "start": str(past.start), "end": str(past.end), "step": str(step),
    }  # fmt: skip
    answer = (await http.post("/api/v1/query_range", data=asked)).json()
    assert answer["status"] == "success", (alert.name, answer)
    found = {}
    for series in answer["data"]["result"]:
        steps = _held([float(at) for at, _ in series["values"]], alert.held_seconds, step)
        if steps:
            found[json.dumps(series["metric"])] = steps
    return found


def _held(times: list[float], held_seconds: float, step: float) -> int:
    count, since, before = 0, 0.0, float("-inf")
    for at in times:
        if at - before > step * 1.5:
            since = at
        count += at - since >= held_seconds
        before = at
    return count
