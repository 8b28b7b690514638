"""Requests of ours to an agent's JSON-RPC server, and the answers that they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import AgentError, AgentGoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterm_mcp.models.observations import Json

ANSWER_SECONDS = 30.0


class RefusedByAgentError(AgentError):
    """The app-server answered a request with an error.

    Attributes:
        number: JSON-RPC's code of it.
    """

    def __init__(self, method: str, error: Mapping[str, Json]) -> None:
        super().__init__(
            f"{method}: {error.get('message') or 'refused without a reason'}",
            hint="See the agent's last words; it may need a login or another model.",
        )
        code = error.get("code")
        self.number = code if isinstance(code, int) else 0


class Requests:
    """The requests under way.

    Args:
        send: Sends a message; may raise `AgentError`.
    """

    def __init__(self, send: Callable[[Mapping[str, Json]], None]) -> None:
        self._send = send
        self._waiting: dict[int, _Reply] = {}
        self._number = 0
        self._last_words: str | None = None

    async def ask(self, method: str, **params: Json) -> dict[str, Json]:
        """Send a request and return its result.

        Raises:
            RefusedByAgentError: It was answered with an error.
            AgentGoneError: The process has ended.
            AgentError: No answer in `ANSWER_SECONDS`.
        """
        self._number += 1
        number, reply = self._number, _Reply()
        self._waiting[number] = reply
        try:
            self._send({"id": number, "method": method, "params": params})
            if self._last_words is not None:
                reply.set({})
            with anyio.move_on_after(ANSWER_SECONDS):
                return self._result(method, await reply.wait())
        finally:
            del self._waiting[number]
        raise AgentError(
            f"the agent did not answer {method} in {ANSWER_SECONDS:g} s",
            hint="Interrupt it, or stop it and start it again.",
        )

    def after(self, number: object) -> None:
        """Know of the number of a request that was sent before; ours are greater."""
        if isinstance(number, int):
            self._number = max(self._number, number)

    def take(self, answer: Mapping[str, Json]) -> None:
        """Take an answer; one that nobody waits for any more is dropped."""
        number = answer.get("id")
        reply = self._waiting.get(number) if isinstance(number, int) else None
        if reply is not None:
            reply.set(answer)

    def close(self, last_words: str) -> None:
        """Tell whoever waits that no answer will come, with what the process complained of."""
        self._last_words = last_words
        for reply in self._waiting.values():
            reply.set({})

    def _result(self, method: str, answer: Mapping[str, Json]) -> dict[str, Json]:
        error, result = answer.get("error"), answer.get("result")
        if isinstance(error, dict):
            raise RefusedByAgentError(method, error)
        if not answer:
            said = (self._last_words or "")[-500:]
            raise AgentGoneError(
                "the agent's process has ended", hint=f"It said: {said or 'nothing'}."
            )
        return result if isinstance(result, dict) else {}


class _Reply:
    """An answer that is waited for; an empty one says that none will come."""

    def __init__(self) -> None:
        self._come = anyio.Event()
        self._message: Mapping[str, Json] = {}

    def set(self, message: Mapping[str, Json]) -> None:
        self._message = message
        self._come.set()

    async def wait(self) -> Mapping[str, Json]:
        await self._come.wait()
        return self._message
