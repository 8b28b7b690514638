"""Asking a client to run one of its functions, and waiting for what comes of it."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from iterm_mcp.host import wire
from iterm_mcp.host.json_values import read_json
from iterm_mcp.host.registrations import Registrations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host.client import Client
    from iterm_mcp.host.registrations import Registration

MAX_CALLS = 1000
"""One client waits for no more calls at a time."""


class CallFailedError(Exception):
    """The function raised, or it ended without a result; the text says why."""


@dataclass(eq=False, slots=True)
class Call:
    """One call under way.

    Attributes:
        asker, asked: Who waits, and whose function it is.
        result: What it returned, once `done`; `failure` says why it returned nothing.
    """

    number: str
    asker: Client
    asked: Client
    done: anyio.Event = field(default_factory=anyio.Event)
    result: Any = None
    failure: str | None = None


class Calls:
    """The calls of all clients.

    Attributes:
        registrations: The functions that can be called.
    """

    def __init__(self) -> None:
        self.registrations: Registrations[Client] = Registrations()
        self._numbers = itertools.count(1)
        self._waiting: dict[str, Call] = {}

    def ask(
        self,
        asker: Client,
        asked: Client,
        registration: Registration,
        arguments: Mapping[str, Any],
    ) -> Call:
        """Send a call to the function's owner. What is returned must be waited for.

        Raises:
            CallFailedError: The asker waits for too many already.
        """
        if sum(one.asker is asker for one in self._waiting.values()) >= MAX_CALLS:
            raise CallFailedError("Too many function calls are under way")
        call = Call(f"rpc-{next(self._numbers)}", asker, asked)
        self._waiting[call.number] = call
        event = wire.ServerOriginatedRPCNotification(request_id=call.number)
        event.rpc.name = registration.name
        for name in registration.arguments:
            argument = event.rpc.arguments.add(name=name)
            if arguments[name] is not None:
                argument.json_value = json.dumps(arguments[name])
        asked.notify(wire.Notification(server_originated_rpc_notification=event))
        return call

    async def wait(self, call: Call, seconds: float) -> Any:  # noqa: ANN401
        """Return what the function returned.

        Raises:
            CallFailedError: It raised, or its owner has left.
            TimeoutError: It took longer; its result is of no interest any more.
        """
        try:
            with anyio.fail_after(seconds):
                await call.done.wait()
        finally:
            self._waiting.pop(call.number, None)
        if call.failure is not None:
            raise CallFailedError(call.failure)
        return call.result

    def settle(self, asked: Client, result: wire.ServerOriginatedRPCResultRequest) -> None:
        """Take in a result. One that nobody waits for, or that is another's, is ignored."""
        call = self._waiting.get(result.request_id)
        if call is None or call.asked is not asked:
            return
        kind = result.WhichOneof("result")
        try:
            if kind == "json_exception":
                call.failure = _reason(read_json(result.json_exception))
            elif kind == "json_value":
                call.result = read_json(result.json_value)
        except ValueError:
            call.failure = "The function's result is no JSON"
        call.done.set()

    def leave(self, client: Client) -> None:
        """Forget a client: its functions, what it waits for, and what others wait for from it."""
        self.registrations.remove_all(client)
        for call in list(self._waiting.values()):
            if call.asker is client:
                del self._waiting[call.number]
            elif call.asked is client:
                call.failure = "Script terminated during function call"
                call.done.set()


def _reason(exception: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(exception, dict) and "reason" in exception:
        return str(exception["reason"])
    return "Unknown error"
