"""What a real daemon tells at a scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.homes import Home

SECONDS = 30.0


class Scrape:
    """Samples by name and labels."""

    def __init__(self, text: str) -> None:
        self.samples = {
            (sample.name.removeprefix("iterm_mcp_"), frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        self.names = {name for name, _ in self.samples}

    def value(self, name: str, **labels: str) -> float | None:
        """Return a sample; None for one that is not told."""
        return self.samples.get((name, frozenset(labels.items())))

    def total(self, name: str) -> float:
        """Return the sum of all samples of a name."""
        return sum(value for (found, _), value in self.samples.items() if found == name)


async def scrape(home: Home) -> Scrape:
    """Scrape a home's daemon once."""
    headers = {"Authorization": f"Bearer {home.token()}"}
    async with httpx2.AsyncClient(base_url=home.http_url(), timeout=20) as http:
        answer = await http.get("/metrics", headers=headers)
        assert answer.status_code == 200
        return Scrape(answer.text)


async def told(home: Home, value: float | None, name: str, **labels: str) -> Scrape:
    """Scrape until a sample has a value; return that scrape."""
    return await eventually(
        lambda: scrape(home),
        lambda one: one.value(name, **labels) == value,
        within_seconds=SECONDS,
    )
