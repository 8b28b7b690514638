"""Prometheus's own tool about the rules that ship: each fires when it should, and only then."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from scripts.alerts import ALERTS
from scripts.alerts.rule import PREFIX
from tests.alerts.case import groups
from tests.alerts.figures import CASES
from tests.alerts.shipped import FILES, rules
from tests.integration.programs import installed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from tests.alerts.case import Case


def promtool(*words: str) -> tuple[int, str]:
    command = [installed("promtool", "prometheus"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    return done.returncode, done.stdout + done.stderr


def rules_of(names: Collection[str]) -> dict[str, Any]:
    """Return the rules of alerts as they ship, with what they are computed from, and no others."""
    wanted = [one for one in rules() if one.get("alert") in names]
    used: list[dict[str, Any]] = []
    read = wanted
    while read:
        exprs = " ".join(one["expr"] for one in read)
        read = [
            one
            for one in rules()
            if one not in used
            and f'{one.get("record")}{{slo="{one["labels"].get("slo")}"}}' in exprs
        ]
        used = [*read, *used]
    return {"groups": [{"name": "tested", "rules": [*used, *wanted]}]}


def judged(folder: Path, cases: Mapping[str, Case]) -> tuple[int, str]:
    """Return what promtool says of cases; those of one step share a file, and the rules in it."""
    files = []
    named = {f"{PREFIX}{name}": case for name, case in cases.items()}
    for step in sorted({case.step for case in named.values()}):
        some = {name: case for name, case in named.items() if case.step == step}
        path, tests = folder / f"{step}.rules", folder / f"{step}.tests"  # JSON is YAML
        path.write_text(json.dumps(rules_of(some)))
        asked = {"rule_files": [str(path)], "evaluation_interval": step, "tests": groups(some)}
        tests.write_text(json.dumps(asked))
        files.append(str(tests))
    return promtool("test", "rules", *files)


def test_every_alert_has_figures_at_which_it_fires_and_figures_at_which_it_does_not() -> None:
    assert {f"{PREFIX}{name}" for name in CASES} == set(ALERTS)
    assert all(case.fires and case.silent for case in CASES.values())


def test_prometheus_understands_the_rules() -> None:
    code, told = promtool("check", "rules", *map(str, FILES))
    assert code == 0, told
    assert told.count("SUCCESS") == 2


STEPS = sorted({case.step for case in CASES.values()})


@pytest.mark.parametrize("step", STEPS)
def test_every_alert_fires_when_it_should_and_is_silent_when_it_should(
    step: str, tmp_path: Path
) -> None:
    code, told = judged(tmp_path, {name: one for name, one in CASES.items() if one.step == step})
    assert code == 0, told


@pytest.mark.parametrize("name", ["TerminalAway", "ToolCallsBudgetBurnsFast"])
def test_an_alert_that_fires_too_much_or_never_is_told(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    code, told = judged(tmp_path, {name: replace(case, fires=case.silent[0])})
    assert code == 1
    assert f"{PREFIX}{name} fires" in told
    code, told = judged(tmp_path, {name: replace(case, silent=(case.fires,))})
    assert code == 1
    assert f"{PREFIX}{name} silent 0" in told
