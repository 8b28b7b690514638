"""The functions that clients offer: what each is called, and which one an invocation means. Pure.

A function's identity is its namespace, its name and the names of its arguments. Whoever calls
it may leave out arguments that have a default: the path of a variable, worked out where it is
called.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from iterm_mcp.host import wire
from iterm_mcp.host.invocations import Path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Owner = TypeVar("Owner")

Status = wire.NotificationResponse.Status

DEFAULT_SECONDS = 5.0
MAX_SECONDS = 3600.0
"""However long a function may take in its own or its caller's opinion."""

MAX_REGISTRATIONS = 1000
"""One client offers no more functions."""

_NAME = re.compile(r"[A-Za-z0-9_]+")
_NAMESPACES = {
    wire.RPCRegistrationRequest.SESSION_TITLE: ("title", "session_title_attributes"),
    wire.RPCRegistrationRequest.STATUS_BAR_COMPONENT: (
        "statusbar", "status_bar_component_attributes"
    ),
    wire.RPCRegistrationRequest.CONTEXT_MENU: ("contextMenu", "context_menu_attributes"),
}  # fmt: skip


class MalformedError(Exception):
    """The registration cannot be read."""


@dataclass(frozen=True, slots=True)
class Registration:
    """One function.

    Attributes:
        full_name: What it is invoked by: the name, behind its namespace if it has one.
        arguments: Their names, sorted.
        timeout_seconds: How long it may take.
    """

    full_name: str
    name: str
    arguments: tuple[str, ...]
    defaults: Mapping[str, Path]
    timeout_seconds: float

    @property
    def signature(self) -> str:
        """Return its identity."""
        return f"{self.full_name}({','.join(self.arguments)})"

    def accepts(self, given: frozenset[str]) -> bool:
        """Tell whether it can be called with arguments of these names."""
        return given <= set(self.arguments) and set(self.arguments) - given <= self.defaults.keys()


def read(request: wire.RPCRegistrationRequest) -> Registration:
    """Read what a client offers.

    Raises:
        MalformedError: A name is none, or one argument comes twice.
    """
    arguments = [one.name for one in request.arguments]
    names = [request.name, *arguments]
    if len(set(arguments)) != len(arguments) or not all(map(_NAME.fullmatch, names)):
        raise MalformedError
    full_name = request.name
    if request.role in _NAMESPACES:
        prefix, attributes = _NAMESPACES[request.role]
        identifier = getattr(request, attributes).unique_identifier.replace("-", "_")
        if not identifier:
            raise MalformedError
        full_name = f"{prefix}.{identifier}.{request.name}"
    defaults = {
        one.name: Path(one.path.removesuffix("?"), optional=one.path.endswith("?"))
        for one in request.defaults
    }
    return Registration(
        full_name,
        request.name,
        tuple(sorted(arguments)),
        defaults,
        bounded(request.timeout, DEFAULT_SECONDS),
    )


def bounded(seconds: float, default: float) -> float:
    """Return a time to wait: the default when none was given, and never without end."""
    return min(seconds, MAX_SECONDS) if seconds > 0 and not math.isnan(seconds) else default


class Registrations(Generic[Owner]):
    """All functions on offer, each with its owner."""

    def __init__(self) -> None:
        self._offered: dict[str, tuple[Owner, Registration]] = {}

    def add(
        self, owner: Owner, request: wire.RPCRegistrationRequest
    ) -> wire.NotificationResponse.Status.ValueType:
        """Offer a function; nobody else may offer one of the same identity."""
        try:
            registration = read(request)
        except MalformedError:
            return Status.REQUEST_MALFORMED
        if registration.signature in self._offered:
            return Status.DUPLICATE_SERVER_ORIGINATED_RPC
        if sum(one is owner for one, _ in self._offered.values()) >= MAX_REGISTRATIONS:
            return Status.REQUEST_MALFORMED
        self._offered[registration.signature] = (owner, registration)
        return Status.OK

    def remove(
        self, owner: Owner, request: wire.RPCRegistrationRequest
    ) -> wire.NotificationResponse.Status.ValueType:
        """Take back a function of one's own."""
        try:
            signature = read(request).signature
        except MalformedError:
            return Status.REQUEST_MALFORMED
        found = self._offered.get(signature)
        if found is None or found[0] is not owner:
            return Status.NOT_SUBSCRIBED
        del self._offered[signature]
        return Status.OK

    def remove_all(self, owner: Owner) -> None:
        """Take back everything that an owner offers."""
        self._offered = {
            signature: found for signature, found in self._offered.items() if found[0] is not owner
        }

    def matching(
        self, full_name: str, given: frozenset[str]
    ) -> Iterator[tuple[Owner, Registration]]:
        """Yield what an invocation may mean; what takes just the given arguments comes first."""
        found = [
            one
            for one in self._offered.values()
            if one[1].full_name == full_name and one[1].accepts(given)
        ]
        yield from sorted(found, key=lambda one: len(one[1].arguments))
