"""What the rules read is there: in a simulated fleet that does some of everything."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

import pytest
from tests.alerts.reading import selectors
from tests.alerts.shipped import rules
from tests.fleet import STORIES, Fleet
from tests.fleet.stories import HOUR

from iterm_mcp.models.agent_states import AgentState

if TYPE_CHECKING:
    from tests.alerts.reading import Selector

BY_PROMETHEUS = {"up", "scrape_duration_seconds"}
"""What Prometheus itself has of every target."""

DECLARED = {
    "iterm_mcp_agent_state_changes_total": set(map(str, AgentState)),
    "iterm_mcp_http_requests_total": {"401", "403", "421", "503", "5..", "/readyz", "/healthz"},
}
"""Values that need not have come up, of metrics that show none before it did."""


@cache
def exposed() -> dict[str, dict[str, set[str]]]:
    """Return every series of a daemon by its name, and each label's values."""
    fleet = Fleet(STORIES["mixed"], machines=2)
    for _ in range(4):
        fleet.advance(HOUR / 4)
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for machine in fleet.machines:
        machine.metrics.exports.declare("otlp")
        for family in machine.metrics.registry.collect():
            for sample in family.samples:
                labels = found[sample.name]
                for label, value in sample.labels.items():
                    labels[label].add(value)
    return found


@cache
def exprs() -> dict[str, str]:
    """Return the expression of every rule by what it makes."""
    return {
        f"{one.get('alert', one.get('record'))} {one['labels'].get('slo', '')}".strip(): one["expr"]
        for one in rules()
    }


def wrong(selector: Selector, recorded: set[str]) -> list[str]:
    """Return what a selector asks for that there is not."""
    if selector.name in BY_PROMETHEUS:
        return []
    if selector.name.startswith("iterm_mcp:"):
        (slo,) = (values for label, values in selector.picked if label == "slo")
        return [] if f"{selector.name} {min(slo)}" in recorded else [f"nobody records {selector}"]
    if selector.name not in exposed():
        return [f"there is no {selector.name}"]
    known = exposed()[selector.name]
    found = [f"no {label} of {selector.name}" for label in selector.labels - {"job"} - known.keys()]
    for label, values in selector.picked:
        missing = values - known[label] - DECLARED.get(selector.name, set())
        found += [f"no {label}={value} of {selector.name}" for value in sorted(missing)]
    return found


@pytest.mark.parametrize("made", sorted(exprs()))
def test_what_a_rule_reads_is_there(made: str) -> None:
    found = list(selectors(exprs()[made]))
    assert found or made.startswith("iterm_mcp:slo_objective")
    assert [told for one in found for told in wrong(one, set(exprs()))] == []


def test_what_is_not_there_is_told() -> None:
    told = [
        message
        for one in selectors(
            'sum(iterm_mcp_no_such_thing) + up + iterm_mcp_agents{mood="low"}'
            ' + iterm_mcp_agents{state="asleep"} + iterm_mcp:slo_errors:ratio_rate9y{slo="http"}'
        )
        for message in wrong(one, set(exprs()))
    ]
    assert [one.partition(" of ")[0] for one in told][:4] == [
        "there is no iterm_mcp_no_such_thing", "no mood", "no mood=low", "no state=asleep",
    ]  # fmt: skip
    assert told[4].startswith("nobody records")
