from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from io import BytesIO, TextIOWrapper
from typing import Any

import pytest

from iterm_mcp.services.alerts.apprise_process import (
    Door,
    Ending,
    addresses_of,
    is_plain,
    main,
    send,
)


@pytest.mark.parametrize(
    ("event", "address"),
    [
        ("socket.connect", ("127.0.0.1", 80)), ("socket.connect", ("::1", 80, 0, 0)),
        ("socket.connect", ("169.254.169.254", 80)), ("socket.connect", ("10.0.0.1", 443)),
        ("socket.connect", ("::ffff:10.0.0.1", 443, 0, 0)), ("socket.connect", ("0.0.0.0", 1)),
        ("socket.connect", ("localhost", 80)), ("socket.connect", "/run/docker.sock"),
        ("socket.connect", b"\0abstract"), ("socket.sendto", ("192.168.1.1", 53)),
        ("socket.sendmsg", ("fe80::1%eth0", 1, 0, 2)),
        ("subprocess.Popen", None), ("os.posix_spawn", None), ("os.system", None),
        ("syslog.syslog", None),
    ],
    ids=str,
)  # fmt: skip
def test_nothing_within_is_reached(event: str, address: object) -> None:
    door = Door({"127.0.0.9"})
    with pytest.raises(PermissionError):
        door.check(event, (None, address))
    assert door.refused


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (None, ("93.184.216.34", 443))),
        ("socket.connect", (None, ("127.0.0.9", 80))),
        ("socket.connect", (None, ("2606:4700::1111", 443, 0, 0))),
        ("socket.sendmsg", (None, None)), ("socket.sendto", (None,)),
        ("open", ("x", "r", 0)), ("socket.bind", (None, ("::1", 0))), ("import", ("x",)),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_outside_or_allowed_is_reached(event: str, arguments: tuple[Any, ...]) -> None:
    door = Door({"127.0.0.9"})
    door.check(event, arguments)
    assert not door.refused


def test_hosts_have_the_addresses_that_they_have_now() -> None:
    assert addresses_of(["127.0.0.1", "no.such.invalid.", "x" * 300]) == {"127.0.0.1"}


def test_without_the_library_it_is_told() -> None:
    assert send({}, library="no_such_library") is Ending.NO_APPRISE


class Plugin:
    """A service, as Apprise has them."""

    def __init__(self, protocol: str | None, *, secure: bool) -> None:
        self.protocol, self.secure = protocol, secure


class Library:
    """Apprise, as far as it is asked, which tells what it tried to reach."""

    host = "example.org"
    secure = True
    protocol = "json"

    def __init__(self, *, tries: tuple[str, int] | None = None, sent: bool = True) -> None:
        self.tries = tries
        self.sent = sent
        self.doors: list[Any] = []
        self.told: dict[str, str] = {}
        self.Apprise = self

    def __call__(self) -> Library:
        return self

    def instantiate(self, url: str, *, suppress_exceptions: bool) -> Library | None:
        assert suppress_exceptions
        return None if url == "nonsense" else self

    def add(self, plugin: Library) -> None:
        assert plugin is self

    def notify(self, **told: str) -> bool:
        self.told = told
        if self.tries is not None:
            with suppress(PermissionError):
                self.doors[0]("socket.connect", (None, self.tries))
        return self.sent


@pytest.mark.parametrize(
    ("library", "url", "ending"),
    [
        (Library(), "jsons://example.org", Ending.SENT),
        (Library(sent=False), "jsons://example.org", Ending.FAILED),
        (Library(sent=False, tries=("10.0.0.1", 1)), "jsons://example.org", Ending.REFUSED),
        (Library(), "nonsense", Ending.NO_ADDRESS),
    ],
    ids=["sent", "failed", "refused", "nonsense"],
)
def test_what_became_of_it_is_told(
    library: Library, url: str, ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"url": url, "allow_hosts": [], "title": "t", "body": "b", "type": "info"}
    monkeypatch.setitem(sys.modules, "apprise", library)
    monkeypatch.setattr(sys, "addaudithook", library.doors.append)
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(json.dumps(given).encode())))
    try:
        assert main() is ending
    finally:
        logging.disable(logging.NOTSET)
    assert library.told == (
        {} if url == "nonsense" else {"title": "t", "body": "b", "notify_type": "info"}
    )


def test_without_tls_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    library.secure = False
    monkeypatch.setitem(sys.modules, "apprise", library)
    monkeypatch.setattr(sys, "addaudithook", library.doors.append)
    try:
        assert send({"url": "json://example.org", "allow_hosts": []}) is Ending.PLAIN
    finally:
        logging.disable(logging.NOTSET)
    assert library.told == {}


@pytest.mark.parametrize(
    ("plugin", "plain"),
    [(Plugin("json", secure=False), True), (Plugin("json", secure=True), False),
     (Plugin(None, secure=False), False)],
    ids=["plain", "secure", "always secure"],
)  # fmt: skip
def test_what_could_have_tls_has_it(plugin: Plugin, plain: bool) -> None:  # noqa: FBT001
    assert is_plain(plugin) is plain
