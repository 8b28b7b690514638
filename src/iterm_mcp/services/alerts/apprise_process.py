"""``python -m iterm_mcp.services.alerts.apprise_process``: sends what stands on stdin by Apprise.

Wherever Apprise and its libraries connect to, however often they look a name up or are sent
elsewhere, the interpreter asks `Door` first (sys.addaudithook): nothing within this machine and its
networks is reached, and no program is started.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
from enum import IntEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from iterm_mcp.services.alerts.addresses import is_public

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CONNECTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_ACTS = {
    "subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork", "os.forkpty",
    "os.startfile", "pty.spawn", "syslog.openlog", "syslog.syslog",
}  # fmt: skip


class Ending(IntEnum):
    """What the process's exit code says."""

    SENT = 0
    FAILED = 1
    NO_ADDRESS = 10
    REFUSED = 11
    PLAIN = 12
    NO_APPRISE = 13


class Door:
    """Decides what may be reached.

    Attributes:
        refused: Whether something else was tried.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(allowed)
        self.refused = False

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at what the interpreter is about to do.

        Raises:
            PermissionError: It may not.
        """
        if event in _ACTS or (event in _CONNECTS and not self._is_open(arguments)):
            self.refused = True
            raise PermissionError(f"{event} is refused")

    def _is_open(self, arguments: tuple[Any, ...]) -> bool:
        address = arguments[1] if len(arguments) > 1 else None
        if not isinstance(address, tuple):
            return address is None  # of a socket that is connected already; a path is refused
        host = str(address[0])
        return host in self._allowed or is_public(host)


def addresses_of(hosts: Iterable[str]) -> set[str]:
    """Return the addresses that hosts have now; those that are not known have none."""
    found: set[str] = set()
    for host in hosts:
        try:
            rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            continue
        found |= {str(address[0]) for *_, address in rows}
    return found


def send(given: Mapping[str, Any], library: str = "apprise") -> Ending:
    """Send a notice; from then on this process reaches nothing else.

    Args:
        given: ``url``, ``allow_hosts``, ``title``, ``body`` and ``type``.
    """
    try:
        apprise = import_module(library)
    except ImportError:
        return Ending.NO_APPRISE
    logging.disable()  # what it logs may hold secrets
    door = Door(addresses_of(given["allow_hosts"]))
    sys.addaudithook(door.check)
    plugin = apprise.Apprise.instantiate(given["url"], suppress_exceptions=True)
    if plugin is None:
        return Ending.NO_ADDRESS
    if is_plain(plugin) and str(plugin.host) not in given["allow_hosts"]:
        return Ending.PLAIN
    service = apprise.Apprise()
    service.add(plugin)
    sent = service.notify(title=given["title"], body=given["body"], notify_type=given["type"])
    if sent:
        return Ending.SENT
    return Ending.REFUSED if door.refused else Ending.FAILED


def is_plain(plugin: Any) -> bool:  # noqa: ANN401 - any service of Apprise's
    """Return whether a service is spoken to without TLS that could be spoken to with it."""
    return bool(plugin.protocol) and not plugin.secure


def main() -> int:
    """Send what stands on stdin; return how that ended."""
    return send(json.loads(sys.stdin.buffer.read()))


if __name__ == "__main__":
    sys.exit(main())
