"""Who calls: one client a connection, with what it may do and what it has left."""

from __future__ import annotations

from collections import OrderedDict
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from iterm_mcp.access import COMMAND_LINE, Access, read_access
from iterm_mcp.telemetry.mcp_metrics import PIPE, TCP, UNIX
from iterm_mcp.tools.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterm_mcp.clock import Clock
    from iterm_mcp.config import Settings
    from iterm_mcp.telemetry.spread import Spread

MAX_HTTP_SESSIONS = 256
"""The limits of so many sessions and clients without one are remembered, those used last."""

NAME_CHARACTERS = 100

MAX_UNANSWERED = 100


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every client; `iterm_mcp.config.Settings` says what each means."""

    access: Access = field(default_factory=Access)
    confirm: Literal["ask", "never"] = "ask"
    calls_per_second: float = 0.0
    output_characters_per_minute: int = 0
    audit_required: bool = False


def rules_of(settings: Settings) -> Rules:
    """Return what holds for every client.

    Raises:
        AccessError: The settings' tier is none; their tools are looked at by the server.
    """
    return Rules(
        access=Access(settings.tier, settings.tools),
        confirm=settings.confirm,
        calls_per_second=settings.calls_per_second,
        output_characters_per_minute=settings.output_characters_per_minute,
        audit_required=settings.audit_required,
    )


@dataclass(slots=True, eq=False)
class Client:
    """One connection; as long as it lasts it is the same object.

    Attributes:
        door: ``unix``, ``http`` or ``inside``.
        access: What it may see and do, within what all may.
        limits: What it has left.
        unanswered: Calls about which its user was asked in vain; see `confirming`.
        sessionless: It came over HTTP, and nothing but its name tells it from others.
        name: What it calls itself, as far as it has; it may lie.
        spreads: Where its requests are counted, by method; see `metering`.
    """

    door: str
    access: Access
    limits: Limits
    unanswered: OrderedDict[str, None] = field(default_factory=OrderedDict)
    sessionless: bool = False
    name: str = ""
    spreads: dict[str, Spread] = field(default_factory=dict)

    @property
    def transport(self) -> str:
        """What it comes over, in words of OpenTelemetry; a relay stands for its client's stdio."""
        if self.door == "http":
            return TCP
        return UNIX if self.name == COMMAND_LINE else PIPE

    def note_unanswered(self, call: str) -> None:
        """Remember that nobody answered a question about this call."""
        self.unanswered[call] = None
        while len(self.unanswered) > MAX_UNANSWERED:
            self.unanswered.popitem(last=False)


class Clients:
    """Makes the clients and keeps the rules.

    Attributes:
        check: Raises `AccessError` when a client's wish names tools that there are not.
        names: Returns the agent that a client means by the name which its program was born with.
    """

    def __init__(self, rules: Rules, clock: Clock) -> None:
        self.rules = rules
        self.check: Callable[[Access], None] = _whatever
        self.names: Callable[[str], str] = str
        self._clock = clock
        self._inside = self.connect("inside")
        self._http: OrderedDict[tuple[str, str], Client] = OrderedDict()

    def connect(self, door: str) -> Client:
        """Return a new client, with all that the rules let anybody do."""
        limits = Limits(
            self.rules.calls_per_second, self.rules.output_characters_per_minute, self._clock
        )
        return Client(door, self.rules.access, limits)

    def allow(self, client: Client, wish: Access) -> None:
        """Limit a client to what its user wishes, within the rules.

        Raises:
            AccessError: The wish names tools that there are not.
        """
        self.check(wish)
        client.access = wish.within(self.rules.access)

    def enter_http(self, session_id: str, wish: Mapping[str, str]) -> None:
        """Be the client of a request over HTTP in this task, with the limits of its session.

        Args:
            wish: The parameters of the request's URL, such as ``tier``.

        Raises:
            AccessError: The wish means nothing.
        """
        access = read_access(wish)
        self.check(access)
        access = access.within(self.rules.access)
        shared = self._remembered("session", session_id)
        client = Client("http", access, shared.limits, shared.unanswered)
        client.sessionless = not session_id
        CURRENT.set(client)

    def enter_direct(self, name: str, wish: Access) -> None:
        """Be, in this task, a caller that speaks no MCP, with the limits of its name."""
        shared = self._remembered("direct", name[:NAME_CHARACTERS])
        access = wish.within(self.rules.access)
        CURRENT.set(Client("http", access, shared.limits, shared.unanswered))

    def calling(self, name: str) -> Client:
        """Return who makes the call that is being served, by name where there is no session.

        Since 2026-07-28 requests over HTTP belong to no session. All show the one token, and come
        from this machine over connections that any client opens and closes as it likes; so what
        the client calls itself tells which limits are its own. It may lie: limits keep a client
        that loops from costing the others, and whoever has the token may do more harm than that.

        Args:
            name: What it calls itself; those that say nothing share what they have.
        """
        client = self.current()
        access = client.access
        if access.agent and self.names(access.agent) != access.agent:
            client.access = Access(access.tier, access.tools, self.names(access.agent))
        if client.sessionless:
            shared = self._remembered("name", name[:NAME_CHARACTERS])
            client.limits, client.unanswered = shared.limits, shared.unanswered
        return client

    def _remembered(self, kind: str, key: str) -> Client:
        """Return the limits of a session or of a name; new ones, if it was not seen lately."""
        shared = self._http.get((kind, key))
        if shared is None:
            shared = self._http[kind, key] = self.connect("http")
            while len(self._http) > MAX_HTTP_SESSIONS:
                self._http.popitem(last=False)
        self._http.move_to_end((kind, key))
        return shared

    def current(self) -> Client:
        """Return who makes the call that is being served; within no connection, ourselves."""
        return CURRENT.get() or self._inside


def _whatever(_wish: Access) -> None:
    """Let any wish pass, until the tools are known."""


CURRENT: ContextVar[Client | None] = ContextVar("CURRENT", default=None)
"""Set by the door through which a message came; the SDK carries it to the message's handler."""
