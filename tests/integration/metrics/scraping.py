"""A real daemon's metrics, as a scraper reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_open_metrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

if TYPE_CHECKING:
    from prometheus_client import Metric
    from tests.integration.homes import Home

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class Scrape:
    """One scrape, read by the client library's own parser."""

    def __init__(self, families: list[Metric], size: int) -> None:
        self.families = families
        self.size = size
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """Return a series' value; None where there is none."""
        return self._values.get((name, frozenset(labels.items())))

    def labels(self, name: str, label: str) -> set[str]:
        """Return the values that a label has in all series of a name."""
        return {dict(key[1])[label] for key in self._values if key[0] == name}


async def scrape(home: Home, *, accept: str = "", seconds: float = 10) -> Scrape:
    """Scrape a home's daemon."""
    headers = {"Authorization": f"Bearer {home.token()}"} | ({"Accept": accept} if accept else {})
    async with httpx2.AsyncClient(base_url=home.http_url(), timeout=seconds) as http:
        answer = await http.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    read = read_open_metrics if "openmetrics" in answer.headers["content-type"] else read_text
    return Scrape(list(read(answer.text)), len(answer.content))
