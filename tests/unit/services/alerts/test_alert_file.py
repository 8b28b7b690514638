from __future__ import annotations

import tomllib
from datetime import time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.alerts import AlertKind, Severity
from iterm_mcp.models.notices import Form, QuietHours, SinkSettings, Via
from iterm_mcp.services.alerts.alert_file import AlertSettings, load_alert_file, read_alerts
from iterm_mcp.services.alerts.finding import AlertRules

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
[rules]
waiting_seconds = 60

[quiet_hours]
from = "22:00"
until = "07:00"
time_zone = "Europe/Berlin"
unless = "warning"

[sinks.ops]
form = "slack"
url_env = "HOOK"
secret = "s"
allow_hosts = ["intern"]
least = "critical"
kinds = ["budget"]
teams = ["web"]
digest_seconds = 60
"""


def test_a_file_says_what_is_told_where() -> None:
    found = read_alerts(tomllib.loads(TEXT), {"HOOK": "https://h"})
    assert found == AlertSettings(
        AlertRules(waiting_seconds=60),
        QuietHours(time(22), time(7), ZoneInfo("Europe/Berlin"), Severity.WARNING),
        (
            SinkSettings(
                "ops", Form.SLACK, "https://h", "s", frozenset({"intern"}), Severity.CRITICAL,
                frozenset({AlertKind.BUDGET}), frozenset({"web"}), 60.0,
            ),
        ),
    )  # fmt: skip
    assert "https://h" not in repr(found)


def test_a_desktop_needs_no_address() -> None:
    found = read_alerts(
        tomllib.loads("[sinks.a]\nform = 'desktop'\n[sinks.b]\nform = 'desktop'\nvia = 'osc99'"), {}
    )
    assert [(one.url, one.via) for one in found.sinks] == [("", Via.AUTO), ("", Via.OSC99)]


SINK = "[sinks.x]\nform = 'slack'\nurl = 'u'\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule = 1", "'rule'"),
        ("rules = 1", "no table"),
        ("[rules]\nspeed = 1", "'speed'"),
        ("[rules]\nwaiting_seconds = 'x'", "no number"),
        ("[rules]\nwaiting_seconds = nan", "no number"),
        ("[quiet_hours]\nfrom = '22:00'", "mean nothing"),
        ("[quiet_hours]\nfrom = 22\nuntil = 7", "mean nothing"),
        ("[quiet_hours]\nfrom = '22:00+01:00'\nuntil = '07:00'", "offsets"),
        ("[sinks]\nx = 1", "no table"),
        ("[sinks.x]\nform = 'slack'", "no address"),
        ("[sinks.x]\nurl = 'u'", "lacks a form"),
        ("[sinks.x]\nform = 'pigeon'\nurl = 'u'", "'pigeon'"),
        ("[sinks.x]\nform = 'slack'\nurl = 5", "no text"),
        ("[sinks.x]\nform = 'slack'\nurl_env = 'NONE'", "not set"),
        (SINK + "via = 'osc9'", "has a via"),
        ("[sinks.x]\nform = 'desktop'\nvia = 'smoke'", "'smoke'"),
        ("[sinks.x]\nform = 'apprise'", "no address"),
        (SINK + "kinds = 'budget'", "no list"),
        (SINK + "kinds = ['moon']", "'moon'"),
        (SINK + "digest_seconds = true", "no number"),
        ("".join(f"[sinks.s{n}]\n" for n in range(51)), "too many"),
    ],
)
def test_what_means_nothing_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        read_alerts(tomllib.loads(text), {})
    assert caught.value.hint


def test_a_file_with_secrets_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "alerts.toml"
    assert load_alert_file(str(path), {}) == AlertSettings()
    path.write_text(SINK)
    path.chmod(0o640)
    with pytest.raises(InvalidRequestError, match="others may read its secrets"):
        load_alert_file(str(path), {})
    path.chmod(0o600)
    assert [one.name for one in load_alert_file(str(path), {}).sinks] == ["x"]
    path.write_text(SINK.replace("url =", "url_env ="))
    path.chmod(0o644)
    assert load_alert_file(str(path), {"u": "https://h"}).sinks[0].url == "https://h"
    for text in ("[", "#" * 300_000):
        path.write_text(text)
        with pytest.raises(InvalidRequestError, match="cannot be used"):
            load_alert_file(str(path), {})
