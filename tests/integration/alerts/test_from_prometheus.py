"""Real Prometheus, real Alertmanager: what fires there is an alert of the daemon, and told."""

from __future__ import annotations

import json
import subprocess
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import anyio
import httpx2
import pytest
import yaml
from tests.alerts.shipped import FOLDER
from tests.integration.alerts.monitors import hurried, open_alertmanager, shown, watching
from tests.integration.alerts.receiving import served
from tests.integration.alerts.test_attention import ask, verb
from tests.integration.daemon.test_daemon import run_daemon
from tests.integration.programs import installed
from tests.prometheus import open_prometheus
from tests.unit.services.budgets.spenders import Recorded, TellTale
from tests.unit.web.api.opened import TOKEN, open_side
from tests.waiting import eventually

from iterm_mcp.clock import SystemClock
from iterm_mcp.services.alerts.book import Alerts
from iterm_mcp.services.alerts.pushed import PushedAlerts
from iterm_mcp.store import open_store
from iterm_mcp.telemetry import Metrics
from iterm_mcp.web.server import bind_loopback, open_http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.integration.homes import Home

    from iterm_mcp.models.alerts import Alert
    from iterm_mcp.services.alerts.opening import Attention

pytestmark = pytest.mark.headless

NAME = "ItermMcpTerminalAway"


def test_what_we_tell_alertmanager_is_understood(tmp_path: Path) -> None:
    amtool = installed("amtool", "prometheus-alertmanager")
    path = tmp_path / "alertmanager.json"
    path.write_text(json.dumps(hurried("http://127.0.0.1:7717", tmp_path / "token")))
    done = subprocess.run(
        [amtool, "check-config", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@asynccontextmanager
async def taking(folder: Path) -> AsyncIterator[tuple[str, Alerts, TellTale]]:
    """Serve the route that takes alerts on a real port."""
    clock, told = SystemClock(), TellTale()
    async with open_store(str(folder / "alerts.db"), clock) as store:
        alerts = Alerts(store.alerts, Recorded(), clock, told)
        attention = cast("Attention", SimpleNamespace(pushed=PushedAlerts(alerts, clock)))
        async with (
            open_side(folder, attention=attention) as side,
            open_http(side.app, bind_loopback(0, exact=True)) as url,
        ):
            yield url, alerts, told


async def test_an_alertmanager_pushes_what_fires_and_what_is_over(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    async with (
        taking(tmp_path) as (url, alerts, told),
        open_alertmanager(tmp_path, url, token) as alertmanager,
        httpx2.AsyncClient(base_url=alertmanager, timeout=10) as http,
    ):
        now = SystemClock().now()
        fires: dict[str, Any] = {
            "labels": {"alertname": NAME, "severity": "critical", "instance": "one"},
            "annotations": {"summary": "No terminal answers"},
            "startsAt": now.isoformat(),
        }
        answer = await http.post("/api/v2/alerts", json=[fires])
        assert answer.is_success, answer.text
        (alert,) = await eventually(alerts.listed, within_seconds=20)
        assert alert.finding.text == "No terminal answers"
        assert alert.finding.severity == "critical"
        over = {**fires, "endsAt": (now + timedelta(milliseconds=1)).isoformat()}
        await http.post("/api/v2/alerts", json=[over])

        async def left() -> Sequence[Alert]:
            return await alerts.listed()

        await eventually(left, lambda found: not found, within_seconds=20)
        assert len(told.alerts) == 1


def rules_in_a_hurry(folder: Path) -> Path:
    """Write the rules about the terminal as they ship, but that nothing need hold for long."""
    (group,) = (
        one
        for one in yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
        if one["name"] == "iterm-mcp-terminal"
    )
    rules = [one | {"for": "1s"} for one in group["rules"]]
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": group["name"], "rules": rules}]}))
    return path


@pytest.mark.long
async def test_what_breaks_is_an_alert_an_event_and_a_notification(
    home: Home, tmp_path: Path
) -> None:
    metrics = Metrics()
    metrics.terminal_up(set(), again=False)
    with anyio.fail_after(110):
        async with served(seconds=110) as sink:
            tell_by(home, sink.port)
            async with (
                run_daemon(home),
                shown(metrics) as daemon,
                open_alertmanager(tmp_path, home.http_url(), Path(home.paths.token)) as manager,
                open_prometheus(
                    installed("prometheus", "prometheus"),
                    watching(daemon, manager, rules_in_a_hurry(tmp_path)),
                    tmp_path,
                ) as http,
            ):
                await eventually(lambda: seen_connected(http), within_seconds=40)
                metrics.terminal_down()
                await eventually(lambda: bool(sink.bodies), within_seconds=40)
                (told,) = json.loads(sink.bodies[0])["data"]["alerts"]
                assert (told["kind"], told["severity"]) == ("monitor", "critical")
                assert told["subject"].startswith(f"{NAME} ")
                assert "docs/runbooks/terminal.md#itermmcpterminalaway" in told["text"]
                assert "No terminal answers" in await verb(home, "alerts", "list")
                metrics.terminal_up(set(), again=False)
                await eventually(lambda: open_alerts(home), lambda it: not it, within_seconds=40)
                found = await verb(home, "events", "find", "--event", "AlertRaised", "--json")
                assert NAME in found
                settled = (await ask(home, "/events?kind=AlertSettled"))["events"]
                assert [one["payload"]["kind"] for one in settled] == ["monitor"]
            assert len(sink.bodies) == 1


def tell_by(home: Home, port: int) -> None:
    path = Path(home.paths.alerts)
    path.write_text(
        f'[sinks.ops]\nform = "webhook"\nurl = "http://localhost:{port}/"\n'
        'allow_hosts = ["localhost"]\nkinds = ["monitor"]\n'
    )
    path.chmod(0o600)


async def seen_connected(http: httpx2.AsyncClient) -> bool:
    """Whether Prometheus has seen a terminal: one that was never there is not missed."""
    try:
        answer = await http.get(
            "/api/v1/query", params={"query": "iterm_mcp_terminal_connected == 1"}
        )
    except httpx2.HTTPError:
        return False
    return answer.is_success and bool(answer.json()["data"]["result"])


async def open_alerts(home: Home) -> list[Any]:
    return [one for one in (await ask(home, "/alerts"))["alerts"] if one["kind"] == "monitor"]
