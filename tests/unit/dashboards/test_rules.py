"""The files that ship keep the rules of Grafana's own linter; and each rule can be broken."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.dashboards.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[dict[str, Any]], object]

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "grafana"
PAGES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def variable(page: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in page["templating"]["list"] if one["name"] == name)


def panel(page: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in page["panels"] if one["type"] != "row")


def ask(page: dict[str, Any], expr: str) -> None:
    panel(page)["targets"][0]["expr"] = expr


@pytest.mark.parametrize("rule", RULES)
def test_each_dashboard_keeps_the_rule(rule: str) -> None:
    broken = {name: list(RULES[rule](page)) for name, page in PAGES.items()}

    assert {name: complaints for name, complaints in broken.items() if complaints} == {}


BREAKS: list[tuple[str, Change]] = [
    ("template-datasource-rule", lambda page: variable(page, "datasource").update(query="loki")),
    ("template-job-rule", lambda page: variable(page, "job").update(name="task")),
    ("template-job-rule", lambda page: variable(page, "job").update(multi=False)),
    ("template-instance-rule", lambda page: variable(page, "instance").update(allValue=".*")),
    (
        "template-instance-rule",
        lambda page: variable(page, "instance").update(datasource={"uid": "mine"}),
    ),
    (
        "template-label-promql-rule",
        lambda page: variable(page, "job").update(query="label_values(sum(, job)"),
    ),
    ("template-label-promql-rule", lambda page: variable(page, "job").update(query="up")),
    ("template-on-time-change-reload-rule", lambda page: variable(page, "job").update(refresh=1)),
    ("panel-datasource-rule", lambda page: panel(page).update(datasource={"uid": "mine"})),
    ("panel-title-description-rule", lambda page: panel(page).pop("description")),
    ("panel-units-rule", lambda page: panel(page)["fieldConfig"]["defaults"].update(unit="apples")),
    ("panel-units-rule", lambda page: panel(page)["fieldConfig"]["defaults"].pop("unit")),
    ("panel-no-targets-rule", lambda page: panel(page).update(targets=[])),
    (
        "target-logql-rule",
        lambda page: panel(page)["targets"][0].update(datasource={"type": "loki"}),
    ),
    ("target-promql-rule", lambda page: ask(page, "sum(iterm_mcp_agents")),
    ("target-rate-interval-rule", lambda page: ask(page, "sum(rate(x_total[5m]))")),
    ("target-job-rule", lambda page: ask(page, 'agents{instance=~"$instance"}')),
    ("target-instance-rule", lambda page: ask(page, "sum(agents)")),
    ("target-counter-agg-rule", lambda page: ask(page, 'sum(x_total{job=~"$job"})')),
    ("uneditable-dashboard", lambda page: page.update(editable=True)),
]


@pytest.mark.parametrize(("rule", "change"), BREAKS, ids=[rule for rule, _ in BREAKS])
def test_each_rule_can_be_broken(rule: str, change: Change) -> None:
    page = deepcopy(PAGES["overview"])

    change(page)

    assert list(RULES[rule](page))


def test_no_rule_is_left_unbroken() -> None:
    assert {rule for rule, _ in BREAKS} == set(RULES)
