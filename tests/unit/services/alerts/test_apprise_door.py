from __future__ import annotations

from typing import Any

import pytest

from iterm_mcp.services.alerts.apprise_process import Door, Ending, addresses_of, is_plain, send


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


@pytest.mark.parametrize(
    ("plugin", "plain"),
    [(Plugin("json", secure=False), True), (Plugin("json", secure=True), False),
     (Plugin(None, secure=False), False)],
    ids=["plain", "secure", "always secure"],
)  # fmt: skip
def test_what_could_have_tls_has_it(plugin: Plugin, plain: bool) -> None:  # noqa: FBT001
    assert is_plain(plugin) is plain
