"""What an Alertmanager sends, as it sends it, to the route that takes it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.unit.services.budgets.spenders import Recorded, TellTale
from tests.unit.web.api.opened import Side, error_of, open_side

from iterm_mcp.services.alerts.book import Alerts
from iterm_mcp.services.alerts.pushed import PushedAlerts
from iterm_mcp.store import open_store
from iterm_mcp.testing import FakeClock
from iterm_mcp.web.api.alertmanager import MOST_ALERTS
from iterm_mcp.web.api.bodies import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.services.alerts.opening import Attention

PLACE = "/v1/alertmanager"


def alert(fingerprint: str = "00a1b2c3d4e5f607", status: str = "firing") -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "ItermMcpTerminalAway", "severity": "critical"},
        "annotations": {"summary": "No terminal answers."},
        "startsAt": "2026-11-21T10:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=up",
        "fingerprint": fingerprint,
    }


def body(*alerts: dict[str, Any], **changed: object) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="ItermMcpTerminalAway"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "iterm-mcp",
        "groupLabels": {"alertname": "ItermMcpTerminalAway"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
        "alerts": list(alerts),
        **changed,
    }


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Side, Alerts]]:
    clock = FakeClock()
    (folder / "alerts").mkdir()
    async with open_store(str(folder / "alerts" / "db"), clock) as store:
        alerts = Alerts(store.alerts, Recorded(), clock, TellTale())
        attention = cast("Attention", SimpleNamespace(pushed=PushedAlerts(alerts, clock)))
        async with open_side(folder, attention=attention) as side:
            yield side, alerts


@pytest.fixture(scope="module")
async def quiet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Side, Alerts]]:
    """A side of the module's own, without any alert."""
    async with opened(tmp_path_factory.mktemp("quiet")) as both:
        yield both


async def test_an_alert_is_raised_by_its_webhook_and_settled_by_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, alerts):
        told = await side.post(PLACE, body(alert(), alert("ff"), truncatedAlerts=7))
        assert told.json() == {"raised": 2, "settled": 0, "outdated": 0, "left_out": 7}
        assert len(await alerts.listed()) == 2
        told = await side.post(PLACE, body(alert(status="resolved"), status="resolved"))
        assert told.json() == {"raised": 0, "settled": 1, "outdated": 0, "left_out": 0}
        (left,) = await alerts.listed()
        assert left.finding.subject == "ItermMcpTerminalAway ff"


async def test_only_those_who_may_change_things_tell_of_alerts(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, alerts):
        assert (await side.ask("POST", PLACE, body(alert()), token=None)).status == 401
        reader = await side.token("read")
        assert error_of(await side.post(PLACE, body(alert()), token=reader))[1] == "scope_refused"
        assert await alerts.listed() == ()
        typist = await side.token("mutate")
        assert (await side.post(PLACE, body(alert()), token=typist)).status == 200
        assert len(await alerts.listed()) == 1


@pytest.mark.parametrize(
    "sent",
    [
        {},
        body(alert(), version="5"),
        body({**alert(), "startsAt": "yesterday"}),
        body({**alert(), "startsAt": 0}),
        body({**alert(), "status": "burning"}),
        body({**alert(), "fingerprint": ""}),
        body({**alert(), "labels": {"severity": 1}}),
        body(*[alert()] * (MOST_ALERTS + 1)),
    ],
)
async def test_what_is_no_such_payload_is_refused_whole(
    quiet: tuple[Side, Alerts], sent: dict[str, Any]
) -> None:
    side, alerts = quiet
    assert error_of(await side.post(PLACE, sent)) == (400, "bad_arguments")
    assert await alerts.listed() == ()


async def test_a_body_has_a_bounded_size(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, _alerts):
        large = body({**alert(), "annotations": {"summary": "x" * MAX_BYTES}})
        assert (await side.post(PLACE, large)).status == 413
