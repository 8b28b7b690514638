from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.alerts.raised import NOON, Wire, alert

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.alerts import Severity
from iterm_mcp.models.notices import Notice
from iterm_mcp.services.alerts.mailing import to_mail
from iterm_mcp.services.alerts.notifying import Notifier
from iterm_mcp.services.alerts.outbox import NotSentError
from iterm_mcp.services.alerts.webhooks import sign, to_body
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.models.notices import SinkSettings
    from iterm_mcp.services.alerts.alert_file import AlertSettings

from dataclasses import replace

from iterm_mcp.models.notices import Form

TEXT = """
[sinks.all]
form = "webhook"
url = "https://example.org/secret"
least = "info"
[sinks.web]
form = "slack"
url = "https://example.org/secret"
teams = ["web"]
"""
NOTICE = Notice("n1", NOON, Severity.WARNING, "a <title>", "@everyone & more")


class Stage:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "alerts.toml"
        self.wires: dict[str, Wire] = {}
        self.applied: list[AlertSettings] = []
        self.notifier = Notifier(str(self.path), FakeClock(NOON), self.open)
        self.notifier.apply = self.applied.append
        self.write(TEXT)

    def open(self, settings: SinkSettings) -> Wire:
        return self.wires.setdefault(settings.name, Wire())

    def write(self, text: str) -> None:
        self.path.write_text(text)
        self.path.chmod(0o600)


async def test_alerts_go_where_they_are_wanted(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with anyio.fail_after(20):
        async with stage.notifier.running():
            stage.notifier.tell(alert(1))
            stage.notifier.tell(alert(2, team="web"))
            while sum(one["sent"] for one in await stage.notifier.listed()) < 2:
                await anyio.lowlevel.checkpoint()
    told = {name: [one.alerts for one in wire.sent] for name, wire in stage.wires.items()}
    assert told == {"all": [(alert(1), alert(2, team="web"))], "web": [(alert(2, team="web"),)]}
    assert len(stage.applied) == 1


async def test_a_sink_is_tried_and_shown_without_its_secrets(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.notifier.try_sink("web")
    assert [one.title for one in stage.wires["web"].sent] == ["a test of notifications"]
    assert "secret" not in str(await stage.notifier.listed())
    with pytest.raises(NotFoundError, match="pigeon") as caught:
        await stage.notifier.try_sink("pigeon")
    assert "all, web" in caught.value.hint
    stage.wires["web"].errors = [NotSentError("away", again=True)]
    with pytest.raises(NotSentError, match="away"):
        await stage.notifier.try_sink("web")


async def test_a_file_that_nobody_understands_changes_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.notifier.load()
    stage.write("nonsense")
    with pytest.raises(InvalidRequestError, match="cannot be used"):
        await stage.notifier.listed()
    stage.notifier.tell(alert())
    stage.write(TEXT)
    os.utime(stage.path, (1, 1))
    waiting = {one["name"]: one["waiting"] for one in await stage.notifier.listed()}
    assert waiting == {"all": 1, "web": 0}
    stage.path.unlink()
    assert await stage.notifier.listed() == []


def test_what_an_agent_says_mentions_nobody() -> None:
    assert to_body(Form.SLACK, NOTICE) == {"text": "a &lt;title&gt;\n@everyone &amp; more"}
    discord = to_body(Form.DISCORD, replace(NOTICE, body="x" * 5000))
    assert len(discord["content"]) == 1900
    assert discord["allowed_mentions"] == {"parse": []}
    data = to_body(Form.WEBHOOK, replace(NOTICE, alerts=(alert(),)))["data"]
    assert (data["text"], data["alerts"][0]["alert_id"]) == ("@everyone & more", 1)


def test_signatures_are_those_of_standard_webhooks() -> None:
    # The example of the specification's own libraries.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    found = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    with pytest.raises(NotSentError, match="base64"):
        sign("whsec_?", "a", "1", b"")


def test_a_mail_says_it_all() -> None:
    mail = to_mail(
        replace(NOTICE, title="x y"), "a@example.org", ["b@example.org", "c@example.org"]
    )
    assert (mail["To"], mail["Subject"]) == ("b@example.org, c@example.org", "iterm-mcp: x y")
    assert mail.get_content() == "@everyone & more\n"
