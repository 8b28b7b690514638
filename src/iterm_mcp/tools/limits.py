"""How often one client may call, and how much it is shown: so that a loop costs it, not all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mcp.types import CallToolResult, TextContent

from iterm_mcp.errors import RefusedError
from iterm_mcp.services import untrusted
from iterm_mcp.services.buckets import Bucket

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock

BURST_SECONDS = 5
"""A client that was quiet may make the calls of so many seconds at once."""

MINUTE = 60.0

LEAST_CHARACTERS = 2000
"""So much of an answer's end is shown, however little of the budget is left."""

HEAD_CHARACTERS = 300
"""A first line that is not longer stays: it says what the text is, and seals it."""


class Limits:
    """What one client has left of its calls and of its output.

    Args:
        calls_per_second: 0 sets no limit.
        characters_per_minute: Of answers; 0 sets no limit.
    """

    def __init__(self, calls_per_second: float, characters_per_minute: int, clock: Clock) -> None:
        burst = max(1.0, calls_per_second * BURST_SECONDS)
        self._calls = Bucket(calls_per_second, burst, clock)
        self._characters_per_minute = characters_per_minute
        self._output = Bucket(characters_per_minute / MINUTE, characters_per_minute, clock)

    def take_call(self) -> None:
        """Count one call.

        Raises:
            RefusedError: They come too fast.
        """
        wait = self._calls.seconds_until(1)
        if wait:
            raise RefusedError(
                "this client calls tools faster than it may",
                hint=f"Wait {_seconds(wait)}, then call again; wait_for waits without asking.",
                code="rate_limited",
            )
        self._calls.take(1)

    def check_output(self) -> None:
        """Let a call pass whose only use is its answer.

        Raises:
            RefusedError: What may be shown is used up.
        """
        wait = self._output.seconds_until(LEAST_CHARACTERS)
        if wait:
            raise RefusedError(
                f"this client was shown its {self._characters_per_minute} characters of a minute",
                hint=f"Wait {_seconds(wait)}, then ask for less: fewer lines, or a pattern.",
                code="output_budget",
            )

    def charge(self, characters: int) -> None:
        """Count what a client was shown that is not cut."""
        self._output.take(characters)

    def fit(self, result: CallToolResult) -> CallToolResult:
        """Return an answer, cut to its end where the budget is too small for it, and charge it.

        Only text is cut, never what a program has to parse; the first line stays if it is short.
        """
        limit = max(self._output.level(), LEAST_CHARACTERS)
        texts = [one for one in result.content if isinstance(one, TextContent)]
        length = sum(len(one.text) for one in texts)
        if length > limit and result.structured_content is None:
            share = int(limit) // len(texts)
            content: list[Any] = [
                TextContent(type="text", text=self._cut(one.text, share))
                if isinstance(one, TextContent)
                else one
                for one in result.content
            ]
            result = result.model_copy(update={"content": content})
            length = int(limit)
        self._output.take(length)
        return result

    def _cut(self, text: str, limit: int) -> str:
        if len(text) <= limit:
            return text
        head, newline, body = text.partition("\n")
        if not newline or len(head) > HEAD_CHARACTERS:
            head, body = "", text
        tail, left_out = untrusted.keep_tail(body, limit)
        note = (
            f"[{left_out} lines left out here: {self._characters_per_minute} characters a minute "
            "are shown to this client]"
        )
        return "\n".join([*([head] if head else []), note, tail])


def _seconds(wait: float) -> str:
    return f"{math.ceil(wait * 10) / 10:g} s"
