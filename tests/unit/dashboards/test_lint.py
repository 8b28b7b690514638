"""The rules that a good dashboard keeps, checked on the files that ship."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from scripts.dashboards import PAGES
from scripts.dashboards.index import render_index
from scripts.dashboards.page import OVERVIEW
from scripts.dashboards.promql import CALLER_MISTAKES, FAULTS, SCOPE
from tests.unit.dashboards.query_labels import exposed, labels_of

from iterm_mcp.telemetry.meter import OUTCOMES

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "docs" / "grafana").glob("*.json"))
COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
LEGEND_LABEL = re.compile(r"{{(\w+)}}")


@cache
def load(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))


def panels_of(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in page["panels"] if panel["type"] != "row"]


def queries_of(page: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in panels_of(page) for target in panel["targets"]]


page_files = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_there_is_one_for_everything_that_is_measured() -> None:
    assert {path.stem for path in FILES} == set(PAGES)
    assert len(PAGES) >= 17


def test_what_ships_is_what_the_code_says() -> None:
    told = {f"{name}.json": make() for name, make in PAGES.items()}

    assert [path.name for path in FILES if path.read_text("utf-8") != told[path.name]] == []
    assert render_index() in (ROOT / "docs" / "grafana" / "README.md").read_text("utf-8")


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
    assert all(link["keepTime"] and link["includeVars"] for link in page["links"])


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
def test_each_query_asks_for_what_the_daemon_shows_and_names_each_series(path: Path) -> None:
    for panel in panels_of(load(path)):
        for target in panel["targets"]:
            labels = labels_of(target["expr"])

            assert set(LEGEND_LABEL.findall(target["legendFormat"])) == labels, panel["title"]


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("sum(iterm_mcp_nothing{%s})", "no such metric"),
        ("sum(iterm_mcp_sessions_open)", "not scoped"),
        ('sum(iterm_mcp_sessions_open{%s, tool="x"})', "no such label"),
        ("sum by (tool) (iterm_mcp_sessions_open{%s})", "no such label"),
        ("sum(iterm_mcp_tool_calls_total{%s})", "wrong kind"),
        ("sum(rate(iterm_mcp_sessions_open{%s}[1m]))", "wrong kind"),
        (
            "sum(iterm_mcp_sessions_open{%s}) / sum by (job) (iterm_mcp_sessions_open{%s})",
            "nothing matches",
        ),
    ],
)
def test_the_rules_for_queries_can_be_broken(query: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        labels_of(query.replace("%s", SCOPE))


@page_files
def test_a_rate_is_over_an_interval_that_fits_the_scrapes(path: Path) -> None:
    for expr in queries_of(load(path)):
        spans = re.findall(r"(rate|increase)\([^[]*\[([^]]+)\]", expr)
        assert all((call == "rate") == (span == "$__rate_interval") for call, span in spans), expr
        assert len(spans) == expr.count("["), expr


def leads_to(page: dict[str, Any]) -> set[str]:
    """Return the dashboards that panels lead to, for the same time and instances."""
    ways = [link for panel in panels_of(page) for link in panel.get("links", [])]
    assert all(way["url"].endswith("?${__url_time_range}&${__all_variables}") for way in ways)
    return {way["url"].split("?")[0].removeprefix("/d/") for way in ways}


def test_the_overview_leads_to_every_detail_and_each_detail_back() -> None:
    pages = {load(path)["uid"]: load(path) for path in FILES}

    assert leads_to(pages[OVERVIEW]) == set(pages) - {OVERVIEW}
    for uid, page in pages.items():
        assert leads_to(page) <= set(pages) - {uid}, uid
        back = {link["url"] for link in page["links"] if link["type"] == "link"}
        assert back == (set() if uid == OVERVIEW else {f"/d/{OVERVIEW}"}), uid


NOT_SHOWN = {
    "iterm_mcp_worktree_operations_in_flight",  # as good as always 0: they take no second
    "process_virtual_memory_bytes",
    "python_gc_objects_collected_total",
    "python_gc_objects_uncollectable_total",
}


def test_every_metric_has_a_panel() -> None:
    asked = " ".join(query for path in FILES for query in queries_of(load(path)))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed()}

    assert {name for name in families if not re.search(rf"\b{name}(_\w+)?{{", asked)} == NOT_SHOWN


def test_every_outcome_is_a_success_a_mistake_or_a_fault() -> None:
    judged = ("ok", "cancelled", *FAULTS, *CALLER_MISTAKES)

    assert sorted(judged) == sorted(OUTCOMES)
