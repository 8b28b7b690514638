"""Notices over real sockets: signatures, refusals, redirections, names that change, mail."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.integration.alerts.receiving import Sink, served

from iterm_mcp.models.alerts import Severity
from iterm_mcp.models.notices import Form, Notice, SinkSettings
from iterm_mcp.services.alerts.addresses import look_up
from iterm_mcp.services.alerts.mailing import MailChannel
from iterm_mcp.services.alerts.outbox import NotSentError
from iterm_mcp.services.alerts.webhooks import WebhookChannel

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 1, 7, 12, tzinfo=UTC)
NOTICE = Notice("n1", NOW, Severity.WARNING, "a title", "a text")
KEY = b"0123456789abcdef"


def hook(sink: Sink, form: Form = Form.WEBHOOK) -> SinkSettings:
    return SinkSettings(
        "ops", form, f"http://localhost:{sink.port}/in?a=b", allow_hosts=frozenset({"localhost"})
    )


async def test_a_webhook_is_signed_so_that_its_receiver_can_tell() -> None:
    async with served() as sink:
        secret = f"whsec_{base64.b64encode(KEY).decode()}"
        await WebhookChannel(replace(hook(sink), secret=secret)).send(NOTICE)
    (head,), (body,) = sink.heads, sink.bodies
    assert sink.lines == ["POST /in?a=b HTTP/1.1"]
    assert head["host"] == f"localhost:{sink.port}"
    signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert head["webhook-signature"] == f"v1,{mac}"
    assert (head["webhook-id"], head["webhook-timestamp"]) == ("n1", str(int(NOW.timestamp())))
    assert json.loads(body)["data"]["title"] == "a title"


@pytest.mark.parametrize("form", [Form.SLACK, Form.DISCORD])
async def test_slack_and_discord_are_told_in_their_words(form: Form) -> None:
    async with served() as sink:
        await WebhookChannel(hook(sink, form)).send(NOTICE)
    assert "webhook-id" not in sink.heads[0]
    assert "a text" in json.loads(sink.bodies[0])["text" if form is Form.SLACK else "content"]


@pytest.mark.parametrize(
    ("answer", "again", "after"),
    [
        ("500 Broken", True, 0),
        ("429 Slow\r\nRetry-After: 7", True, 7),
        ("503 Later\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT", True, 0),
        ("404 Nowhere", False, 0),
        ("302 Elsewhere\r\nLocation: http://localhost:1/", False, 0),
        ("307 Elsewhere\r\nLocation: http://169.254.169.254/", False, 0),
    ],
)
async def test_no_redirection_is_followed_and_refusals_are_told_apart(
    answer: str,
    again: bool,  # noqa: FBT001 - a table's column
    after: float,
) -> None:
    async with served() as sink:
        sink.answers = [answer]
        with pytest.raises(NotSentError, match=answer[:3]) as caught:
            await WebhookChannel(hook(sink)).send(NOTICE)
    assert (caught.value.again, caught.value.after_seconds) == (again, after)
    assert len(sink.lines) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]",
             "localhost", "[::1]", "0"],
)  # fmt: skip
async def test_this_machine_is_reached_under_no_writing_of_its_address(host: str) -> None:
    async with served() as sink:
        settings = SinkSettings("x", Form.WEBHOOK, f"https://{host}:{sink.port}/")
        with pytest.raises(NotSentError) as caught:
            await WebhookChannel(settings).send(NOTICE)
        assert "private network" in str(caught.value) or "not known" in str(caught.value)
        assert sink.lines == []


async def test_a_name_that_changes_between_two_looks_is_looked_up_once() -> None:
    async with served() as sink:
        asked: list[str] = []

        async def rebinding(host: str, port: int) -> Sequence[str]:
            assert port
            asked.append(host)
            return ["192.0.2.1"] if len(asked) > 1 else await look_up("127.0.0.1", port)

        settings = replace(
            hook(sink), url=f"http://changing.example:{sink.port}/",
            allow_hosts=frozenset({"changing.example"}),
        )  # fmt: skip
        await WebhookChannel(settings, rebinding).send(NOTICE)
        assert asked == ["changing.example"]
        assert sink.heads[0]["host"] == f"changing.example:{sink.port}"


async def test_what_speaks_no_tls_or_is_not_there_may_be_tried_again() -> None:
    async with served() as sink:
        settings = replace(hook(sink), url=f"https://localhost:{sink.port}/")
        sink.serve = lambda stream: stream.aclose()  # type: ignore[method-assign]
    with pytest.raises(NotSentError, match="cannot be reached") as caught:
        await WebhookChannel(settings).send(NOTICE)
    assert caught.value.again


async def test_a_mail_is_handed_over() -> None:
    async with served(mail=True) as sink:
        url = f"smtp://localhost:{sink.port}?from=a@example.org&to=b@example.org&to=c@example.org"
        settings = SinkSettings("x", Form.EMAIL, url, allow_hosts=frozenset({"localhost"}))
        await MailChannel(settings).send(NOTICE)
    assert "RCPT TO:<c@example.org>" in [line.replace("rcpt", "RCPT") for line in sink.lines]
    assert "Subject: iterm-mcp: a title" in sink.lines
    assert "a text" in sink.lines


@pytest.mark.parametrize(
    ("answers", "again"),
    [
        (["250 well", "550 nobody", "550 nobody"], False),
        (["250 well", "450 later"], True),
        (["250 well", "250 well", "550 nobody", "550 nobody"], False),
    ],
)
async def test_what_a_mail_server_says_is_heard(answers: list[str], again: bool) -> None:  # noqa: FBT001
    async with served(mail=True) as sink:
        sink.answers = answers
        url = f"smtp://localhost:{sink.port}?from=a@example.org&to=b@example.org"
        settings = SinkSettings("x", Form.EMAIL, url, allow_hosts=frozenset({"localhost"}))
        with pytest.raises(NotSentError, match="mail server") as caught:
            await MailChannel(settings).send(NOTICE)
    assert caught.value.again is again


async def test_no_password_is_sent_in_the_clear() -> None:
    async with served(mail=True) as sink:
        url = f"smtp://me:word@localhost:{sink.port}?from=a@example.org&to=b@example.org"
        with pytest.raises(NotSentError, match="cannot be used"):
            await MailChannel(SinkSettings("x", Form.EMAIL, url)).send(NOTICE)
    assert not any("AUTH" in line for line in sink.lines)


@pytest.mark.parametrize(
    "url",
    [
        "smtp://localhost",
        "http://localhost?from=a&to=b",
        "smtp://[x?from=a&to=b",
        "smtp://?from=a&to=b",
    ],
)
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(NotSentError, match="no smtps") as caught:
        await MailChannel(SinkSettings("x", Form.EMAIL, url)).send(NOTICE)
    assert not caught.value.again
