"""The rules of Grafana's own dashboard linter, by its names; each returns what breaks it.

See the rules' pages in the linter's documentation. Its two rules for LogQL have nothing to look at
here, so that they are one: whatever is asked is asked of Prometheus.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import promql_parser as promql
from grafana_foundation_sdk.models import units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Page = dict[str, Any]
    Rule = Callable[[Page], Iterator[str]]

SOURCES = {"$datasource", "${datasource}"}
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and name[0] != "_"}
RELOADS_WITH_TIME = 2
GROWTH = re.compile(r"\b(?:rate|irate|increase)\([^\[\]]*\[[^\]]*\]\)")
RANGES = re.compile(r"\b(rate|irate|increase)\([^\[\]]*\[([^\]]*)\]")
COUNTER = re.compile(r"\b\w+_total\b")
SELECTOR = re.compile(r"\b[a-z]\w+\{[^}]*\}")
LABEL_VALUES = re.compile(r"label_values\((.+), *(\w+)\)")
VARIABLES = {
    "$__rate_interval": "5m",
    "$__range": "1h",
    "$job": "x",
    "$instance": "x",
    "$datasource": "x",
}


def panels_of(page: Page) -> list[dict[str, Any]]:
    return [panel for panel in page["panels"] if panel["type"] != "row"]


def targets_of(page: Page) -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in panels_of(page):
        for target in panel["targets"]:
            yield panel["title"], target


def parsed(expr: str) -> promql.Expr:
    """Return a query's tree; raises ValueError where Prometheus would not understand it."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return promql.parse(expr)


def template_datasource(page: Page) -> Iterator[str]:
    sources = [one for one in page["templating"]["list"] if one["type"] == "datasource"]
    if [(one["name"], one["query"]) for one in sources] != [("datasource", "prometheus")]:
        yield "there must be one choice of a datasource, and it must be of Prometheus"


def _template(page: Page, name: str) -> Iterator[str]:
    found = [one for one in page["templating"]["list"] if one["name"] == name]
    if not found:
        yield f"there is no choice of {name}"
    for one in found:
        if one["type"] != "query" or one["datasource"]["uid"] not in SOURCES:
            yield f"{name} must be asked of the chosen datasource"
        if one["label"] != name.capitalize() or not one["multi"] or one["allValue"] != ".+":
            yield f"{name} must be labelled, take several values, and have .+ for all"


def template_job(page: Page) -> Iterator[str]:
    yield from _template(page, "job")


def template_instance(page: Page) -> Iterator[str]:
    yield from _template(page, "instance")


def template_label_promql(page: Page) -> Iterator[str]:
    for one in page["templating"]["list"]:
        if one["type"] == "query":
            asked = LABEL_VALUES.fullmatch(one["query"])
            try:
                assert asked
                parsed(asked[1])
            except (AssertionError, ValueError):
                yield f"{one['name']} asks what is no query: {one['query']}"


def template_on_time_change_reload(page: Page) -> Iterator[str]:
    for one in page["templating"]["list"]:
        if one["type"] == "query" and one["refresh"] != RELOADS_WITH_TIME:
            yield f"{one['name']} must be asked again when the time changes"


def panel_datasource(page: Page) -> Iterator[str]:
    for panel in panels_of(page):
        if panel["datasource"]["uid"] not in SOURCES:
            yield f"{panel['title']} must use the chosen datasource"


def panel_title_description(page: Page) -> Iterator[str]:
    for panel in panels_of(page):
        if not panel.get("title") or not panel.get("description"):
            yield f"panel {panel['id']} needs a title and a description"


def panel_units(page: Page) -> Iterator[str]:
    for panel in panels_of(page):
        config = panel["fieldConfig"]
        told = [config["defaults"].get("unit", "")] + [
            one["value"]
            for override in config["overrides"]
            for one in override["properties"]
            if one["id"] == "unit"
        ]
        if not set(told) <= UNITS:
            yield f"{panel['title']} has no unit, or one that Grafana does not know"


def panel_no_targets(page: Page) -> Iterator[str]:
    for panel in panels_of(page):
        if not panel["targets"]:
            yield f"{panel['title']} asks nothing"


def target_logql(page: Page) -> Iterator[str]:
    for title, target in targets_of(page):
        if target["datasource"]["type"] != "prometheus":
            yield f"{title} asks something else than Prometheus"


def target_promql(page: Page) -> Iterator[str]:
    for title, target in targets_of(page):
        try:
            parsed(target["expr"])
        except ValueError as error:
            yield f"{title}: {error}"


def target_rate_interval(page: Page) -> Iterator[str]:
    for title, target in targets_of(page):
        for call, span in RANGES.findall(target["expr"]):
            if call != "increase" and span != "$__rate_interval":
                yield f"{title}: a rate over {span} and not over $__rate_interval"


def _target_matcher(page: Page, name: str) -> Iterator[str]:
    for title, target in targets_of(page):
        for selector in SELECTOR.findall(target["expr"]) or [""]:
            if f'{name}=~"${name}"' not in selector:
                yield f"{title} does not ask for the chosen {name}: {selector}"


def target_job(page: Page) -> Iterator[str]:
    yield from _target_matcher(page, "job")


def target_instance(page: Page) -> Iterator[str]:
    yield from _target_matcher(page, "instance")


def target_counter_agg(page: Page) -> Iterator[str]:
    for title, target in targets_of(page):
        if COUNTER.search(GROWTH.sub("", target["expr"])):
            yield f"{title}: a counter is read by its value and not by its growth"


def uneditable_dashboard(page: Page) -> Iterator[str]:
    if page["editable"]:
        yield "what is written by a program must not be edited by hand"


RULES: dict[str, Rule] = {
    "template-datasource-rule": template_datasource,
    "template-job-rule": template_job,
    "template-instance-rule": template_instance,
    "template-label-promql-rule": template_label_promql,
    "template-on-time-change-reload-rule": template_on_time_change_reload,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": panel_title_description,
    "panel-units-rule": panel_units,
    "panel-no-targets-rule": panel_no_targets,
    "target-logql-rule": target_logql,
    "target-promql-rule": target_promql,
    "target-rate-interval-rule": target_rate_interval,
    "target-job-rule": target_job,
    "target-instance-rule": target_instance,
    "target-counter-agg-rule": target_counter_agg,
    "uneditable-dashboard": uneditable_dashboard,
}
