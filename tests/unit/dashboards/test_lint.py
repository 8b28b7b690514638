"""The rules that a good dashboard keeps, checked on the files that ship."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from scripts.generate import generated

from iterm_mcp.telemetry import Metrics

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "docs" / "grafana").glob("*.json"))
COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
NAME = re.compile(r"iterm_mcp_\w+")


@cache
def load(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))


def panels_of(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in page["panels"] if panel["type"] != "row"]


def queries_of(page: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in panels_of(page) for target in panel["targets"]]


@cache
def exposed() -> dict[str, set[str]]:
    """Return every series' name that the daemon can show, with its labels."""
    found: dict[str, set[str]] = {}
    for collector in Metrics().registry.collect():
        own = collector.name
        suffixes = {
            "counter": ["_total"],
            "gauge": [""],
            "histogram": ["_bucket", "_sum", "_count"],
        }
        for suffix in suffixes.get(collector.type, [""]):
            found[own + suffix] = set()
    return found


page_files = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_the_first_five_are_there() -> None:
    assert {path.stem for path in FILES} >= {
        "sessions-and-agents",
        "message-throughput",
        "session-lifecycle",
        "operation-latency",
        "errors-by-operation",
    }


def test_what_ships_is_what_the_code_says() -> None:
    assert [
        path.name for path, text in generated().items() if path.read_text("utf-8") != text
    ] == []


def test_each_has_its_own_uid_and_title() -> None:
    pages = [load(path) for path in FILES]
    for key in ("uid", "title"):
        assert len({page[key] for page in pages}) == len(pages)
    assert all(len(page["uid"]) <= 40 for page in pages)


@page_files
def test_it_can_be_scoped_and_leads_to_the_others(path: Path) -> None:
    page = load(path)
    variables = {one["name"]: one for one in page["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "instance"]
    assert all(variables[name]["multi"] for name in ("job", "instance"))
    assert page["editable"] is False
    assert page["description"]
    assert page["links"][0]["keepTime"]
    assert page["links"][0]["includeVars"]


@page_files
def test_each_panel_says_what_it_shows(path: Path) -> None:
    for panel in panels_of(load(path)):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == SOURCE, panel["title"]
        assert all(target["datasource"] == SOURCE for target in panel["targets"])
    titles = [panel["title"] for panel in panels_of(load(path))]
    rows = [panel["title"] for panel in load(path)["panels"] if panel["type"] == "row"]
    assert len(set(rows)) == len(rows)
    assert titles


@page_files
def test_panels_stand_side_by_side_without_overlap(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in load(path)["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in load(path)["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= COLUMNS
        assert not cells & taken, panel["title"]
        taken |= cells


@page_files
def test_each_query_can_be_parsed_and_is_scoped(path: Path) -> None:
    for expr in queries_of(load(path)):
        plain = expr.replace("$__rate_interval", "1m").replace("$__range", "1h")
        promql_parser.parse(plain)
        selectors = re.findall(r"iterm_mcp_\w+(\{[^}]*\})?", expr)
        assert all('job=~"$job"' in one and 'instance=~"$instance"' in one for one in selectors)


@page_files
def test_each_query_asks_for_metrics_that_exist(path: Path) -> None:
    for expr in queries_of(load(path)):
        assert set(NAME.findall(expr)) <= set(exposed()), expr


@page_files
def test_counters_are_read_by_their_growth_and_nothing_else_is(path: Path) -> None:
    for expr in queries_of(load(path)):
        for call, name in re.findall(r"(\w+)\((iterm_mcp_\w+)", expr):
            grows = name.endswith(("_total", "_bucket", "_sum", "_count"))
            assert (call in {"rate", "increase"}) == grows, expr


@page_files
def test_a_rate_is_over_an_interval_that_fits_the_scrapes(path: Path) -> None:
    for expr in queries_of(load(path)):
        ranges = set(re.findall(r"\[([^]]+)\]", expr))
        assert ranges <= {"$__rate_interval", "$__range"}, expr
        assert ("rate(" in expr) == ("$__rate_interval" in ranges), expr
