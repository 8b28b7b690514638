"""Where a webhook may go: names are looked up once, and no address of this network is taken."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from anyio import getaddrinfo

from iterm_mcp.services.alerts.outbox import NotSentError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    Lookup = Callable[[str, int], Awaitable[Sequence[str]]]

NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect to.

    Attributes:
        address: The one that was checked; the name is not looked up again.
    """

    secure: bool
    host: str
    port: int
    address: str
    path: str


async def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host; an address in any writing is its own."""
    found = await getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def find_place(url: str, allow_hosts: Collection[str], lookup: Lookup = look_up) -> Place:
    """Return where a webhook goes.

    Args:
        allow_hosts: Hosts that may have private addresses, and be spoken to without TLS.

    Raises:
        NotSentError: It may not go there, or its name is not known. The address is not told:
            it may hold a secret.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refused("its address is none") from None
    allowed = host in allow_hosts
    if not host or parts.scheme not in {"https", "http"} or parts.username is not None:
        raise _refused("its address is no https://host/path")
    if parts.scheme == "http" and not allowed:
        raise _refused(f"{host} is to be spoken to without TLS, and not in its allow_hosts")
    port = port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = await lookup(host, port)
    except (OSError, UnicodeError):
        raise NotSentError(f"{host} is not known", again=True) from None
    if not addresses:
        raise NotSentError(f"{host} has no address", again=True)
    if not allowed and not all(map(is_public, addresses)):
        raise _refused(f"{host} is in a private network, and not in its allow_hosts")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme == "https", host, port, addresses[0], path)


def is_public(text: str) -> bool:
    """Return whether an address is one of the internet, also where it stands for another one."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: IPv6Address) -> IPv4Address | None:
    """Return the older address that an address stands for."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def _refused(what: str) -> NotSentError:
    return NotSentError(what, again=False)
