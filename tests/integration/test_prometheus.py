"""A real Prometheus scrapes a simulated fleet and a real daemon; every dashboard has its data."""

from __future__ import annotations

import json
import subprocess
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import httpx2
from prometheus_client.parser import text_string_to_metric_families
from scripts.plots.chart import picture
from scripts.plots.pages import PICTURES, chart, panel
from tests.fleet import STORIES, Fleet
from tests.fleet.serving import open_fleet, scrape_config
from tests.integration.programs import installed
from tests.prometheus import ask, open_prometheus
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import CollectorRegistry, Metric
    from tests.integration.homes import Home
    from tests.integration.line_client import LineClient

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "grafana"
FILES = sorted(FOLDER.glob("*.json"))
SCRAPED_EVERY = "1s"
LIVE = "live"
"""The job of the real daemon."""

VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "1m",
    "$job": "iterm-mcp",
    "$instance": ".+",
}
STAYS_AWAY = ("iterm_mcp_host_", "iterm_mcp_machine", "iterm_mcp_probe_", "iterm_mcp_task")
"""Real daemons tell of these when there is something to tell."""


def info(home: Home) -> str:
    return str(json.loads(Path(home.paths.daemon_info).read_text())["http"])


def token(home: Home) -> str:
    return Path(home.paths.token).read_text().strip()


async def make_traffic(home: Home, client: LineClient) -> None:
    """Do some of everything, failures included."""
    opened = (await client.call("open_session"))["structuredContent"]["session_id"]
    await client.call("create_team", name="crew")
    await client.call("register_agent", name="ann", session_id=opened, teams=["crew"])
    await client.call("cascade_message", broadcast="true", teams={"crew": "echo crew"})
    await client.call("send_text", session_id=opened, text="true")
    await client.call("read_screen", session_id="nowhere")
    await client.call("read_screen", nonsense=1)
    await client.call("close_session", session_id=opened, confirm=True)
    async with httpx2.AsyncClient(base_url=info(home), timeout=10) as http:
        await http.get("/healthz")
        await http.get("/metrics")


async def scraped(home: Home) -> str:
    """Return what the daemon shows."""
    async with httpx2.AsyncClient(base_url=info(home), timeout=10) as http:
        answer = await http.get("/metrics", headers={"Authorization": f"Bearer {token(home)}"})
        return str(answer.text)


def config(fleet: Fleet, url: str, home: Home) -> dict[str, Any]:
    """Return a configuration that scrapes the fleet and the home's daemon."""
    whole = scrape_config(fleet, url, SCRAPED_EVERY)
    whole["scrape_configs"].append(
        {
            "job_name": LIVE,
            "authorization": {"credentials_file": home.paths.token},
            "static_configs": [{"targets": [urlsplit(info(home)).netloc]}],
        }
    )
    return whole


def all_queries() -> list[str]:
    found = []
    for path in FILES:
        for one in json.loads(path.read_text("utf-8"))["panels"]:
            for target in one.get("targets", []):
                expr = target["expr"]
                for name, value in VARIABLES.items():
                    expr = expr.replace(name, value)
                found.append(expr)
    return found


def numbers(series: list[Any]) -> list[float]:
    """Return the values; what is no number, such as nothing divided by nothing, is no answer."""
    return [value for one in series if isfinite(value := float(one["value"][1]))]


class Silent:
    """The queries that have not answered yet."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._left = all_queries()

    async def __call__(self) -> list[str]:
        """Ask them again; return those that are still silent."""
        self._left = [expr for expr in self._left if not numbers(await ask(self._http, expr))]
        return self._left


async def pictures_have_lines(http: httpx2.AsyncClient) -> None:
    """Draw what `scripts.plots` draws of a day, of the last seconds."""
    now = float((await ask(http, "time()"))[1])
    for places in PICTURES.values():
        charts = [
            await chart(
                panel(*place), lambda expr: ask(http, expr, start=now - 10, end=now, step=1)
            )
            for place in places
        ]
        assert [one.title for one in charts if not one.lines] == []
        assert picture(charts, now - 10, now).count("</g>") == len(places)


async def test_every_query_of_every_dashboard_returns_data(
    live_home: Home, client: LineClient, tmp_path: Path
) -> None:
    program = installed("prometheus", "prometheus")
    assert len(FILES) >= 17
    fleet = Fleet(STORIES["mixed"], machines=3)
    async with (
        open_fleet(fleet, every=0.5, step=120) as url,
        open_prometheus(program, config(fleet, url, live_home), tmp_path) as http,
    ):
        await make_traffic(live_home, client)
        scraped_thrice = 'count_over_time(iterm_mcp_build_info{job="iterm-mcp"}[1m]) >= 3'
        await eventually(lambda: ask(http, scraped_thrice), within_seconds=30)
        silent = Silent(http)
        await eventually(silent, lambda left: left == [], within_seconds=60)

        await pictures_have_lines(http)

        outcomes = f'sum by (outcome) (iterm_mcp_tool_calls_total{{job="{LIVE}"}}) > 0'
        await eventually(
            lambda: ask(http, outcomes),
            lambda seen: (
                {one["metric"]["outcome"] for one in seen} >= {"ok", "invalid", "not_found"}
            ),
            within_seconds=30,
        )


async def test_a_real_daemon_shows_what_simulated_ones_show_and_promtool_has_nothing_to_say(
    live_home: Home, client: LineClient
) -> None:
    promtool = installed("promtool", "prometheus")
    await make_traffic(live_home, client)
    text = await scraped(live_home)
    fleet = Fleet(STORIES["mixed"], machines=2)
    await anyio.to_thread.run_sync(fleet.advance, 3600)
    shown = labels_of(*(machine.metrics.registry for machine in fleet.machines))

    real = labels_of_families(text_string_to_metric_families(text))

    unknown = {
        name: labels - shown.get(name, set())
        for name, labels in real.items()
        if (name not in shown and not name.endswith("_created")) or labels - shown.get(name, labels)
    }
    assert unknown == {}
    away = {name for name in shown.keys() - real.keys() if name.startswith("iterm_mcp_")}
    assert {name for name in away if not name.startswith(STAYS_AWAY)} == set()

    assert 'iterm_mcp_tool_calls_total{outcome="ok",tool="open_session"} 1.0' in text
    done = await anyio.run_process(
        [promtool, "check", "metrics"],
        input=text.encode(),
        check=False,
        stderr=subprocess.STDOUT,
    )
    assert (done.returncode, done.stdout.decode()) == (0, "")


def labels_of(*registries: CollectorRegistry) -> dict[str, set[str]]:
    """Return each family's labels, of all registries together."""
    return labels_of_families(family for one in registries for family in one.collect())


def labels_of_families(families: Iterable[Metric]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for family in families:
        labels = found.setdefault(family.name, set())
        for sample in family.samples:
            labels |= sample.labels.keys()
    return found
