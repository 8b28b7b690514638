from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.services.alerts.addresses import Place, find_place, is_public
from iterm_mcp.services.alerts.outbox import NotSentError

if TYPE_CHECKING:
    from collections.abc import Sequence

PRIVATE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1",
    "64:ff9b::169.254.169.254", "2002:7f00:1::", "2002:a00:1::1", "2001:db8::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe", "nonsense", "",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_of_this_network_are_no_public_ones(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


class Names:
    """A resolver; each name is asked for once, or the test fails."""

    def __init__(self, *answers: str) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        assert port
        self.asked.append(host)
        if "unknown" in host:
            raise OSError("no such name")
        return self.answers


async def test_what_was_checked_is_what_is_connected_to() -> None:
    names = Names("1.1.1.1", "2606:4700::1")
    place = await find_place("https://example.org/a/b?c=d", (), names)
    assert place == Place(
        secure=True, host="example.org", port=443, address="1.1.1.1", path="/a/b?c=d"
    )
    assert names.asked == ["example.org"]


@pytest.mark.parametrize(
    ("url", "addresses", "said"),
    [
        ("https://example.org", ["127.0.0.1"], "private network"),
        ("https://example.org", ["1.1.1.1", "10.0.0.1"], "private network"),  # one of several
        ("https://2130706433/", ["127.0.0.1"], "private network"),
        ("https://0x7f.1/", ["127.0.0.1"], "private network"),
        ("https://[::ffff:127.0.0.1]/", ["::ffff:127.0.0.1"], "private network"),
        ("http://example.org/", ["1.1.1.1"], "without TLS"),
        ("https://user:word@example.org/", ["1.1.1.1"], "no https://host/path"),
        ("file:///etc/passwd", [], "no https://host/path"),
        ("gopher://example.org/", [], "no https://host/path"),
        ("https:///path", [], "no https://host/path"),
        ("https://[::1/", [], "none"),
        ("https://example.org:99999/", [], "none"),
        ("https://example.org/", [], "no address"),
        ("https://unknown.example/", [], "not known"),
    ],
)
async def test_nothing_goes_where_it_should_not(url: str, addresses: list[str], said: str) -> None:
    with pytest.raises(NotSentError, match=said) as caught:
        await find_place(url, (), Names(*addresses))
    assert "word" not in str(caught.value)
    assert caught.value.again is (said in {"no address", "not known"})


async def test_hosts_that_are_named_may_be_in_this_network() -> None:
    place = await find_place("http://intern:8080", ("intern",), Names("10.0.0.1"))
    assert place == Place(secure=False, host="intern", port=8080, address="10.0.0.1", path="/")
