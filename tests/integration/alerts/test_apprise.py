"""Notices by Apprise, in its process, to real sockets."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.integration.alerts.receiving import served

from iterm_mcp.models.alerts import Severity
from iterm_mcp.models.notices import Form, Notice, SinkSettings
from iterm_mcp.services.alerts import apprises
from iterm_mcp.services.alerts.apprises import AppriseChannel
from iterm_mcp.services.alerts.outbox import NotSentError

NOTICE = Notice("n1", datetime(2026, 1, 7, 12, tzinfo=UTC), Severity.CRITICAL, "a title", "a\ntext")


def sink(url: str, *hosts: str) -> SinkSettings:
    return SinkSettings("x", Form.APPRISE, url, allow_hosts=frozenset(hosts))


async def test_a_notice_arrives_at_a_host_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with served() as found:
        await AppriseChannel(sink(f"json://localhost:{found.port}/in", "localhost")).send(NOTICE)
    told = json.loads(found.bodies[0])
    assert found.lines == ["POST /in HTTP/1.1"]
    assert (told["title"], told["message"], told["type"]) == ("a title", "a\ntext", "failure")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("jsons://127.0.0.1:{port}/", "private network"),
        ("jsons://localhost:{port}/", "private network"),
        ("jsons://2130706433:{port}/", "private network"),
        ("json://127.0.0.1:{port}/", "without TLS"),
        ("ntfys://localhost:{port}/topic", "private network"),
        ("nonsense", "none that Apprise knows"),
    ],
)
async def test_what_is_not_allowed_is_not_reached(url: str, why: str) -> None:
    async with served() as found:
        with pytest.raises(NotSentError, match=why) as caught:
            await AppriseChannel(sink(url.format(port=found.port))).send(NOTICE)
        assert found.lines == []
    assert not caught.value.again
    assert str(found.port) not in str(caught.value)


async def test_no_redirection_leads_elsewhere_within() -> None:
    with socket.create_server(("127.0.0.2", 0)) as other:
        other.setblocking(False)  # noqa: FBT003 - its signature
        async with served() as found:
            where = f"http://127.0.0.2:{other.getsockname()[1]}/"
            found.answers = [f"307 Elsewhere\r\nLocation: {where}"]
            url = f"json://127.0.0.1:{found.port}/"
            with pytest.raises(NotSentError, match="private network"):
                await AppriseChannel(sink(url, "127.0.0.1")).send(NOTICE)
        with pytest.raises(BlockingIOError):
            other.accept()


async def test_what_a_service_does_not_take_may_be_sent_again() -> None:
    async with served() as found:
        found.answers = ["500 Broken"] * 3
        url = f"json://localhost:{found.port}/"
        with pytest.raises(NotSentError, match="did not take") as caught:
            await AppriseChannel(sink(url, "localhost")).send(NOTICE)
    assert caught.value.again


async def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(NotSentError, match="no process starts"):
        await AppriseChannel(sink("json://x"), ("/no/such/program",)).send(NOTICE)


async def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprises, "SECONDS", 0.05)
    with pytest.raises(NotSentError, match="in time"):
        await AppriseChannel(sink("json://x"), ("sleep", "60")).send(NOTICE)


async def test_what_ends_at_once_has_sent_nothing() -> None:
    notice = replace(NOTICE, body="x" * 1_000_000)
    with pytest.raises(NotSentError) as caught:
        await AppriseChannel(sink("json://x"), ("false",)).send(notice)
    assert caught.value.again
