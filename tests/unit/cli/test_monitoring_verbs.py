"""What the verbs about monitoring and the probe say."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from iterm_mcp.cli import app
from iterm_mcp.monitoring import status

if TYPE_CHECKING:
    import pytest

HEALTHY: dict[str, Any] = {
    "running": True,
    "healthy": True,
    "programs": {
        "prometheus": {
            "running": True, "version": "2.42.0", "url": "http://127.0.0.1:9090", "pid": 7,
            "restarts": 2,
        },
        "alertmanager": {"running": False, "version": "0.25.0", "url": "u", "restarts": 0},
    },
    "targets": [
        {"job": "iterm-mcp", "instance": "me", "health": "down", "problem": "no\nroute"},
        {"job": "prometheus", "instance": "me", "health": "up", "problem": ""},
    ],
    "rules": {"alerting": 3, "recording": 4, "broken": [{"name": "R", "problem": "bad"}]},
    "alerts": [{"name": "Down", "state": "firing", "severity": "critical", "summary": "It is."}],
    "problem": "Prometheus does not answer: away",
    "disk_bytes": {"prometheus": 2_500_000, "alertmanager": 0},
    "keep_days": 90,
    "folder": "/state/monitoring",
}  # fmt: skip
LEFT: dict[str, Any] = {
    "running": False,
    "healthy": False,
    "left_behind": ["prometheus"],
    "programs": {
        "prometheus": {"running": True, "installed": "2.42.0"},
        "alertmanager": {"running": False, "installed": None},
    },
    "disk_bytes": {"prometheus": 0, "alertmanager": 0},
    "keep_days": 90,
    "folder": "/state/monitoring",
}
JOURNEY: dict[str, Any] = {
    "ok": False,
    "seconds": 1.5,
    "steps": [
        {"step": "session", "ok": True, "seconds": 0.25},
        {"step": "task", "ok": False, "seconds": 1.25, "reason": "it is\ndead"},
    ],
    "left": ["the session: it would not go"],
}


def tell(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], *arguments: str) -> Any:  # noqa: ANN401
    monkeypatch.setattr(status, "look", lambda _places: found)
    return CliRunner().invoke(app, ["monitoring", "status", *arguments])


def test_each_part_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    done = tell(monkeypatch, HEALTHY)
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            "prometheus 2.42.0  http://127.0.0.1:9090  process 7, started again 2 times",
            "alertmanager 0.25.0  has ended and is being started again",
            "target iterm-mcp me  down  no route",
            "target prometheus me  up",
            "rules: 3 alerting, 4 recording",
            "rule R is broken: bad",
            "alert Down  firing  critical  It is.",
            "Prometheus does not answer: away",
            "2.5 MB of series in /state/monitoring, kept 90 days",
        ],
    )


def test_what_was_left_behind_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    done = tell(monkeypatch, LEFT)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[:3] == [
        "prometheus  runs without its keeper",
        "alertmanager  does not run, not installed",
        "left behind by a keeper that was killed: prometheus; `monitoring down` ends it",
    ]


def test_it_is_told_as_json_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(tell(monkeypatch, LEFT, "--json").stdout) == LEFT


def asked(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], *arguments: str) -> Any:  # noqa: ANN401
    def answer(method: str, path: str, body: object, *, seconds: float) -> dict[str, Any]:
        assert (method, path, body) == ("POST", "/v1/probe", {})
        assert seconds >= 240
        return found

    monkeypatch.setattr(sys.modules["iterm_mcp.cli.probe"], "ask_http", answer)
    return CliRunner().invoke(app, ["probe", *arguments])


def test_a_probe_that_failed_says_why_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    done = asked(monkeypatch, JOURNEY)
    assert (done.exit_code, done.stdout.splitlines()) == (
        1,
        [
            "session      250.0 ms  ok",
            "task        1250.0 ms  failed: it is dead",
            "left behind: the session: it would not go; the next run tries to remove it",
            "all         1500.0 ms  failed",
        ],
    )


def test_a_probe_that_went_well_exits_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    well = {"ok": True, "seconds": 1.0, "steps": JOURNEY["steps"][:1]}
    done = asked(monkeypatch, well)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "all         1000.0 ms  ok")
    assert json.loads(asked(monkeypatch, well, "--json").stdout) == well
