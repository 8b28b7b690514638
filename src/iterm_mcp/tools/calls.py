"""The tool calls under way: let in or refused, measured, written down, drained at the end."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, Protocol

import anyio

from iterm_mcp.access import Access
from iterm_mcp.clock import SystemClock
from iterm_mcp.errors import ItermMcpError, RefusedError
from iterm_mcp.models.ids import AgentName
from iterm_mcp.tools.clients import Client, Clients, Rules
from iterm_mcp.tools.tiers import DESTRUCTIVE, READ, check_tier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mcp.server.mcpserver import Context

    from iterm_mcp.telemetry import McpMetrics, Meter
    from iterm_mcp.tools.call_spans import CallSpans

TARGETS = ("session_id", "window_id", "tab_id", "name", "team", "command_id", "uri", "id")
"""Arguments that say what a call is about: the first one that is there is written down."""

TARGET_CHARACTERS = 100

UNRULED = Rules(access=Access(tools="all"), confirm="never")
"""Everything is shown, and nothing is asked or limited."""


class Audit(Protocol):
    """Where calls are written down."""

    @property
    def problem(self) -> str | None:
        """Return why nothing can be written now; None when it can."""

    def record(self, entry: Mapping[str, object], arguments: Mapping[str, object]) -> None:
        """Take an entry, never waiting; of the arguments only a digest is kept."""


class Permits(Protocol):
    """Knows what each agent may call."""

    async def check(
        self, name: AgentName, tool: str, tier: str, arguments: Mapping[str, object]
    ) -> None:
        """Let a call of an agent's client pass, or raise `RefusedError`."""


class _Nowhere:
    """Writes nothing down."""

    problem = None

    def record(self, entry: Mapping[str, object], arguments: Mapping[str, object]) -> None:
        del entry, arguments


@dataclass(slots=True)
class Call:
    """One call of a tool.

    Attributes:
        outcome: As in the metrics; ``asked`` when the answer is a question to the user.
        confirmed: Who agreed to a destructive call: ``user``, ``argument`` or ``policy``.
    """

    tool: str
    title: str
    tier: str
    arguments: dict[str, Any]
    client: Client
    confirm: Literal["ask", "never"]
    outcome: str = "internal"
    code: str = ""
    confirmed: str = ""
    started: float = field(default_factory=perf_counter)


class Calls:
    """Every tool call passes through `serve` and, once it is let in, through `measure`.

    Attributes:
        meter: Measures each call under the tool's name.
        clients: Who may call, and by what rules.
        mcp: Counts calls by kind of client, if anybody does.

    Args:
        spans: Makes each call a span, where calls are traced.
    """

    def __init__(
        self,
        meter: Meter,
        clients: Clients | None = None,
        audit: Audit | None = None,
        permits: Permits | None = None,
        mcp: McpMetrics | None = None,
        spans: CallSpans | None = None,
    ) -> None:
        self.meter = meter
        self.mcp = mcp
        self._spans = spans
        self._permits = permits
        self.clients = clients or Clients(UNRULED, SystemClock())
        self._audit: Audit = audit or _Nowhere()
        self._running = 0
        self._closing = False
        self._idle = anyio.Event()

    @property
    def running(self) -> int:
        """How many are under way."""
        return self._running

    @contextmanager
    def serve(
        self,
        tool: str,
        tier: str,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        title: str = "",
    ) -> Iterator[Call]:
        """Write down one call, however it ends; the block may raise."""
        name, version = client_name(context)
        client, rules = self.clients.calling(name), self.clients.rules
        call = Call(tool, title or tool, tier, arguments, client, rules.confirm)
        span = None if self._spans is None else self._spans.begin(call, context)
        try:
            yield call
        except ItermMcpError as error:
            call.outcome, call.code = error.outcome, error.code
            raise
        except asyncio.CancelledError:
            call.outcome = "cancelled"
            raise
        finally:
            self._audit.record(_entry(call, name, version), arguments)
            if self.mcp is not None:
                self.mcp.called(name, tool, self.meter.names)
            if span is not None:
                span.end()

    def let_in(self, call: Call) -> None:
        """Let a call pass that its client may make now.

        Raises:
            RefusedError: It is above the client's tier, too soon, or could not be written down.
        """
        call.client.limits.take_call()
        check_tier(call.client.access.tier, call.tool, call.tier)
        if call.tier == READ:
            call.client.limits.check_output()
        problem = self._audit.problem
        if problem and call.tier == DESTRUCTIVE and self.clients.rules.audit_required:
            raise RefusedError(
                f"{call.tool} is refused while calls cannot be written down: {problem}",
                hint="The user has to mend that; the daemon's log and `iterm-mcp audit` say more.",
                code="audit_unavailable",
            )

    async def permit(self, call: Call) -> None:
        """Let a call pass that its agent's role permits; a person's client has no role.

        Raises:
            RefusedError: The role forbids it.
        """
        agent = call.client.access.agent
        if agent and self._permits is not None:
            await self._permits.check(AgentName(agent), call.tool, call.tier, call.arguments)

    @contextmanager
    def measure(self, tool: str) -> Iterator[None]:
        """Count and measure one call.

        Raises:
            RefusedError: The daemon is stopping and takes no new calls.
        """
        with self.meter.measure(tool):
            if self._closing:
                raise RefusedError(
                    "the iterm-mcp daemon is stopping",
                    hint="Call again: the next call starts a new one.",
                    code="stopping",
                )
            self._running += 1
            try:
                yield
            finally:
                self._running -= 1
                self._tell_if_idle()

    def _tell_if_idle(self) -> None:
        if self._closing and not self._running:
            self._idle.set()

    async def drain(self, seconds: float) -> int:
        """Take no new calls and let the running ones end; return how many did not."""
        self._closing = True
        if self._running:
            with anyio.move_on_after(seconds):
                await self._idle.wait()
        return self._running


def client_name(context: Context[Any, Any]) -> tuple[str, str]:
    """Return what a client calls itself, and its version; empty where it says nothing."""
    told = context.session.client_params
    return (told.client_info.name, told.client_info.version) if told else ("", "")


def _entry(call: Call, name: str, version: str) -> dict[str, object]:
    entry: dict[str, object] = {
        "client": name[:TARGET_CHARACTERS],
        "version": version[:TARGET_CHARACTERS],
        "door": call.client.door,
        "tool": call.tool[:TARGET_CHARACTERS],
        "tier": call.tier,
        "outcome": call.outcome,
        "seconds": round(perf_counter() - call.started, 6),
    }
    target = next((one for key in TARGETS if (one := call.arguments.get(key))), None)
    if isinstance(target, str):
        entry["target"] = target[:TARGET_CHARACTERS]
    if call.client.access.agent:
        entry["agent"] = call.client.access.agent
    if call.code:
        entry["code"] = call.code
    if call.confirmed:
        entry["confirmed"] = call.confirmed
    return entry
