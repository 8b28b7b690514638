"""Figures at which an alert must fire, and figures at which it must not, for promtool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, str]
"""Series and their values, in the notation of promtool: ``1x5 0x10``, ``0+1x30``."""


@dataclass(frozen=True)
class Case:
    """One alert's figures.

    Attributes:
        fires: It fires at the end of these, once.
        silent: It does not fire at the end of any of these.
        at: When the end is.
        step: Between two values, and between two evaluations.
        alone: Nothing else may be there.
    """

    fires: Figures
    silent: tuple[Figures, ...]
    at: str = "40m"
    step: str = "1m"
    alone: bool = False


@dataclass(frozen=True)
class Trial:
    """Some figures of an alert, as those of a daemon of its own, beside others'."""

    alert: str
    name: str
    figures: Figures
    at: str
    fires: bool

    @property
    def daemon(self) -> str:
        """Labels that no other one has."""
        return f'job="iterm-mcp",instance="{self.alert} {self.name}"'

    def series(self) -> list[dict[str, str]]:
        """Return the figures in promtool's words."""
        return [
            {"series": self._labelled(series), "values": values}
            for series, values in self.figures.items()
        ]

    def check(self, *, alone: bool) -> dict[str, Any]:
        """Return what must come of them."""
        which = "" if alone else f',instance="{self.alert} {self.name}"'
        found = f'count(ALERTS{{alertname="{self.alert}",alertstate="firing"{which}}}) or vector(0)'
        expected = {"labels": "{}", "value": int(self.fires)}
        return {"expr": found, "eval_time": self.at, "exp_samples": [expected]}

    def _labelled(self, series: str) -> str:
        name, _, labels = series.rstrip("}").partition("{")
        if "job=" in labels:
            return series
        return f"{name}{{{','.join(part for part in (labels, self.daemon) if part)}}}"


def trials(alert: str, case: Case) -> list[Trial]:
    """Return each of a case's figures."""
    silent = [
        Trial(alert, f"silent {number}", figures, case.at, fires=False)
        for number, figures in enumerate(case.silent)
    ]
    return [Trial(alert, "fires", case.fires, case.at, fires=True), *silent]


def groups(cases: Mapping[str, Case]) -> list[dict[str, Any]]:
    """Return groups of tests in promtool's words: as few as may be, since each takes its time."""
    found = []
    for step in sorted({case.step for case in cases.values()}):
        together = [
            trial
            for alert, case in cases.items()
            for trial in trials(alert, case)
            if case.step == step and not case.alone
        ]
        found.append(_group(step, together, alone=False))
    for alert, case in cases.items():
        if case.alone:
            found += [_group(case.step, [one], alone=True) for one in trials(alert, case)]
    return found


def _group(step: str, together: list[Trial], *, alone: bool) -> dict[str, Any]:
    return {
        "interval": step,
        "input_series": [series for trial in together for series in trial.series()],
        "promql_expr_test": [trial.check(alone=alone) for trial in together],
    }


def grows(metric: str, by: str, labels: str = "") -> Figures:
    """Return one counter that grows by so much a step."""
    return {f"{metric}{{{labels}}}" if labels else metric: f"0+{by}x60"}


def standing(series: str, value: float, before: float | None = None) -> Figures:
    """Return a gauge that stands; for ten steps it may have stood otherwise."""
    return {series: f"{value}x60" if before is None else f"{before}x10 {value}x50"}
